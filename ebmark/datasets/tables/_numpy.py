"""Points in NumPy's own files. The header is checked against the file before any allocation."""

import math
import warnings
import zipfile
from collections.abc import Generator
from typing import IO, BinaryIO, Literal, NamedTuple

import numpy as np

from ebmark.datasets.tables._stream import TableStream, damaged, numbered_names, refuse_bomb
from ebmark.errors import UserError, shown

_NAMES = ("x", "samples", "points", "data", "X")  # what an array of points is called
_MAX_MEMBER = 2**32  # bytes of an NPZ's array, which is read whole
_BLOCK_CELLS = 2**20
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class _Header(NamedTuple):
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype
    offset: int  # where the numbers begin
    nbytes: int


def open_npy(file: BinaryIO, name: str) -> TableStream:
    """The array of an NPY file, left on the disk. Raises `UserError`."""
    header = _read_header(file, name)
    with damaged(name, "NPY"):
        _refuse_short(header, file.seek(0, 2), name)
        array: np.ndarray = np.memmap(
            file, header.dtype, "r", header.offset, header.shape, header.order
        )
    return _source(array)


def open_npz(file: BinaryIO, name: str) -> TableStream:
    """The array of points among those of an NPZ file. Raises `UserError`."""
    with damaged(name, "NPZ"):
        archive = zipfile.ZipFile(file)
        member, note = _choose(archive, name)
        refuse_bomb(member.file_size, member.compress_size, name)
        if member.file_size > _MAX_MEMBER:
            raise UserError(f"{name}: arrays beyond 4 GiB are not read from NPZ; save it as NPY")
        with archive.open(member) as stream:
            header = _read_header(stream, name)
            _refuse_short(header, member.file_size, name)
            if note and len(header.shape) == 1:
                raise UserError(_several(archive, name))
            array = np.frombuffer(stream.read(header.nbytes), header.dtype)
            return _source(array.reshape(header.shape, order=header.order), note)


def _read_header(file: IO[bytes], name: str) -> _Header:
    """The header of an array of points: numbers, one or two dimensions. Raises `UserError`."""
    with damaged(name, "NPY"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files from Python 2, which are read all the same
        version = np.lib.format.read_magic(file)
        shape, fortran, dtype = _HEADERS[version](file)
        if min(shape, default=0) < 0:
            raise ValueError(shape)
        offset = file.tell()
    _refuse_kind(dtype, name)
    if len(shape) not in (1, 2):
        raise UserError(
            f"{name}: holds an array of shape {shown(shape)}; (points, columns) is wanted:"
            " reshape it"
        )
    if math.prod(shape) == 0:
        raise UserError(f"{name}: holds an array of shape {shown(shape)}, without points")
    return _Header(shape, "F" if fortran else "C", dtype, offset, math.prod(shape) * dtype.itemsize)


def _refuse_kind(dtype: np.dtype, name: str) -> None:
    if dtype.kind in "fiu":
        return
    kind = "named fields" if dtype.names else f"the type {shown(dtype, 30)}"
    cures = {"c": "save .real and .imag as columns", "b": "save it .astype(float)"}
    cure = cures.get(dtype.kind, "save a plain array of floats, (points, columns)")
    raise UserError(f"{name}: holds {kind}, not plain numbers; {cure}")


def _refuse_short(header: _Header, size: int, name: str) -> None:
    if header.offset + header.nbytes > size:
        raise UserError(
            f"{name}: damaged or cut short: its header promises an array of shape"
            f" {shown(header.shape)}, which the file is too small for; copy or save it again"
        )


def _choose(archive: zipfile.ZipFile, name: str) -> tuple[zipfile.ZipInfo, str]:
    """The only array, or the one with a telling name, and a note where there were others."""
    members = {
        info.filename.removesuffix(".npy"): info
        for info in archive.infolist()
        if info.filename.endswith(".npy")
    }
    if not members:
        excel = any(entry.startswith("xl/") for entry in archive.namelist())
        kind = "an Excel workbook" if excel else "a zip archive without NumPy arrays"
        raise UserError(f"{name}: is {kind}; give the points as CSV, NPY, NPZ or Parquet")
    if len(members) == 1:
        return next(iter(members.values())), ""
    chosen = next((key for key in _NAMES if key in members), None)
    if chosen is None:
        raise UserError(_several(archive, name))
    return members[chosen], f'Of the {len(members)} arrays in the file, "{chosen}" was read.'


def _several(archive: zipfile.ZipFile, name: str) -> str:
    keys = shown(", ".join(entry.removesuffix(".npy") for entry in archive.namelist()), 60)
    return f'{name}: holds several arrays ({keys}); name one (points, columns) array "x"'


def _source(array: np.ndarray, note: str = "") -> TableStream:
    table = array.reshape(len(array), -1)
    columns = numbered_names(table.shape[1])
    return TableStream(columns, _blocks(table), (note,) if note else ())


def _blocks(table: np.ndarray) -> Generator[np.ndarray, None, None]:
    step = max(1, _BLOCK_CELLS // table.shape[1])
    for start in range(0, len(table), step):
        with np.errstate(all="ignore"):  # a longdouble that overflows is found as inf
            yield np.array(table[start : start + step], dtype=np.float64, order="C")
