"""The door by which samples come into a metric."""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ebmark.datasets.preprocessing import as_points


def read_samples(
    x: ArrayLike, y: ArrayLike, *, names: tuple[str, str] = ("x", "y"), min_points: int = 1
) -> tuple[Float[np.ndarray, "n dim"], Float[np.ndarray, "m dim"]]:
    """Return the two samples of a metric as float64 arrays of points of the same dimension.

    Args:
        x: Real numbers of any type, (n, dim): an array, a nested list or a data frame.
        y: The same, (m, dim); two data frames with named columns must have the same names.
        names: The names of both in messages.
        min_points: How many points of each the metric needs.

    Raises:
        ValueError: If they are anything else.
    """
    a = as_points(x, name=names[0])
    b = as_points(y, name=names[1])
    both = f"'{names[0]}' and '{names[1]}'"
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{both} must have shapes (n, dim) and (m, dim), got {a.shape} and {b.shape}."
        )
    if min(len(a), len(b)) < min_points:
        least = "one point" if min_points == 1 else f"{min_points} points"
        raise ValueError(f"{both} must have at least {least}, got {len(a)} and {len(b)}.")
    columns = [_column_names(samples) for samples in (x, y)]
    if None not in columns and columns[0] != columns[1]:
        raise ValueError(
            f"{both} must have the same columns in the same order, got {columns[0]} and "
            f"{columns[1]}."
        )
    return a, b


def are_finite(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> bool:
    """Return whether all coordinates of both samples are finite; a metric is NaN otherwise."""
    return bool(np.isfinite(x).all() and np.isfinite(y).all())


def _column_names(samples: Any) -> list[str] | None:
    """The names of the columns of a data frame; None for an array or numbered columns."""
    columns: list[Any] = list(getattr(samples, "columns", ()))
    return columns if columns and all(isinstance(name, str) for name in columns) else None
