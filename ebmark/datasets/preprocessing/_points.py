"""The door by which arrays come into training and metrics."""

from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Float


def as_points(data: Any, *, name: str) -> Float[np.ndarray, "n dim"]:
    """Return data as a float64 array of points.

    Args:
        data: Real numbers of any type, one row per point: an array, nested lists or a data frame.
        name: The name of `data` in messages.

    Raises:
        ValueError: If they are anything else. A mask or text is no number, though numpy would drop
            the one and read the other.

    Example:
        >>> as_points([[1, 2], [3, 4]], name="x").shape
        (2, 2)
    """
    if np.ma.is_masked(data):
        raise ValueError(f"'{name}' has masked values; remove these points.")
    wanted = f"'{name}' must be numbers of shape (n, dim), got {type(data).__name__}"
    fix = "Pass an array or a data frame of numeric columns."
    try:
        array = np.asarray(data)
        is_real = array.dtype.kind in "biuf" or np.can_cast(array.dtype, np.float64)
        # A data frame of several types is an array of objects.
        if array.dtype.kind == "O":
            is_real = all(isinstance(value, Real) for value in array.flat)
        points = np.asarray(array, dtype=np.float64) if is_real else None
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        problem = (str(error).splitlines() or [""])[0].rstrip(".")
        raise ValueError(f"{wanted}: {problem}. {fix}") from error
    if points is None:
        raise ValueError(f"{wanted} of {array.dtype}. {fix}")
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(
            f"'{name}' must have shape (n, dim) with dim > 0, got {points.shape}. "
            "Reshape 1-D data to (n, 1)."
        )
    return points
