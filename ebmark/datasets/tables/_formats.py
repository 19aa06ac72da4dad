"""The format of a file, which its first bytes say, and its reader."""

import contextlib
import gzip
import os
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from pathlib import Path

from ebmark.datasets.tables._numpy import open_npy, open_npz
from ebmark.datasets.tables._parquet import open_parquet
from ebmark.datasets.tables._stream import TableStream, damaged
from ebmark.datasets.tables._text import open_text
from ebmark.errors import UserError, shown

READERS: dict[bytes, Callable[..., TableStream]] = {
    b"\x93NUMPY": open_npy,
    b"PK": open_npz,
    b"PAR1": open_parquet,
}
_UNSUPPORTED = {
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


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[BufferedIOBase]:
    """Open the file. Raises `UserError` if it cannot be opened or read."""
    if "\0" in str(path):
        raise UserError("file name contains a null character. Check the name.")
    if os.path.isdir(path):
        raise UserError("path is a folder. Give a file inside it.")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError("path is a pipe or a device. Save its content to a file first.")
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError as error:
        raise UserError("no such file. Check the name and the folder.") from error
    except OSError as error:
        reason = shown(error.strerror or error, 100)
        raise UserError(f"file cannot be read: {reason}.") from error


def open_table(file: BufferedIOBase, *, has_only_numbers: bool) -> TableStream:
    """Open the file as what its first bytes say; as text if they are of no known format."""
    option = {"has_only_numbers": has_only_numbers}
    head = _peek(file)
    if not head:
        raise UserError("file is empty. Give a table of numbers.")
    for magic, kind in _UNSUPPORTED.items():
        if head.startswith(magic):
            raise UserError(f"{kind} files are not supported. Save the points as CSV or NPY.")
    for magic, reader in READERS.items():
        if head.startswith(magic):
            return reader(file, **option) if reader is open_parquet else reader(file)
    if not head.startswith(b"\x1f\x8b"):
        return open_text(file, **option)
    unzipped = gzip.GzipFile(fileobj=file)
    with damaged("gzip"):
        head = _peek(unzipped)
    if any(head.startswith(magic) for magic in (*READERS, b"\x1f\x8b")):
        raise UserError("only text can be read from gzip. Decompress the file first, with gunzip.")
    return open_text(unzipped, **option)


def _peek(file: BufferedIOBase) -> bytes:
    head = file.read(8)
    file.seek(0)
    return head
