"""The networks of the course: plain modules with ``encode``, ``decode`` and ``forward``.

Each is written out in the chapter that teaches it, in the same code as here. All take images
of shape (N, C, H, W), or (N, ...) in general, and give back the same shape.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = [
    "PCA",
    "Autoencoder",
    "Dropout",
    "DropoutAutoencoder",
    "LinearAutoencoder",
    "LogisticPCA",
    "mlp",
    "principal_components",
]


def mlp(widths: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """A multilayer perceptron: linear layers with an activation between each two.

    Chapter 03 writes it out.

    Args:
        widths: the width of every layer, input and output included, e.g. (784, 1000, 2).
        activation: makes the module between two linear layers; none follows the last.

    Returns:
        A module from (N, widths[0]) to (N, widths[-1]).

    Raises:
        ValueError: if there are fewer than two widths, or one is not a positive whole number.
    """
    if len(widths) < 2 or not all(isinstance(w, int) and w > 0 for w in widths):
        raise ValueError(f"give at least two positive whole numbers as widths; got {widths!r}")
    layers = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers[:-1])


class Autoencoder(nn.Module):
    """Encoder and decoder, mirror images of each other. Chapter 03 writes it out.

    The default is the 784-1000-500-250-2 network of Hinton & Salakhutdinov, *Reducing the
    Dimensionality of Data with Neural Networks*, Science 313 (2006).

    Args:
        hidden: widths of the encoder's hidden layers; the decoder has them reversed. Empty for
            one linear layer each side.
        code: numbers in the code.
        shape: shape of one image, (C, H, W); any shape will do.
        activation: makes the module between two linear layers.
        output: makes the module after the decoder's last layer: ``nn.Sigmoid`` for pixels in
            [0, 1], ``nn.Identity`` for any real value.

    Raises:
        ValueError: if a width is not a positive whole number.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (1000, 500, 250),
        code: int = 2,
        shape: Sequence[int] = (1, 28, 28),
        activation: Callable[[], nn.Module] = nn.ReLU,
        output: Callable[[], nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        widths = (math.prod(shape), *hidden, code)
        self.encoder = nn.Sequential(nn.Flatten(), *mlp(widths, activation))
        self.decoder = nn.Sequential(
            *mlp(widths[::-1], activation), output(), nn.Unflatten(1, tuple(shape))
        )

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, *shape) to codes (N, code)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (N, code) to reconstructions (N, *shape)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:
        """Images to reconstructions, the same shape."""
        return self.decode(self.encode(x))


class LinearAutoencoder(Autoencoder):
    """One linear layer in, one linear layer out: PCA's subspace by gradient descent.

    Baldi & Hornik, *Neural Networks and Principal Component Analysis*, Neural Networks 2 (1989).

    Args:
        code: numbers in the code.
        shape: shape of one image.
    """

    def __init__(self, code: int, shape: Sequence[int] = (1, 28, 28)) -> None:
        super().__init__(hidden=(), code=code, shape=shape, output=nn.Identity)


class LogisticPCA(Autoencoder):
    """A linear code whose decoder ends in a sigmoid. Chapter 05 compares it with PCA.

    The third row of figure 2 in Hinton & Salakhutdinov (2006); the likelihood view is Collins,
    Dasgupta & Schapire, *A Generalization of Principal Component Analysis to the Exponential
    Family*, NIPS 2001.

    Args:
        code: numbers in the code.
        shape: shape of one image.
    """

    def __init__(self, code: int, shape: Sequence[int] = (1, 28, 28)) -> None:
        super().__init__(hidden=(), code=code, shape=shape, output=nn.Sigmoid)


class Dropout(nn.Module):
    """Set each number to 0 with a given probability, and scale up what is left. Chapter 07.

    Only in training mode; in evaluation mode the input comes back as it is. Hinton et al.,
    *Improving Neural Networks by Preventing Co-adaptation of Feature Detectors* (2012), with the
    scaling by 1 / (1 − rate) in training rather than by 1 − rate afterwards; the same as
    ``torch.nn.Dropout``, except that a rate of 1, which would leave nothing, is refused.

    Args:
        rate: probability that a number is dropped, at least 0 and below 1.

    Raises:
        ValueError: if ``rate`` is not in [0, 1).
    """

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        _check_rate(rate)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Numbers of any shape to numbers of the same shape."""
        if not self.training or self.rate == 0:
            return x
        kept = torch.rand_like(x) >= self.rate
        return x * kept / (1 - self.rate)


class DropoutAutoencoder(Autoencoder):
    """An autoencoder with dropout on its input, hidden layers or code. Chapter 07 writes it out.

    Srivastava et al., *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*, JMLR 15
    (2014). Unlike that of :class:`Autoencoder` the code passes through the activation, since it is
    a wide layer like any other. ``encode`` gives the whole code; ``decode`` drops part of it.

    Args:
        hidden: widths of the encoder's hidden layers; the decoder has them reversed.
        code: numbers in the code.
        shape: shape of one image, (C, H, W); any shape will do.
        on_input: rate at which pixels are dropped, at least 0 and below 1.
        on_hidden: rate after each hidden layer, of the encoder and of the decoder.
        on_code: rate on the code, before the decoder.
        activation: makes the module after each hidden layer and after the code.
        output: makes the module after the decoder's last layer.

    Raises:
        ValueError: if a width is not a positive whole number, or a rate is not in [0, 1).
    """

    def __init__(
        self,
        hidden: Sequence[int] = (),
        code: int = 256,
        shape: Sequence[int] = (1, 28, 28),
        on_input: float = 0.0,
        on_hidden: float = 0.0,
        on_code: float = 0.0,
        activation: Callable[[], nn.Module] = nn.ReLU,
        output: Callable[[], nn.Module] = nn.Sigmoid,
    ) -> None:
        def dropped() -> nn.Sequential:
            return nn.Sequential(activation(), Dropout(on_hidden))

        _check_rate(on_hidden)
        super().__init__(hidden, code, shape, dropped, output)
        self.activation = activation()
        self.on_input, self.on_code = Dropout(on_input), Dropout(on_code)

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, *shape) to codes (N, code)."""
        return self.activation(self.encoder(self.on_input(x)))

    def decode(self, z: Tensor) -> Tensor:
        """Codes (N, code) to reconstructions (N, *shape)."""
        return self.decoder(self.on_code(z))


def principal_components(x: Tensor, code: int) -> tuple[Tensor, Tensor, Tensor]:
    """Directions of greatest variance of a cloud of points. Chapter 05 derives and writes it out.

    Pearson (1901), Hotelling (1933). Computed in double precision from the covariance matrix.

    Args:
        x: points, shape (N, D).
        code: how many directions, from 1 to D.

    Returns:
        The mean (D,); the directions as orthonormal rows (code, D), the greatest variance first;
        the variance along each (code,), divided by N − 1.

    Raises:
        ValueError: if there are fewer than two points, a value is not finite, or ``code`` is out
            of range.
    """
    if x.dim() != 2 or len(x) < 2 or not x.isfinite().all() or not 1 <= code <= x.shape[1]:
        raise ValueError(
            f"PCA needs finite points (N, D), N >= 2, and a code from 1 to D; got a code of {code} "
            f"and shape {tuple(x.shape)}, {'all' if x.isfinite().all() else 'not all'} finite"
        )
    x = x.double()
    mean = x.mean(0)
    centred = x - mean
    covariance = centred.T @ centred / (len(x) - 1)
    variances, directions = torch.linalg.eigh(covariance)  # the smallest first, one a column
    variances, directions = variances.flip(0), directions.T.flip(0)
    return mean.float(), directions[:code].float(), variances[:code].float()


class PCA(nn.Module):
    """Principal component analysis with the interface of an autoencoder. Chapter 05 writes it out.

    Nothing here is trained by gradient: :meth:`fit` solves it by :func:`principal_components`.

    Args:
        code: how many components to keep.
        shape: shape of one image.

    Attributes:
        mean: the mean image, flat, shape (D,).
        components: orthonormal rows of shape (code, D), the greatest variance first.
        variances: variance of the training data along each, shape (code,), divided by N − 1.

    Raises:
        ValueError: if ``code`` is not from 1 to D.
    """

    mean: Tensor
    components: Tensor
    variances: Tensor

    def __init__(self, code: int, shape: Sequence[int] = (1, 28, 28)) -> None:
        super().__init__()
        self.code, self.shape, pixels = code, tuple(shape), math.prod(shape)
        if not 1 <= code <= pixels:
            raise ValueError(f"code must be from 1 to {pixels}, the pixels of an image; got {code}")
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("components", torch.eye(code, pixels))
        self.register_buffer("variances", torch.ones(code))

    def fit(self, images: Tensor) -> "PCA":
        """Find mean, components and variances of images of shape (N, *shape).

        Returns:
            The model itself.

        Raises:
            TypeError: if the images are no floating-point tensor.
            ValueError: if there are fewer than two images, the shape is wrong, or a value is not
                finite.
        """
        _fit_input(images, self.shape)
        found = principal_components(images.flatten(1), self.code)
        self.mean, self.components, self.variances = found
        return self

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, *shape) to codes (N, code)."""
        return (x.flatten(1) - self.mean) @ self.components.T

    def decode(self, z: Tensor) -> Tensor:
        """Codes (N, code) to reconstructions (N, *shape); these may leave [0, 1]."""
        return (z @ self.components + self.mean).unflatten(1, self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Images to reconstructions, the same shape."""
        return self.decode(self.encode(x))


def _check_rate(rate: float) -> None:
    if not isinstance(rate, int | float) or not 0 <= rate < 1:
        raise ValueError(f"a dropout rate is at least 0 and below 1; got {rate!r}")


def _fit_input(images: Tensor, shape: tuple[int, ...]) -> None:
    if not isinstance(images, Tensor) or not images.is_floating_point():
        got = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(
            f"PCA needs a floating-point tensor; got {got}. Images as uint8 become pixels in "
            "[0, 1] by .float() / 255, or by .pixels of a set."
        )
    if images.dim() < 2 or tuple(images.shape[1:]) != shape or len(images) < 2:
        raise ValueError(
            f"PCA needs at least two images of shape {shape}, as one tensor (N, "
            f"{', '.join(map(str, shape))}); got {tuple(images.shape)}"
        )
    if not images.isfinite().all():
        raise ValueError("PCA needs finite values; the images hold NaN or infinity")
