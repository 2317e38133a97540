"""Losses: of reconstruction, of a game, and KL divergences. Each returns one number an image.

Chapter 04 derives the reconstruction losses, which are sums over pixels and no means; chapter 08
the two of a game, chapter 09 the others. Average the result over the
batch to get an objective::

    losses.squared_error(model(x), x).mean()

The sum over pixels is the negative log-likelihood of an image; the mean over pixels is
784 times smaller for a digit, which matters as soon as a second term joins the objective.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "cross_entropy",
    "cross_entropy_from_logits",
    "discriminator_loss",
    "gaussian_nll",
    "generator_loss",
    "kl_between_normals",
    "kl_to_standard_normal",
    "squared_error",
]


def squared_error(reconstruction: Tensor, target: Tensor) -> Tensor:
    """Squared error of each image, summed over its pixels: ‖x̂ − x‖².

    Twice the negative log-likelihood of a Gaussian with variance 1, up to a constant.

    Args:
        reconstruction: x̂, shape (N, ...), any real values.
        target: x, the same shape.

    Returns:
        Shape (N,), in squared units of a pixel, at least 0.

    Raises:
        TypeError: if one is no floating-point tensor.
        ValueError: if the shapes differ, or there is no batch dimension.
    """
    _same_shape(reconstruction, target)
    return (reconstruction - target).square().flatten(1).sum(1)


def cross_entropy(reconstruction: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of each image, summed over its pixels.

    −Σ x log x̂ + (1 − x) log(1 − x̂): the negative log-likelihood of Bernoulli pixels. As
    torch does, the logarithm is cut off at −100, so that x̂ = 0 or 1 stays finite.

    Args:
        reconstruction: x̂, probabilities in [0, 1], shape (N, ...).
        target: x in [0, 1], the same shape.

    Returns:
        Shape (N,), in nats, at least the entropy of the target (0 for black and white).

    Raises:
        TypeError: if one is no floating-point tensor.
        ValueError: if the shapes differ, there is no batch dimension, or values leave [0, 1].
        FloatingPointError: if a value is NaN, as after a step that was too long.
    """
    _same_shape(reconstruction, target)
    _unit_interval(reconstruction, "the reconstruction")
    _unit_interval(target, "the target")
    loss = functional.binary_cross_entropy(reconstruction, target, reduction="none")
    return loss.flatten(1).sum(1)


def cross_entropy_from_logits(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of each image from the values before the sigmoid.

    The same number as ``cross_entropy(logits.sigmoid(), target)``, exact for large logits.

    Args:
        logits: any real values, shape (N, ...).
        target: x in [0, 1], the same shape.

    Returns:
        Shape (N,), in nats, at least the entropy of the target.

    Raises:
        TypeError: if one is no floating-point tensor.
        ValueError: if the shapes differ, there is no batch dimension, or the target leaves [0, 1].
        FloatingPointError: if the target holds NaN.
    """
    _same_shape(logits, target)
    _unit_interval(target, "the target")
    loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return loss.flatten(1).sum(1)


def gaussian_nll(reconstruction: Tensor, target: Tensor, variance: float | Tensor = 1.0) -> Tensor:
    """Negative log-likelihood of each image under independent Gaussian pixels.

    −log N(x; x̂, σ² I) = Σ ½ (x̂ − x)² / σ² + ½ log 2πσ², of which the squared error is the part
    that is left when σ² is fixed. Chapter 09 derives it.

    Args:
        reconstruction: the mean x̂, shape (N, ...), any real values.
        target: x, the same shape.
        variance: σ², above 0, in squared units of a pixel; a number, or a tensor that broadcasts
            against the images.

    Returns:
        Shape (N,), in nats; of a density, so that it may be negative.

    Raises:
        TypeError: if one is no floating-point tensor.
        ValueError: if the shapes differ, there is no batch dimension, or a variance is not
            positive and finite.
    """
    _same_shape(reconstruction, target)
    _positive_variance(variance)
    variance = torch.as_tensor(variance).to(target)
    error = (reconstruction - target).square() / variance
    return 0.5 * (error + (2 * math.pi * variance).log()).flatten(1).sum(1)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What a discriminator pays for a true and a made sample: −log D(real) − log(1 − D(fake)).

    Goodfellow et al., *Generative Adversarial Nets* (2014), with D = σ(logit); from logits, so that
    it stays exact where the sigmoid would round to 0 or 1. Chapter 08 writes it out.

    Args:
        real: logits that the discriminator gives to true samples, shape (N,), any real values.
        fake: logits that it gives to made ones, the same shape.

    Returns:
        Shape (N,), in nats, above 0; 2 log 2 = 1.386 for one that always answers D = ½.

    Raises:
        TypeError: if one is no floating-point tensor.
        ValueError: if the shapes differ, or one is not (N,).
    """
    _same_logits(real, fake)
    return functional.softplus(-real) + functional.softplus(fake)


def generator_loss(fake: Tensor) -> Tensor:
    """What a generator pays for being found out: −log D(fake), the non-saturating loss.

    Goodfellow et al. (2014), section 3. Chapter 08 writes it out, and measures what goes wrong with
    the other one, log(1 − D(fake)).

    Args:
        fake: logits that the discriminator gives to made samples, shape (N,), any real values.

    Returns:
        Shape (N,), in nats, above 0; log 2 = 0.693 where D = ½.

    Raises:
        TypeError: if it is no floating-point tensor.
        ValueError: if the shape is not (N,).
    """
    _same_logits(fake)
    return functional.softplus(-fake)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence from each Gaussian with independent numbers to the standard normal prior.

    KL(N(μ, diag σ²) ‖ N(0, I)) = ½ Σ μ² + σ² − log σ² − 1. Kingma & Welling, *Auto-Encoding
    Variational Bayes* (2014), appendix B. Chapter 09 derives it.

    Args:
        mean: μ, shape (N, k).
        log_variance: log σ², the same shape; any real values.

    Returns:
        Shape (N,), in nats, at least 0.

    Raises:
        TypeError: if one is no floating-point tensor.
        ValueError: if the shapes differ, or there is no batch dimension.
    """
    _same_codes(mean, log_variance)
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).flatten(1).sum(1)


def kl_between_normals(
    mean_q: Tensor, log_variance_q: Tensor, mean_p: Tensor, log_variance_p: Tensor
) -> Tensor:
    """KL divergence KL(q ‖ p) between Gaussians with independent numbers. Chapter 09 derives it.

    ½ Σ (σ_q² + (μ_q − μ_p)²) / σ_p² − 1 + log σ_p² − log σ_q².

    Args:
        mean_q: shape (N, k).
        log_variance_q: the same shape.
        mean_p: the same shape.
        log_variance_p: the same shape.

    Returns:
        Shape (N,), in nats, at least 0; 0 where q and p are the same.

    Raises:
        TypeError: if one is no floating-point tensor.
        ValueError: if the shapes differ, or there is no batch dimension.
    """
    _same_codes(mean_q, log_variance_q, mean_p, log_variance_p)
    difference = log_variance_q - log_variance_p
    distance = (mean_q - mean_p).square() / log_variance_p.exp()
    return 0.5 * (difference.exp() + distance - 1 - difference).flatten(1).sum(1)


def _same_codes(*tensors: Tensor) -> None:
    for values in tensors:
        if not isinstance(values, Tensor) or not values.is_floating_point():
            got = values.dtype if isinstance(values, Tensor) else type(values).__name__
            raise TypeError(f"means and log-variances are floating-point tensors; got {got}")
    shapes = [tuple(values.shape) for values in tensors]
    if len(set(shapes)) != 1 or len(shapes[0]) < 2:
        raise ValueError(
            "means and log-variances must all have one shape (N, k); got "
            + " and ".join(map(str, dict.fromkeys(shapes)))
        )


def _same_logits(*logits: Tensor) -> None:
    for values in logits:
        if not isinstance(values, Tensor) or not values.is_floating_point():
            got = values.dtype if isinstance(values, Tensor) else type(values).__name__
            raise TypeError(f"logits are floating-point tensors; got {got}")
        if values.dim() != 1 or values.shape != logits[0].shape:
            raise ValueError(
                "logits must all have one shape (N,), one a sample; got "
                + " and ".join(str(tuple(v.shape)) for v in logits)
                + ". A last dimension of 1 goes away by .squeeze(1)."
            )


def _positive_variance(variance: float | Tensor) -> None:
    numbers = torch.as_tensor(variance)
    if not (numbers > 0).all() or numbers.isinf().any():
        raise ValueError(f"a variance must be positive and finite; got {variance}")


def _same_shape(reconstruction: Tensor, target: Tensor) -> None:
    for values in (reconstruction, target):
        if not isinstance(values, Tensor) or not values.is_floating_point():
            got = values.dtype if isinstance(values, Tensor) else type(values).__name__
            raise TypeError(
                f"a loss compares floating-point tensors; got {got}. Images as uint8 become pixels "
                "in [0, 1] by .float() / 255, or by .pixels of a set."
            )
    if reconstruction.shape != target.shape:
        raise ValueError(
            f"reconstruction {tuple(reconstruction.shape)} and target {tuple(target.shape)} must "
            "have the same shape; does the decoder give back the shape of an image?"
        )
    if reconstruction.dim() < 2:
        raise ValueError(
            f"a batch is needed, shape (N, ...); got {tuple(reconstruction.shape)}. "
            "For one image use x[None]."
        )


def _unit_interval(values: Tensor, what: str) -> None:
    if values.numel() == 0:
        return
    low, high = torch.aminmax(values.detach())
    if low < 0 or high > 1:
        raise ValueError(
            f"cross-entropy needs {what} in [0, 1]; got values from {low:.3g} to {high:.3g}. "
            "Divide pixels by 255, end the decoder in a sigmoid, or use squared_error."
        )
    if low.isnan():
        raise FloatingPointError(
            f"{what} holds NaN: training has diverged. Try a smaller learning rate."
        )
