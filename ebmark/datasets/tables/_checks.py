"""Checks of a user's points: errors for unusable points, notes on their limitations."""

from collections.abc import Iterable

import numpy as np

from ebmark.errors import UserError, shown

MIN_POINTS = 20
# fewer points get a note
_MIN_POINTS_WITHOUT_NOTE = 200
# a smaller range of a column underflows float32
_MIN_RANGE = 1e-30
# points used to find the rank of the covariance
_MAX_RANK_POINTS = 20_000


def check_points(x: np.ndarray, columns: tuple[str, ...], total: int) -> None:
    """Raise `UserError` if there are too few points or a column does not vary.

    Args:
        x: The points used, (n, dim).
        columns: The names of the columns.
        total: The number of points in the file.
    """
    if total < MIN_POINTS:
        points = "1 point" if total == 1 else f"{total} points"
        fix = "Add points."
        if x.shape[1] > MIN_POINTS:
            fix = "Transpose the table if its columns are the points."
        raise UserError(f"file has {points}, at least {MIN_POINTS} are required. {fix}")
    spread = np.ptp(x, axis=0)
    constant = np.flatnonzero(spread == 0)
    if len(constant) == x.shape[1]:
        raise UserError("all points are identical. Give points that vary.")
    if len(constant) == 1:
        raise UserError(f"column {_join_names(columns, constant)} is constant. Drop it.")
    if len(constant):
        raise UserError(f"columns {_join_names(columns, constant)} are constant. Drop them.")
    tiny = np.flatnonzero(spread < _MIN_RANGE)
    if len(tiny):
        names = _join_names(columns, tiny)
        raise UserError(f"the values of {names} vary by less than 1e-30. Rescale them.")


def describe_limitations(x: np.ndarray, columns: tuple[str, ...], total: int) -> tuple[str, ...]:
    """Return sentences on what the points do not allow, or how they may mislead.

    Args:
        x: The points used, (n, dim).
        columns: The names of the columns.
        total: The number of points in the file.
    """
    notes = [
        _on_thinning(x, total),
        _on_few(x),
        _on_dimension(x),
        _on_offset(x, columns),
        _on_integers(x, columns),
        _on_row_numbers(x, columns),
        _on_repeats(x),
        _on_rank(x),
    ]
    return tuple(note for note in notes if note)


def _on_thinning(x: np.ndarray, total: int) -> str:
    if len(x) == total:
        return ""
    return f"Of {total:,} points, a uniform sample of {len(x):,} is used (the same in every run)."


def _on_few(x: np.ndarray) -> str:
    if len(x) >= _MIN_POINTS_WITHOUT_NOTE:
        return ""
    return f"There are only {len(x)} points: expect wide intervals."


def _on_dimension(x: np.ndarray) -> str:
    dim = x.shape[1]
    if dim == 1:
        return "There is 1 column: figures show curves, not maps."
    if dim > 2:
        return (
            f"There are {dim} columns: no oracle mle, no exact samples and no NLL,"
            " which need quadrature in 1 or 2 dimensions."
        )
    return ""


def _on_offset(x: np.ndarray, columns: tuple[str, ...]) -> str:
    far = np.flatnonzero(np.abs(x).max(axis=0) > 1e6 * x.std(axis=0))
    if not len(far):
        return ""
    return f"Values of {_join_names(columns, far)} vary little around a large value: subtract it."


def _on_integers(x: np.ndarray, columns: tuple[str, ...]) -> str:
    integers = [j for j in range(x.shape[1]) if _are_integers(x[:, j])]
    if not integers:
        return ""
    return (
        f"Values of {_join_names(columns, integers)} are integers: discrete data have no density,"
        " so likelihoods mean little. Add uniform noise of one unit for a density."
    )


def _are_integers(column: np.ndarray) -> bool:
    # every float64 beyond 2^53 is an integer
    is_exact = np.abs(column) < 2**53
    return bool(np.all(column == np.rint(column)) and is_exact.all())


def _on_row_numbers(x: np.ndarray, columns: tuple[str, ...]) -> str:
    increasing = [j for j in range(x.shape[1]) if np.all(np.diff(x[:, j]) > 0)]
    if x.shape[1] == 1 or not increasing:
        return ""
    names = _join_names(columns, increasing)
    return f"Values of {names} increase from row to row: if they number the rows, drop them."


def _on_repeats(x: np.ndarray) -> str:
    """Find repeats by a random projection of each row, which different rows rarely share."""
    rng = np.random.default_rng(0)
    projection = np.zeros(len(x))
    for j in range(x.shape[1]):
        projection += (x[:, j] - x[:, j].mean()) * (rng.normal() / np.ptp(x[:, j]))
    repeats = len(x) - len(np.unique(projection))
    if repeats < 0.01 * len(x):
        return ""
    return (
        f"Of {len(x):,} points, {repeats:,} repeat another: the density is unbounded at repeated"
        " points, and some held-out points are also training points."
    )


def _on_rank(x: np.ndarray) -> str:
    dim = x.shape[1]
    if dim == 1:
        return ""
    if len(x) > _MAX_RANK_POINTS:
        x = np.random.default_rng(0).choice(x, _MAX_RANK_POINTS, replace=False)
    z = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), _MIN_RANGE)
    rank = int(np.linalg.matrix_rank(z.T @ z / len(x), tol=1e-10, hermitian=True))
    if rank == dim:
        return ""
    subspace = {1: "a line", 2: "a plane"}.get(rank, f"a subspace of {rank} dimensions")
    return (
        f"The points lie on {subspace} in their {dim} columns and have no density."
        " Drop the columns that others determine."
    )


def _join_names(columns: tuple[str, ...], chosen: Iterable[int], max_names: int = 3) -> str:
    names = [f'"{shown(columns[j], 25)}"' for j in chosen]
    more = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(names[:max_names]) + more
