"""The networks of the course: plain modules with ``encode``, ``decode`` and ``forward``.

Each is written out in the chapter that teaches it, in the same code as here. All take images
of shape (N, C, H, W), or (N, ...) in general, and give back the same shape.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "GAN",
    "PCA",
    "VAE",
    "AdversarialAutoencoder",
    "AttributeNetwork",
    "Autoencoder",
    "ConvolutionalVAE",
    "Dropout",
    "DropoutAutoencoder",
    "LinearAutoencoder",
    "LogisticPCA",
    "growing",
    "mlp",
    "principal_components",
    "reparameterise",
    "shrinking",
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


class AdversarialAutoencoder(Autoencoder):
    """An autoencoder, and a discriminator that reads its codes. Chapter 08 writes it out.

    Makhzani, Shlens, Jaitly, Goodfellow & Frey, *Adversarial Autoencoders* (2015). Trained by three
    players: encoder and decoder reconstruct; the discriminator learns to tell codes from draws of a
    prior; the encoder learns to fool it.

    Args:
        hidden: widths of the encoder's hidden layers; the decoder has them reversed.
        code: numbers in the code.
        critic: widths of the discriminator's hidden layers.
        labels: how many numbers of a label the discriminator sees beside the code; 0 for none.
        activation: makes the module between two linear layers.
        options: passed on to :class:`Autoencoder`: ``shape`` and ``output``.

    Raises:
        ValueError: if a width is not a positive whole number, or ``labels`` not one of at least 0.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (1000, 1000),
        code: int = 2,
        critic: Sequence[int] = (1000, 1000),
        labels: int = 0,
        activation: Callable[[], nn.Module] = nn.ReLU,
        **options: Any,
    ) -> None:
        if not isinstance(labels, int) or labels < 0:
            raise ValueError(f"labels must be a whole number, at least 0; got {labels!r}")
        super().__init__(hidden, code, activation=activation, **options)
        self.discriminator = mlp((code + labels, *critic, 1), activation)

    def discriminate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Codes (N, code), and their labels (N, labels) if it takes any, to logits (N,).

        A logit above 0 says that z was drawn from the prior, one below that an encoder made it.
        """
        seen = z if y is None else torch.cat([z, y], dim=1)
        return self.discriminator(seen).squeeze(1)


def reparameterise(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw z = μ + σ ε with ε from N(0, I), so that gradients reach μ and σ.

    Kingma & Welling, *Auto-Encoding Variational Bayes* (2014), section 2.4. Chapter 10 writes it
    out.

    Args:
        mean: μ, shape (N, k).
        log_variance: log σ², the same shape.

    Returns:
        One draw a row, shape (N, k). The randomness is torch's global one.
    """
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


class VAE(nn.Module):
    """Variational autoencoder: the encoder gives a Gaussian over codes. Chapter 10 writes it out.

    Kingma & Welling, *Auto-Encoding Variational Bayes* (2014); Rezende, Mohamed & Wierstra,
    *Stochastic Backpropagation and Approximate Inference in Deep Generative Models* (2014).

    Args:
        hidden: widths of the encoder's hidden layers; the decoder has them reversed.
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
        hidden: Sequence[int] = (400,),
        code: int = 20,
        shape: Sequence[int] = (1, 28, 28),
        activation: Callable[[], nn.Module] = nn.ReLU,
        output: Callable[[], nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        pixels = math.prod(shape)
        self.encoder = nn.Sequential(nn.Flatten(), *mlp((pixels, *hidden, 2 * code), activation))
        self.decoder = nn.Sequential(
            *mlp((code, *hidden[::-1], pixels), activation), output(), nn.Unflatten(1, tuple(shape))
        )

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, *shape) to the mean and the log-variance of q(z | x), each (N, code)."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, *shape) to the means of their posteriors (N, code): no randomness."""
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Codes (N, code) to the means of p(x | z), shape (N, *shape)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:
        """Images to the reconstructions of their mean codes, the same shape."""
        return self.decode(self.encode(x))


def shrinking(shape: Sequence[int], width: int, outputs: int) -> nn.Sequential:
    """Images to numbers: each convolution halves the sides, down to 4×4. Chapter 11 writes it out.

    The encoder of :class:`ConvolutionalVAE` and the discriminator of :class:`GAN`; the layers are
    those of Radford, Metz & Chintala, *Unsupervised Representation Learning with Deep Convolutional
    Generative Adversarial Networks* (2016).

    Args:
        shape: of one image, (C, H, W), with H = W one of 8, 16, 32, 64, …
        width: channels after the first convolution; each further one doubles them.
        outputs: how many numbers come out.

    Returns:
        A module from (N, *shape) to (N, outputs).

    Raises:
        ValueError: if a number is not a positive whole one, or the sides are not as above.
    """
    _convolvable(shape, width, outputs)
    widths = [width * 2**i for i in range(int(math.log2(shape[1])) - 2)]  # 32×32: three halvings
    layers = [nn.Conv2d(shape[0], width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    for a, b in pairwise(widths):
        layers += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * widths[-1], outputs))


def growing(inputs: int, width: int, shape: Sequence[int]) -> nn.Sequential:
    """Numbers to images: :func:`shrinking` backwards, from 4×4 up. Chapter 11 writes it out.

    The decoder of :class:`ConvolutionalVAE` and the generator of :class:`GAN`.

    Args:
        inputs: how many numbers go in.
        width: channels before the last transposed convolution, which gives those of the image.
        shape: of one image, as for :func:`shrinking`.

    Returns:
        A module from (N, inputs) to (N, *shape), pixels in [0, 1].

    Raises:
        ValueError: as for :func:`shrinking`.
    """
    _convolvable(shape, width, inputs)
    widths = [width * 2**i for i in range(int(math.log2(shape[1])) - 2)][::-1]
    layers = [nn.Linear(inputs, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in pairwise((*widths, shape[0])):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, stride=2, padding=1)]
    return nn.Sequential(*layers, nn.Sigmoid())


class ConvolutionalVAE(VAE):
    """A variational autoencoder whose layers are convolutions. Chapter 11 writes it out.

    Args:
        code: numbers in the code.
        width: channels at half the image's size; see :func:`shrinking`.
        shape: shape of one image, (C, H, W), with H = W one of 8, 16, 32, 64, …

    Raises:
        ValueError: as for :func:`shrinking`.
    """

    def __init__(self, code: int = 64, width: int = 32, shape: Sequence[int] = (3, 32, 32)) -> None:
        nn.Module.__init__(self)  # what a VAE does, on other layers
        _convolvable(shape, width, code)
        self.encoder = shrinking(shape, width, 2 * code)
        self.decoder = growing(code, width, shape)


class GAN(nn.Module):
    """A generator, a discriminator, and the generator's moving average. Chapter 11 writes it out.

    Goodfellow et al., *Generative Adversarial Nets* (2014), with the layers of Radford, Metz &
    Chintala (2016). Samples come from an average of the generator's last weights, which is calmer
    than the generator itself: Yazıcı et al., *The Unusual Effectiveness of Averaging in GAN
    Training* (2019).

    Args:
        code: numbers that the generator starts from.
        width: channels at half the image's size; see :func:`shrinking`.
        shape: shape of one image, (C, H, W), with H = W one of 8, 16, 32, 64, …

    Raises:
        ValueError: as for :func:`shrinking`.
    """

    def __init__(self, code: int = 64, width: int = 32, shape: Sequence[int] = (3, 32, 32)) -> None:
        super().__init__()
        self.code = code
        self.generator = growing(code, width, shape)
        self.discriminator = shrinking(shape, width, 1)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)

    def generate(self, z: Tensor) -> Tensor:
        """Codes (N, code) to images (N, *shape), by the average, in evaluation mode."""
        return self.average.eval()(z)

    def discriminate(self, x: Tensor) -> Tensor:
        """Images (N, *shape) to logits (N,): above 0 for one that it takes for true."""
        return self.discriminator(x).squeeze(1)

    @torch.no_grad()
    def follow(self, part: float = 0.005) -> None:
        """Move the average by a part of the way, above 0 and at most 1, to the generator."""
        if not 0 < part <= 1:
            raise ValueError(f"a part of the way is above 0 and at most 1; got {part}")
        slow, fast = self.average.state_dict(), self.generator.state_dict()
        for name, numbers in fast.items():
            if numbers.is_floating_point():  # weights, and the means of batch normalisation
                slow[name].lerp_(numbers, part)


class AttributeNetwork(nn.Module):
    """Names every attribute of a face at once; its features are a space to compare faces in.

    Chapter 11 measures generated faces by it, as Heusel et al. (2017) do by a network for
    photographs. Trained by ``tools/train_faces.py``.

    Args:
        values: how many values each attribute has, by name.
        features: numbers in the layer that all attributes are read from.
        width: channels at full size.
        shape: shape of one image, (C, H, W), H and W at least 8.

    Raises:
        ValueError: if a number is not a positive whole one, or no attribute is given.
    """

    def __init__(
        self,
        values: Mapping[str, int],
        features: int = 64,
        width: int = 32,
        shape: Sequence[int] = (3, 32, 32),
    ) -> None:
        numbers = (*values.values(), features, width, *shape)
        if not values or not all(isinstance(n, int) and n > 0 for n in numbers):
            raise ValueError(f"at least one attribute, and positive whole numbers; got {numbers}")
        if min(shape[1:]) < 8:
            raise ValueError(f"images are halved three times: H and W from 8; got {tuple(shape)}")
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((shape[0], width, 2 * width, 4 * width)):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        cells = (shape[1] // 8) * (shape[2] // 8)
        layers += [nn.Flatten(), nn.Linear(4 * width * cells, features)]
        layers += [nn.BatchNorm1d(features), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleDict({name: nn.Linear(features, n) for name, n in values.items()})

    def features(self, x: Tensor) -> Tensor:
        """Images (N, *shape) in [0, 1] to features (N, features), at least 0."""
        return self.body(x)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Images (N, *shape) to the logits of each attribute, by name, each (N, values)."""
        features = self.features(x)
        return {name: head(features) for name, head in self.heads.items()}


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


def _convolvable(shape: Sequence[int], *numbers: int) -> None:
    if not all(isinstance(n, int) and n > 0 for n in (*numbers, *shape)):
        raise ValueError(f"sizes are positive whole numbers; got {(*numbers, *shape)}")
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] < 8 or shape[1] & (shape[1] - 1):
        raise ValueError(
            "convolutions that halve need square images (C, H, W), H = W a power of two from 8; "
            f"got {tuple(shape)}"
        )


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
