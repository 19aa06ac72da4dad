"""The interface of the readers: the names of the columns, and the rows in blocks."""

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ebmark.errors import UserError, shown


class TableStream(NamedTuple):
    """A table that is being read.

    Attributes:
        columns: The names as they are in the file; see `tidy_names`.
        blocks: Float64 arrays of shape (rows, columns), or Arrow tables of any types.
        notes: Sentences for the user, complete when the blocks are read.
        has_names: Whether the names are in the file; otherwise they number the columns.
    """

    columns: tuple[str, ...]
    blocks: Generator[Any, None, None]
    notes: Sequence[str] = ()
    has_names: bool = True


def numbered_names(dim: int) -> tuple[str, ...]:
    """Return names for columns that have none: x1, x2, ..."""
    return tuple(f"x{i + 1}" for i in range(dim))


def name_columns(frame: Any) -> tuple[str, ...]:
    """Return the names of the columns of a frame; those of an array are x1, x2, ..."""
    return tuple(f"x{name + 1}" if isinstance(name, int) else str(name) for name in frame.columns)


def describe_column(columns: tuple[str, ...], index: int) -> str:
    """Describe a column in a message, by its name or else by its number, counted from 1."""
    if columns == numbered_names(len(columns)) or not columns[index].strip():
        return f"column {index + 1}"
    return f'column "{shown(columns[index])}"'


def tidy_names(names: Iterable[str]) -> tuple[str, ...]:
    """Make the names printable and unique: one line, no quotes, none of them empty.

    Example:
        >>> tidy_names(["x", "x", "", "a  b"])
        ('x', 'x_2', 'x3', 'a b')
    """
    tidy: list[str] = []
    for i, name in enumerate(names):
        plain = " ".join(str(name).replace('"', " ").split()).lstrip("# ") or f"x{i + 1}"
        unique = plain
        suffix = 2
        while unique in tidy:
            unique = f"{plain}_{suffix}"
            suffix += 1
        tidy.append(unique)
    return tuple(tidy)


@contextlib.contextmanager
def damaged(kind: str) -> Iterator[None]:
    """Turn whatever a library raises for a file that it cannot read into a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"file is damaged or truncated and cannot be read as {kind}. Copy or save it again."
        ) from error


def reject_bomb(declared: int, stored: int) -> None:
    """Raise `UserError` for a small file that unpacks to more than 1 GiB and 500 times its size."""
    if declared > 2**30 and declared > 500 * max(stored, 1):
        raise UserError(
            f"file of {stored:,} bytes unpacks to {declared / 2**30:,.0f} GiB and is not read."
            " Save the points again, uncompressed."
        )
