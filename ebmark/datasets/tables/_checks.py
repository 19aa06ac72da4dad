"""Checks of a user's points: errors for unusable points."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int

from ebmark.errors import UserError, shown

MIN_POINTS = 20
# a smaller range of a column underflows float32
MIN_RANGE = 1e-30


def check_count(x: np.ndarray, total: int, min_points: int = MIN_POINTS) -> None:
    """Raise `UserError` if there are too few points.

    Args:
        x: The points used, (n, dim).
        total: The number of points in the file.
        min_points: The number of points that it must have.
    """
    if total < min_points:
        points = "1 point" if total == 1 else f"{total} points"
        fix = "Add points."
        if x.shape[1] > min_points:
            fix = "Transpose the table if its columns are the points."
        raise UserError(f"file has {points}, at least {min_points} are required. {fix}")


def check_variation(x: np.ndarray, columns: tuple[str, ...]) -> None:
    """Raise `UserError` if a column does not vary.

    Args:
        x: The points used, (n, dim).
        columns: The names of the columns.
    """
    spread = np.ptp(x, axis=0)
    constant = np.flatnonzero(spread == 0)
    if len(constant) == x.shape[1]:
        raise UserError("all points are identical. Give points that vary.")
    if len(constant) == 1:
        raise UserError(f"column {join_names(_of(columns, constant))} is constant. Drop it.")
    if len(constant):
        raise UserError(f"columns {join_names(_of(columns, constant))} are constant. Drop them.")
    tiny = np.flatnonzero(spread < MIN_RANGE)
    if len(tiny):
        names = join_names(_of(columns, tiny))
        raise UserError(f"the values of {names} vary by less than 1e-30. Rescale them.")


def _of(columns: tuple[str, ...], chosen: Iterable[int] | Int[np.ndarray, " chosen"]) -> list[str]:
    return [columns[j] for j in chosen]


def join_names(names: list[str], max_names: int = 3) -> str:
    """Return names in quotes for a message; of many, the first and the number of the others."""
    more = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(f'"{shown(name, 25)}"' for name in names[:max_names]) + more
