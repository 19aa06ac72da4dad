"""Writing of points to a file, atomically, in the format of its suffix."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ebmark.datasets.tables._stream import name_columns, numbered_names, tidy_names
from ebmark.errors import UserError, shown, unknown
from ebmark.system.writing import atomic_path, check_writable


def write_points(path: str | Path, x: np.ndarray, columns: Sequence[str] = ()) -> None:
    """Write points as CSV, TSV, NPY, NPZ or Parquet, by the suffix of the file.

    Args:
        path: The file; it is replaced atomically.
        x: The points, floats of shape (n, dim).
        columns: The names of the columns; x1, x2, ... by default. NPY and NPZ (one array, "x") do
            not store them.

    Raises:
        ValueError: If `x` or `columns` have another shape or type.
        UserError: If the suffix is unknown or the file cannot be written.
    """
    write = _writer(path)
    x = np.asarray(x)
    if x.ndim != 2 or x.dtype not in (np.float32, np.float64):
        raise ValueError(f"'x' must be floats of shape (n, dim), got {x.dtype} {x.shape}.")
    names = tidy_names(columns or numbered_names(x.shape[1]))
    if len(names) != x.shape[1]:
        raise ValueError(f"'columns' must have {x.shape[1]} names, got {len(names)}.")
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        write(file, x, names)


def write_table(path: str | Path, rows: Any, columns: Sequence[str] = ()) -> None:
    """Write rows as CSV, TSV or Parquet with the types of their columns, or numbers as NPY or NPZ.

    Args:
        path: The file; it is replaced atomically.
        rows: A data frame, or points as for `write_points`.
        columns: Names of the columns of points.

    Raises:
        UserError: If the suffix is unknown, NPY or NPZ cannot hold the columns, or the file cannot
            be written.
    """
    suffix = Path(path).suffix.casefold()
    if isinstance(rows, np.ndarray):
        write_points(path, np.asarray(rows, np.float64), columns)
        return
    if suffix in (".npy", ".npz"):
        texts = [name for name, dtype in rows.dtypes.items() if dtype.kind not in "biuf"]
        if texts:
            raise UserError(
                f"{shown(path, 80)}: column '{shown(texts[0])}' is no number, and {suffix} holds "
                "numbers only. Write .csv, .tsv or .parquet."
            )
        write_points(path, rows.to_numpy(np.float64))
        return
    _writer(path)
    rows = rows.set_axis([*name_columns(rows)], axis=1)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        if suffix == ".parquet":
            rows.to_parquet(file, index=False)
            return
        has_numbers = any(map(_is_number, rows.columns))
        # a row that begins with # would be a comment
        is_doubtful = has_numbers or _begins_with_hash(rows)
        quoting = csv.QUOTE_NONNUMERIC if is_doubtful else csv.QUOTE_MINIMAL
        separator = "\t" if suffix == ".tsv" else ","
        rows.to_csv(file, index=False, sep=separator, quoting=quoting, lineterminator="\n")


def check_output(path: str | Path) -> None:
    """Raise the `UserError` of `write_points`, before the points are computed.

    Args:
        path: The file.

    Raises:
        UserError: If the suffix is unknown or the file cannot be written.
    """
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

    # pyarrow would quote every name; only names that are numbers need it
    header = io.StringIO()
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


def _begins_with_hash(rows: Any) -> bool:
    first = rows.iloc[:, 0]
    cells = [rows.columns[0], *([] if first.dtype.kind in "biufM" else first)]
    return any(str(cell).lstrip().startswith("#") for cell in cells)


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
