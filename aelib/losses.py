"""Reconstruction losses. Each returns one number an image: the sum over its pixels.

Chapter 04 derives them. Average the result over the batch to get an objective::

    losses.squared_error(model(x), x).mean()

The sum over pixels is the negative log-likelihood of an image; the mean over pixels is
784 times smaller for a digit, which matters as soon as a second term joins the objective.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["cross_entropy", "cross_entropy_from_logits", "squared_error"]


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
