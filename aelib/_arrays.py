"""What modules share that take arrays of any kind: NumPy's, torch's, or lists of numbers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["as_array", "as_bytes"]


def as_array(values: Any) -> NDArray[Any]:
    """An array, also of a tensor that has a gradient or lives on another device."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def as_bytes(images: ArrayLike, count: int | None = None) -> NDArray[np.uint8]:
    """Images as bytes, (N, 1 or 3, H, W).

    Args:
        images: of that shape, ``uint8`` or in [0, 1].
        count: how many images are needed; any number by default.

    Returns:
        ``uint8``, the same shape.

    Raises:
        ValueError: if shapes do not fit, or a value is no brightness.
    """
    array = as_array(images)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise ValueError(f"images are of shape (N, 1, H, W) or (N, 3, H, W); got {array.shape}")
    if count is not None and len(array) != count:
        raise ValueError(f"one image a point is needed, {count}; got {len(array)}")
    if array.dtype == np.uint8:
        return array
    if not (array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1):  # NaN fails too
        raise ValueError("images are uint8, or floats from 0 to 1 without NaN; clamp them first")
    return np.rint(array * 255).astype(np.uint8)
