"""What every reader gives: the names of the columns, and the rows in blocks."""

import contextlib
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ebmark.errors import UserError, shown


class TableStream(NamedTuple):
    """A table that is being read; `blocks` are float64 arrays (rows, columns)."""

    columns: tuple[str, ...]  # as the file has them; see `tidy_names`
    blocks: Generator[np.ndarray, None, None]
    notes: tuple[str, ...] = ()


def numbered_names(dim: int) -> tuple[str, ...]:
    """Names for columns that have none: x1, x2, ..."""
    return tuple(f"x{i + 1}" for i in range(dim))


def in_words(columns: tuple[str, ...], j: int) -> str:
    """The column, by its name or else by its number from 1, for a message."""
    if columns == numbered_names(len(columns)) or not columns[j].strip():
        return f"column {j + 1}"
    return f'column "{shown(columns[j])}"'


def tidy_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names on one line each, without quotes, none of them empty, no two the same."""
    tidy: dict[str, None] = {}  # an ordered set
    for i, name in enumerate(names):
        name = " ".join(str(name).replace('"', " ").split()).lstrip("# ") or f"x{i + 1}"
        unique, again = name, 2
        while unique in tidy:
            unique, again = f"{name}_{again}", again + 1
        tidy[unique] = None
    return tuple(tidy)


@contextlib.contextmanager
def damaged(name: str, kind: str) -> Iterator[None]:
    """Whatever another library raises at a file that it cannot read is a `UserError` here."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{name}: damaged or cut short: it cannot be read as {kind}; copy or save it again"
        ) from error


def refuse_bomb(declared: int, stored: int, name: str) -> None:
    """Raise `UserError` at a small file that unpacks to an absurd size."""
    if declared > 2**30 and declared > 500 * max(stored, 1):
        raise UserError(
            f"{name}: unpacks to {declared / 2**30:,.0f} GiB from {stored:,} bytes; refused:"
            " save the points again, uncompressed"
        )
