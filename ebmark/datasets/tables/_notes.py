"""Notes on the limitations of a user's points, one line each; none for a clean table."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ebmark.datasets.preprocessing import RobustStandardizer
from ebmark.datasets.tables._checks import MIN_RANGE, join_names

if TYPE_CHECKING:
    import pandas as pd

# fewer points get a note
_MIN_POINTS = 200
# points used to find the rank of the covariance
_MAX_RANK_POINTS = 20_000
# spacing of the stored values, in standard deviations
_MAX_SPACING = 1e-4
# fraction of the points that repeat another
_MAX_REPEATS = 0.005
# a column is discrete with so many values or fewer, or if so many points share one of them
_MAX_DISCRETE_VALUES = 20
_MAX_SHARE_OF_VALUE = 0.05
# heavy tails: the ranges of the central 99% to 50%, and 99% to 90% (2.4 times for a Gaussian's 3.8
# and 1.6; an exponential has 4.8 and 1.8, Student's t with 2 degrees of freedom 12.2 and 3.4)
_MAX_TAIL_TO_QUARTILES = 8.0
_MAX_TAIL_TO_CENTER = 1.7
# seconds since 1970, between 2001 and 2038, in units of seconds to nanoseconds
_UNIX_TIMES = (1e9, 2.15e9)
_UNIX_UNITS = (1.0, 1e3, 1e6, 1e9)


def describe_thinning(x: np.ndarray, total: int) -> tuple[str, ...]:
    """Return a sentence on the rows that were left out, if there are any.

    Args:
        x: The points used, (n, dim).
        total: The number of points in the file.
    """
    if len(x) == total:
        return ()
    note = f"Of {total:,} points, a uniform sample of {len(x):,} is used (the same in every run)."
    return (note,)


def describe_limitations(x: np.ndarray, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return sentences on what the points do not allow, or how they may mislead.

    Args:
        x: The points used, (n, dim).
        columns: The names of the columns.
    """
    notes = [
        *(_on_few(x), _on_dimension(x)),
        *(_on_columns(x, columns, has_property, note) for has_property, note in _COLUMN_NOTES),
        *(_on_row_numbers(x, columns), _on_repeats(x), _on_rank(x)),
    ]
    return tuple(note for note in notes if note)


def describe_table(frame: "pd.DataFrame") -> tuple[str, ...]:
    """Return such sentences on the numbers of a table, whose whole numbers are dequantized.

    Args:
        frame: the table, with any columns.
    """
    numbers = frame.select_dtypes("number").dropna()
    numbers = numbers.loc[:, numbers.nunique() > 1]
    x = numbers.to_numpy(np.float64)
    columns = tuple(map(str, numbers.columns))
    if not x.size:
        return ()
    if len(columns) == frame.shape[1] and not any(map(_is_integer, x.T)):
        return describe_limitations(x, columns)
    of_columns = (
        _on_columns(x, columns, has_property, note)
        for has_property, note in _COLUMN_NOTES
        if has_property is not _is_integer
    )
    notes = (_on_few(x), *of_columns, _on_row_numbers(x, columns), _on_rank(x))
    return tuple(note for note in notes if note)


def _on_few(x: np.ndarray) -> str:
    if len(x) >= _MIN_POINTS:
        return ""
    return f"There are only {len(x)} points: expect wide intervals."


def _on_dimension(x: np.ndarray) -> str:
    dim = x.shape[1]
    if dim == 1:
        return "There is 1 column: figures show curves, not maps."
    if dim > 2:
        return (
            f"There are {dim} columns: no oracle mle and no exact samples,"
            " which need quadrature in 1 or 2 dimensions."
        )
    return ""


def _on_columns(
    x: np.ndarray,
    columns: tuple[str, ...],
    has_property: Callable[[np.ndarray], bool],
    note: str,
) -> str:
    """Return the note with the names of the columns that have a property; "" if there are none."""
    names = [columns[j] for j in range(x.shape[1]) if has_property(x[:, j])]
    return note.format(names=join_names(names)) if names else ""


def _is_coarse(column: np.ndarray) -> bool:
    """Whether the float type that the values were stored in resolves them badly."""
    min_spacing = _MAX_SPACING * column.std()
    if _is_integer(column):
        min_spacing = max(min_spacing, 1.0)
    largest = np.abs(column).max()
    for kind in (np.float16, np.float32, np.float64):
        with np.errstate(over="ignore", under="ignore"):
            if (column == column.astype(kind)).all():
                return bool(np.spacing(kind(largest)) > min_spacing)
    return False


def _is_integer(column: np.ndarray) -> bool:
    """Whether the values are integers, with steps that matter: large floats are integers too."""
    return bool(np.all(column == np.rint(column)) and _MAX_SPACING * column.std() < 1)


def _is_discrete(column: np.ndarray) -> bool:
    if _is_integer(column):
        return False
    _, counts = np.unique(column, return_counts=True)
    few = len(counts) <= min(_MAX_DISCRETE_VALUES, len(column) // 2)
    return bool(few or counts.max() > max(2, _MAX_SHARE_OF_VALUE * len(column)))


def _is_heavy_tailed(column: np.ndarray) -> bool:
    if _has_outliers(column):
        return False
    probs = [0.005, 0.05, 0.25, 0.75, 0.95, 0.995]
    q = np.quantile(column, probs)
    tail = q[5] - q[0]
    # the extreme quantiles of few points vary
    factor = 1 + 40 / len(column)
    is_far = tail > factor * _MAX_TAIL_TO_QUARTILES * (q[3] - q[2]) > 0
    return bool(is_far and tail > _MAX_TAIL_TO_CENTER * (q[4] - q[1]))


def _has_outliers(column: np.ndarray) -> bool:
    """Whether few points are farther from the median than an exponential's would be.

    The largest of n draws of it is beyond the bound with a probability below 1e-6. A small distant
    mode has no outliers, as the 98% quantile lies in it.
    """
    z = np.abs(RobustStandardizer.fit(column[:, None]).transform(column[:, None]))
    bound = max(18 + 1.5 * np.log(len(column)), 3 * np.quantile(z, 0.98, method="lower"))
    return bool((z > bound).any())


def _is_unix_time(column: np.ndarray) -> bool:
    low, high = _UNIX_TIMES
    return any(low * unit <= column.min() and column.max() <= high * unit for unit in _UNIX_UNITS)


# whether a column has a property, and the note on it
_COLUMN_NOTES = (
    (
        _is_unix_time,
        "Values of {names} look like Unix times: the density of a time says when data were taken."
        " Drop the column or use the time of day or differences.",
    ),
    (
        _is_coarse,
        "Values of {names} are stored with too few digits: their spacing exceeds 1e-4 standard"
        " deviations. Subtract a constant before they are stored, or store them in float64.",
    ),
    (
        _is_integer,
        "Values of {names} are integers: discrete data have no density,"
        " so likelihoods mean little. Add uniform noise of one unit for a density.",
    ),
    (
        _is_discrete,
        "Values of {names} are discrete or share one value often: they have no density,"
        " so likelihoods mean little. Add noise of the step's size, or model the kinds apart.",
    ),
    (
        _has_outliers,
        "Values of {names} have far outliers, which set the mean and the standard deviation and"
        " widen the null ranges of W1 and W2."
        " Check them; remove them or take logarithms, or arcsinh.",
    ),
    (
        _is_heavy_tailed,
        "Values of {names} have heavy tails, which Gaussian noise and chains do not reach."
        " Take logarithms, or arcsinh.",
    ),
)


def _on_row_numbers(x: np.ndarray, columns: tuple[str, ...]) -> str:
    steps = np.diff(x, axis=0)
    is_monotone = (steps >= 0).all(axis=0) | (steps <= 0).all(axis=0)
    names = [columns[j] for j in np.flatnonzero(is_monotone)]
    if x.shape[1] == 1 or not names:
        return ""
    return (
        f"Values of {join_names(names)} increase from row to row, or decrease: if they number the"
        " rows or are times, drop them."
    )


def _on_repeats(x: np.ndarray) -> str:
    """Find repeats by a random projection of each row, which different rows rarely share."""
    rng = np.random.default_rng(0)
    projection = np.zeros(len(x))
    for j in range(x.shape[1]):
        projection += (x[:, j] - x[:, j].mean()) * (rng.normal() / np.ptp(x[:, j]))
    repeats = len(x) - len(np.unique(projection))
    if repeats < max(2, _MAX_REPEATS * len(x)):
        return ""
    return (
        f"Of {len(x):,} points, {repeats:,} repeat another: the density is unbounded at repeated"
        " points, and some held-out points are also training points. Remove them."
    )


def _on_rank(x: np.ndarray) -> str:
    dim = x.shape[1]
    if dim == 1:
        return ""
    if len(x) > _MAX_RANK_POINTS:
        x = np.random.default_rng(0).choice(x, _MAX_RANK_POINTS, replace=False)
    z = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), MIN_RANGE)
    rank = int(np.linalg.matrix_rank(z.T @ z / len(x), tol=1e-10, hermitian=True))
    if rank == dim:
        return ""
    subspace = {1: "a line", 2: "a plane"}.get(rank, f"a subspace of {rank} dimensions")
    return (
        f"The points lie on {subspace} in their {dim} columns and have no density."
        " Drop the columns that others determine."
    )
