"""Reading of points from NPY and NPZ files; headers are checked before any allocation."""

import math
import warnings
import zipfile
from collections.abc import Generator
from io import BufferedIOBase
from typing import IO, Literal, NamedTuple

import numpy as np

from ebmark.datasets.tables._stream import TableStream, damaged, numbered_names, reject_bomb
from ebmark.errors import UserError, shown

# the usual names of an array of points
_NAMES = ("x", "samples", "points", "data", "X")
# bytes of an array in an NPZ file, which is read into memory
_MAX_MEMBER = 2**32
_BLOCK_CELLS = 2**20
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class _Header(NamedTuple):
    """The header of an array; the numbers begin at byte `offset`."""

    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype
    offset: int
    nbytes: int


def open_npy(file: BufferedIOBase) -> TableStream:
    """Open the array of an NPY file, memory-mapped. Raises `UserError`."""
    header = _read_header(file)
    with damaged("NPY"):
        _reject_short_file(header, file.seek(0, 2))
        array: np.ndarray = np.memmap(
            file, header.dtype, "r", header.offset, header.shape, header.order
        )
    return _source(array)


def open_npz(file: BufferedIOBase) -> TableStream:
    """Open the array of points in an NPZ file. Raises `UserError`."""
    with damaged("NPZ"):
        archive = zipfile.ZipFile(file)
        member, note = _choose(archive)
        reject_bomb(member.file_size, member.compress_size)
        if member.file_size > _MAX_MEMBER:
            raise UserError(
                "arrays of more than 4 GiB cannot be read from NPZ. Save the array as NPY."
            )
        with archive.open(member) as stream:
            header = _read_header(stream)
            _reject_short_file(header, member.file_size)
            if note and len(header.shape) == 1:
                raise _several_arrays(archive)
            array = np.frombuffer(stream.read(header.nbytes), header.dtype)
            return _source(array.reshape(header.shape, order=header.order), note)


def _read_header(file: IO[bytes] | BufferedIOBase) -> _Header:
    """Read the header of an array of numbers with one or two dimensions. Raises `UserError`."""
    with damaged("NPY"), warnings.catch_warnings():
        # numpy warns about files from Python 2, which it reads correctly
        warnings.simplefilter("ignore")
        version = np.lib.format.read_magic(file)
        shape, fortran, dtype = _HEADERS[version](file)
        if min(shape, default=0) < 0:
            raise ValueError(shape)
        offset = file.tell()
    _reject_non_numeric(dtype)
    if len(shape) not in (1, 2):
        raise UserError(f"array has shape {shown(shape)}, expected (points, columns). Reshape it.")
    if math.prod(shape) == 0:
        raise UserError(f"array of shape {shown(shape)} has no points. Save the points again.")
    return _Header(shape, "F" if fortran else "C", dtype, offset, math.prod(shape) * dtype.itemsize)


def _reject_non_numeric(dtype: np.dtype) -> None:
    if dtype.kind in "fiu":
        return
    kind = "named fields" if dtype.names else f"type {shown(dtype, 30)}"
    fixes = {"c": "Save .real and .imag as columns.", "b": "Convert it with .astype(float)."}
    fix = fixes.get(dtype.kind, "Save an array of floats of shape (points, columns).")
    raise UserError(f"array has {kind}, expected real numbers. {fix}")


def _reject_short_file(header: _Header, size: int) -> None:
    if header.offset + header.nbytes > size:
        raise UserError(
            f"file is damaged or truncated: it is too small for the shape {shown(header.shape)}"
            " of its header. Copy or save it again."
        )


def _choose(archive: zipfile.ZipFile) -> tuple[zipfile.ZipInfo, str]:
    """Choose the only array, or the one with a usual name and a note that there are others."""
    members = {
        info.filename.removesuffix(".npy"): info
        for info in archive.infolist()
        if info.filename.endswith(".npy")
    }
    if not members:
        is_excel = any(entry.startswith("xl/") for entry in archive.namelist())
        kind = "an Excel workbook" if is_excel else "a zip archive without NumPy arrays"
        raise UserError(f"file is {kind}. Save the points as CSV, NPY, NPZ or Parquet.")
    if len(members) == 1:
        return next(iter(members.values())), ""
    chosen = next((key for key in _NAMES if key in members), None)
    if chosen is None:
        raise _several_arrays(archive)
    return members[chosen], f'Of the {len(members)} arrays in the file, "{chosen}" was read.'


def _several_arrays(archive: zipfile.ZipFile) -> UserError:
    keys = shown(", ".join(entry.removesuffix(".npy") for entry in archive.namelist()), 60)
    return UserError(
        f'file has several arrays ({keys}). Name the one of shape (points, columns) "x".'
    )


def _source(array: np.ndarray, note: str = "") -> TableStream:
    table = array.reshape(len(array), -1)
    columns = numbered_names(table.shape[1])
    return TableStream(columns, _blocks(table), (note,) if note else (), has_names=False)


def _blocks(table: np.ndarray) -> Generator[np.ndarray, None, None]:
    step = max(1, _BLOCK_CELLS // table.shape[1])
    for start in range(0, len(table), step):
        # a longdouble that overflows becomes inf, which is rejected later
        with np.errstate(all="ignore"):
            yield np.array(table[start : start + step], dtype=np.float64, order="C")
