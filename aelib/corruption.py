"""Ways to spoil an image, so that a network can learn to mend it. Chapter 06 writes them out.

Each takes images of shape (N, ...) and returns new ones of the same shape, type and device. All
randomness comes from ``generator``, so that test noise can have a seed that training never sees.
:func:`hole` also says where the image is still known.
"""

import math

import torch
from torch import Tensor

__all__ = ["gaussian", "hole", "masking", "salt_and_pepper"]


def gaussian(x: Tensor, sigma: float | Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Add independent Gaussian noise to every pixel: x̃ = x + σ ε, with ε from N(0, 1).

    Vincent et al., *Extracting and Composing Robust Features with Denoising Autoencoders* (2008).

    Args:
        x: shape (N, ...), floating-point; images in [0, 1] as a rule.
        sigma: standard deviation, in units of a pixel, at least 0; a number, or a tensor that
            broadcasts against ``x``, such as one number an image of shape (N, 1, 1, 1).
        generator: source of the random numbers, on the CPU; torch's global one by default.

    Returns:
        The same shape. The values leave [0, 1]; they are not cut off, for then the noise would
        depend on the pixel.

    Raises:
        TypeError: if ``x`` is no floating-point tensor.
        ValueError: if ``sigma`` is negative or not finite.
    """
    _amount(x, sigma, math.inf)
    return x + sigma * torch.randn(x.shape, generator=generator).to(x)


def masking(x: Tensor, part: float | Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Set each pixel to 0 with a given probability: the network must guess what was there.

    Vincent et al. (2008), who call it destruction; *masking noise* in Vincent et al. (2010).

    Args:
        x: shape (N, ...), floating-point.
        part: probability that a pixel is lost, from 0 to 1; a number, or a tensor that broadcasts
            against ``x``.
        generator: source of the random numbers, on the CPU; torch's global one by default.

    Returns:
        The same shape. What stays is not scaled up, other than in dropout (chapter 07).

    Raises:
        TypeError: if ``x`` is no floating-point tensor.
        ValueError: if ``part`` is not in [0, 1].
    """
    _amount(x, part, 1)
    return x * (torch.rand(x.shape, generator=generator) >= part).to(x)


def salt_and_pepper(
    x: Tensor, part: float | Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Set each pixel with a given probability to 0 or to 1, whichever a fair coin says.

    Vincent et al., *Stacked Denoising Autoencoders* (2010), section 3.3.

    Args:
        x: shape (N, ...), floating-point; images in [0, 1].
        part: probability that a pixel is replaced, from 0 to 1; a number, or a tensor that
            broadcasts against ``x``. Half of the replaced pixels of a black area stay black.
        generator: source of the random numbers, on the CPU; torch's global one by default.

    Returns:
        The same shape.

    Raises:
        TypeError: if ``x`` is no floating-point tensor.
        ValueError: if ``part`` is not in [0, 1].
    """
    _amount(x, part, 1)
    u = torch.rand(x.shape, generator=generator).to(x)
    return torch.where(u < part, (u < part / 2).to(x), x)


def hole(
    x: Tensor, size: int, fill: float = 0.5, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Cut one square out of every image, each at a random place: the task of inpainting.

    Args:
        x: images, shape (N, C, H, W), floating-point.
        size: side of the square in pixels, from 1 to the smaller of H and W; all of it lies inside
            the image, and every place is equally likely.
        fill: the value that is put there, in all channels.
        generator: source of the random numbers, on the CPU; torch's global one by default.

    Returns:
        The spoilt images, the same shape; and which pixels are known, ``bool`` of shape
        (N, 1, H, W), true outside the square.

    Raises:
        TypeError: if ``x`` is no floating-point tensor.
        ValueError: if ``x`` is not four-dimensional, or the square does not fit.
    """
    _square(x, size)
    n, _, h, w = x.shape
    top = torch.randint(0, h - size + 1, (n, 1), generator=generator)
    left = torch.randint(0, w - size + 1, (n, 1), generator=generator)
    rows, columns = torch.arange(h) - top, torch.arange(w) - left  # (N, H) and (N, W)
    rows, columns = (rows >= 0) & (rows < size), (columns >= 0) & (columns < size)
    known = ~(rows[:, None, :, None] & columns[:, None, None, :]).to(x.device)
    return torch.where(known, x, fill), known


def _square(x: Tensor, size: int) -> None:
    _amount(x, 0, 1)
    if x.dim() != 4:
        raise ValueError(f"a hole is cut into images (N, C, H, W); got {tuple(x.shape)}")
    most = min(x.shape[2:])
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= most:
        raise ValueError(
            f"the side of the hole must be a whole number from 1 to {most}; got {size!r}"
        )


def _amount(x: Tensor, amount: float | Tensor, most: float) -> None:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(
            f"noise is added to floating-point tensors; got {got}. Images as uint8 become pixels "
            "in [0, 1] by .float() / 255, or by .pixels of a set."
        )
    numbers = torch.as_tensor(amount, dtype=torch.float64)
    if numbers.isnan().any() or (numbers < 0).any() or (numbers > most).any():
        span = "at least 0" if most == math.inf else f"from 0 to {most:g}"
        raise ValueError(f"the amount of noise must be {span}; got {amount}")
    if numbers.isinf().any():
        raise ValueError(f"the amount of noise must be finite; got {amount}")
