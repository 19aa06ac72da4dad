"""The user's own points: tables of numbers from files, checked, with notes on what they mean.

Nothing in a file is ever executed, and memory stays bounded whatever the file declares.
"""

import contextlib
import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from ebmark.datasets.tables._checks import notes_on, refuse_unfit
from ebmark.datasets.tables._numpy import open_npy, open_npz
from ebmark.datasets.tables._parquet import open_parquet
from ebmark.datasets.tables._stream import TableStream, damaged, tidy_names
from ebmark.datasets.tables._text import open_text
from ebmark.datasets.tables._thinning import sample
from ebmark.datasets.tables._write import check_output as check_output
from ebmark.datasets.tables._write import write_points as write_points
from ebmark.errors import UserError, shown

MAX_COLUMNS = 1000

_READERS: dict[bytes, Callable[[BinaryIO, str], TableStream]] = {
    b"\x93NUMPY": open_npy,
    b"PK": open_npz,
    b"PAR1": open_parquet,
}
_FOREIGN = {
    b"\x89HDF": "HDF5",
    b"\xd0\xcf\x11\xe0": "old Excel",
    b"PARE": "encrypted Parquet",
    b"ARROW1": "Arrow or Feather",
    b"MATLAB": "MATLAB",
    b"%PDF": "PDF",
    b"\x80\x04\x95": "pickle",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


class Points(NamedTuple):
    """Points of a user's file: at least 20, all finite, no column constant."""

    x: np.ndarray  # (n, dim), float64
    columns: tuple[str, ...]
    notes: tuple[str, ...]  # sentences for the user


def read_points(path: str | Path, *, max_rows: int = 1_000_000) -> Points:
    """The points in a CSV, TSV, text, NPY, NPZ or Parquet file, by its content.

    More than `max_rows` are thinned to a uniform sample of that many. Raises `UserError`.
    """
    name = shown(path, 80) or '""'
    with _opened(path, name) as file:
        source = _open(file, name)
        _refuse_width(len(source.columns), name)
        x, total = sample(source, name, max_rows)
    x, names, notes = _drop_row_numbers(x, source)
    refuse_unfit(x, names, total, name)
    return Points(x, names, source.notes + notes + notes_on(x, names, total))


@contextlib.contextmanager
def _opened(path: str | Path, name: str) -> Iterator[BinaryIO]:
    """The file, opened. Raises `UserError` where it cannot be opened or read."""
    if "\0" in str(path):
        raise UserError(f"{name}: no file can have this name; check it")
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise UserError(f"{name}: {_not_a_file(path)}")
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError as error:
        raise UserError(f"{name}: there is no such file; check the name and the folder") from error
    except OSError as error:
        reason = shown(error.strerror or error, 100)
        raise UserError(f"{name}: cannot be read: {reason}") from error


def _open(file: BinaryIO, name: str) -> TableStream:
    """The file as what its first bytes say that it is: text, where they say nothing."""
    head = _peek(file)
    if not head:
        raise UserError(f"{name}: is empty; a table of numbers is wanted")
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise UserError(f"{name}: is a file of kind {kind}; save the points as CSV or NPY")
    for magic, reader in _READERS.items():
        if head.startswith(magic):
            return reader(file, name)
    if not head.startswith(b"\x1f\x8b"):
        return open_text(file, name)
    unzipped = cast(BinaryIO, gzip.GzipFile(fileobj=file))
    with damaged(name, "gzip"):
        head = _peek(unzipped)
    if any(head.startswith(magic) for magic in (*_READERS, b"\x1f\x8b")):
        raise UserError(f"{name}: only text is read from gzip; unpack it first with gunzip")
    return open_text(unzipped, name)


def _peek(file: BinaryIO) -> bytes:
    head = file.read(8)
    file.seek(0)
    return head


def _not_a_file(path: str | Path) -> str:
    if os.path.isdir(path):
        return "is a folder; give a file inside it"
    return "is a pipe or a device; save it to a file first"


def _refuse_width(dim: int, name: str) -> None:
    if dim > MAX_COLUMNS:
        raise UserError(
            f"{name}: {dim:,} columns; at most {MAX_COLUMNS:,} are taken: one point a row is"
            " wanted, so transpose it if the points are its columns"
        )


def _drop_row_numbers(
    x: np.ndarray, source: TableStream
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Without the first column, where that is the nameless row number that pandas writes."""
    columns = tidy_names(source.columns)
    nameless = source.columns[0] in ("", "Unnamed: 0")
    if not (nameless and len(columns) > 1 and len(x) > 1 and _counts(x[:, 0])):
        return x, columns, ()
    return x[:, 1:].copy(), columns[1:], ("The first column, a row number, was left out.",)


def _counts(column: np.ndarray) -> bool:
    return bool(np.all(column == np.rint(column)) and np.all(np.diff(column) > 0))
