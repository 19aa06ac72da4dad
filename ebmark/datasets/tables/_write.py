"""Points to a file, whole, in the format that its suffix names."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ebmark.datasets.tables._stream import numbered_names, tidy_names
from ebmark.errors import UserError, shown, unknown
from ebmark.system.writing import atomic_path, check_writable


def write_points(path: str | Path, x: np.ndarray, columns: Sequence[str] = ()) -> None:
    """Write points (n, dim) as CSV, TSV, NPY, NPZ or Parquet, by the suffix.

    NPY and NPZ (one array, "x") keep no names. Raises `UserError`.
    """
    write = _writer(path)
    x = np.asarray(x)
    if x.ndim != 2 or x.dtype not in (np.float32, np.float64):
        raise ValueError(f"points are floats (n, dim), not {x.dtype} {x.shape}")
    columns = tidy_names(columns or numbered_names(x.shape[1]))
    if len(columns) != x.shape[1]:
        raise ValueError(f"{len(columns)} names for {x.shape[1]} columns")
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        write(file, x, columns)


def check_output(path: str | Path) -> None:
    """Raise the `UserError` of `write_points` now, before the points are made."""
    _writer(path)
    check_writable(path)


def _writer(path: str | Path) -> Callable[[BinaryIO, np.ndarray, tuple[str, ...]], None]:
    suffix = Path(path).suffix.casefold()
    if suffix not in _WRITERS:
        raise UserError(f"{shown(path, 80)}: {unknown('suffix', suffix, _WRITERS)}")
    return _WRITERS[suffix]


def _write_csv(file: BinaryIO, x: np.ndarray, columns: tuple[str, ...]) -> None:
    _write_text(file, x, columns, ",")


def _write_tsv(file: BinaryIO, x: np.ndarray, columns: tuple[str, ...]) -> None:
    _write_text(file, x, columns, "\t")


def _write_text(file: BinaryIO, x: np.ndarray, columns: tuple[str, ...], separator: str) -> None:
    import pyarrow as pa
    from pyarrow.csv import WriteOptions, write_csv

    header = io.StringIO()  # pyarrow would quote every name; only one that is a number asks for it
    quoting = csv.QUOTE_ALL if any(map(_is_number, columns)) else csv.QUOTE_MINIMAL
    csv.writer(header, delimiter=separator, quoting=quoting, lineterminator="\n").writerow(columns)
    file.write(header.getvalue().encode())
    options = WriteOptions(include_header=False, delimiter=separator)
    write_csv(pa.table(list(x.T), names=list(columns)), file, options)


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _write_npy(file: BinaryIO, x: np.ndarray, columns: tuple[str, ...]) -> None:
    del columns
    np.save(file, np.ascontiguousarray(x), allow_pickle=False)


def _write_npz(file: BinaryIO, x: np.ndarray, columns: tuple[str, ...]) -> None:
    del columns
    np.savez(file, x=np.ascontiguousarray(x))


def _write_parquet(file: BinaryIO, x: np.ndarray, columns: tuple[str, ...]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(list(x.T), names=list(columns)), file)


_WRITERS = {
    ".csv": _write_csv,
    ".tsv": _write_tsv,
    ".npy": _write_npy,
    ".npz": _write_npz,
    ".parquet": _write_parquet,
}
