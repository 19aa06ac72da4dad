"""User data: tables in CSV, TSV, text, NPY, NPZ and Parquet files, checked.

May import `errors` and `system`. Nothing in a file is executed, and memory is bounded.
To add a format, write one file with a function that opens it as a `TableStream`, and a line in
`READERS` of `_formats`. Messages give line, column and fix; `read_points` puts the name of the file
in front.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ebmark.datasets.tables._checks import MIN_POINTS, check_count, check_variation, join_names
from ebmark.datasets.tables._formats import open_table, opened
from ebmark.datasets.tables._notes import describe_limitations, describe_thinning
from ebmark.datasets.tables._notes import describe_table as describe_table
from ebmark.datasets.tables._stream import TableStream, tidy_names
from ebmark.datasets.tables._thinning import sample_rows
from ebmark.datasets.tables._write import check_output as check_output
from ebmark.datasets.tables._write import write_points as write_points
from ebmark.datasets.tables._write import write_table as write_table
from ebmark.errors import UserError, shown

if TYPE_CHECKING:
    import pandas as pd

MAX_COLUMNS = 1000


class Points(NamedTuple):
    """Points of a user's file: at least 20, all finite.

    Attributes:
        x: The points, float64 of shape (n, dim).
        columns: The names of the columns.
        notes: Sentences for the user on the limitations of the points.
        has_names: Whether the names are in the file; otherwise they number the columns.
    """

    x: np.ndarray
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    has_names: bool = True

    def in_order_of(self, target: "Points") -> np.ndarray:
        """Return the points with their columns in the order of a target's.

        Columns are matched by name where both files name them, else by position.

        Args:
            target: The points whose columns they are compared with.

        Raises:
            UserError: If a column is missing or there is one too many.
        """
        if not (self.has_names and target.has_names):
            if len(self.columns) != len(target.columns):
                raise UserError(
                    f"has {_count(self.columns)}, but the target has {len(target.columns)}. "
                    "Give both the same columns."
                )
            return self.x
        missing = [name for name in target.columns if name not in self.columns]
        extra = [name for name in self.columns if name not in target.columns]
        problems = []
        if missing:
            problems.append(f"lacks {join_names(missing)} of the target")
        if extra:
            problems.append(f"has {join_names(extra)}, which the target has not")
        if problems:
            raise UserError(f"{' and '.join(problems)}. Columns are matched by name: rename them.")
        return self.x[:, [self.columns.index(name) for name in target.columns]]


def _count(columns: tuple[str, ...]) -> str:
    return "1 column" if len(columns) == 1 else f"{len(columns)} columns"


def read_points(
    path: str | Path, *, max_rows: int = 1_000_000, for_training: bool = True
) -> Points:
    """Read the points in a CSV, TSV, text, NPY, NPZ or Parquet file; the content decides which.

    Args:
        path: The file.
        max_rows: If the file has more rows, a uniform sample of so many is read.
        for_training: Whether the points must vary in every column, and notes say what they do not
            allow; False for samples, which are only compared.

    Returns:
        The points.

    Raises:
        ValueError: If `max_rows` is not positive.
        UserError: If the file cannot be read or its points are unusable.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/points.csv"
        >>> write_points(path, np.random.default_rng(0).normal(size=(500, 2)))
        >>> read_points(path).columns
        ('x1', 'x2')
    """
    if max_rows < 1:
        raise ValueError(f"'max_rows' must be positive, got {max_rows}.")
    with _named(path):
        return _read_points(path, max_rows, for_training)


def _read_points(path: str | Path, max_rows: int, for_training: bool) -> Points:
    source, rows, total = _sample(path, max_rows)
    x, columns, notes = _drop_row_numbers(rows, source)
    check_count(x, total)
    notes = (*source.notes, *notes, *describe_thinning(x, total))
    if for_training:
        check_variation(x, columns)
        notes += describe_limitations(x, columns)
    return Points(x, columns, notes, source.has_names)


class Table(NamedTuple):
    """A table of a user's file: at least 20 rows.

    Attributes:
        frame: The rows. The columns of NPY and NPZ files are numbered 0, 1, ..., as of an array.
        notes: Sentences for the user on the limitations of the rows.
    """

    frame: "pd.DataFrame"
    notes: tuple[str, ...]


def read_table(
    path: str | Path,
    *,
    min_rows: int = MIN_POINTS,
    max_rows: int = 1_000_000,
    find_dropped: "Callable[[pd.DataFrame], Collection[Any]]" = lambda frame: (),
) -> Table:
    """Read a table of any columns in a CSV, TSV, text, NPY, NPZ or Parquet file.

    Columns of text become numbers where all values are. Blanks, `NA`, `NaN` and `null` are missing,
    and NaN in arrays.

    Args:
        path: The file; the content decides which it is.
        min_rows: Number of rows that the file must have.
        max_rows: If the file has more rows, a uniform sample of so many is read.
        find_dropped: A function of the frame that returns the names of columns that no model uses:
            their numbers are not checked.

    Raises:
        UserError: If the file cannot be read, has fewer than `min_rows` rows or numbers above 1e30.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/table.csv"
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"size": np.arange(30) / 4, "kind": ["a", "b"] * 15})
        >>> write_table(path, frame)
        >>> read_table(path).frame.equals(frame)
        True
    """
    with _named(path):
        table = _read_table(path, min_rows, max_rows)
    dropped = find_dropped(table.frame)
    with _named(path):
        _check_numbers(table.frame, dropped)
    return table


def _read_table(path: str | Path, min_rows: int, max_rows: int) -> Table:
    import pandas as pd

    from ebmark.datasets.tables._frames import infer_types, to_frame

    source, rows, total = _sample(path, max_rows, has_only_numbers=False)
    names = tidy_names(source.columns)
    notes = [*source.notes]
    if isinstance(rows, np.ndarray):
        frame = pd.DataFrame(rows)
    elif all(str(field.type) == "string" for field in rows.schema) and not rows.schema.metadata:
        frame, found = infer_types(rows, names)
        notes += found
    else:
        frame = to_frame(rows, names)
    first = frame.iloc[:, 0]
    is_unnamed = source.columns[0] in ("", "Unnamed: 0") and frame.shape[1] > 1 < len(frame)
    if is_unnamed and first.dtype.kind in "if" and _is_row_number(first.to_numpy(np.float64)):
        frame = frame.iloc[:, 1:]
        notes.append("The first column, a row number, was left out.")
    check_count(frame.to_numpy(), total, min_rows)
    return Table(frame, (*notes, *describe_thinning(frame.to_numpy(), total)))


def _check_numbers(frame: "pd.DataFrame", dropped: Collection[Any]) -> None:
    from ebmark.datasets.tables._frames import check_numbers

    check_numbers(frame, dropped)


@contextlib.contextmanager
def _named(path: str | Path) -> Iterator[None]:
    """Put the name of the file in front of errors."""
    try:
        yield
    except UserError as error:
        name = shown(path, 80) or '""'
        raise UserError(f"{name}: {error}") from error.__cause__


def _sample(
    path: str | Path, max_rows: int, *, has_only_numbers: bool = True
) -> tuple[TableStream, Any, int]:
    """Return the table of a file, a sample of its rows and their number in the file."""
    with opened(path) as file:
        source = open_table(file, has_only_numbers=has_only_numbers)
        _check_width(len(source.columns))
        return source, *sample_rows(source, max_rows, has_only_numbers=has_only_numbers)


def _check_width(dim: int) -> None:
    if dim > MAX_COLUMNS:
        raise UserError(
            f"file has {dim:,} columns, at most {MAX_COLUMNS:,} are supported. Transpose the table"
            " if its columns are the points."
        )


def _drop_row_numbers(
    x: np.ndarray, source: TableStream
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Drop the first column if it is the unnamed row number that pandas writes."""
    columns = tidy_names(source.columns)
    is_unnamed = source.columns[0] in ("", "Unnamed: 0")
    if not (is_unnamed and len(columns) > 1 and len(x) > 1 and _is_row_number(x[:, 0])):
        return x, columns, ()
    return x[:, 1:].copy(), columns[1:], ("The first column, a row number, was left out.",)


def _is_row_number(column: np.ndarray) -> bool:
    return bool(np.all(column == np.rint(column)) and np.all(np.diff(column) > 0))
