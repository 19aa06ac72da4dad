"""Read arrays from untrusted NPY and NPZ files: names, types, shapes and sizes are checked first.

The header of each array is compared with the number of bytes present before memory is allocated,
and a small archive that unpacks to a huge array is refused. Objects are never unpickled.
"""

import io
import math
import warnings
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

from ebmark.errors import DamagedError, UserError, shown
from ebmark.system.checksums import sha256
from ebmark.system.listed_files import read_listed
from ebmark.system.reading import REPAIR, read_bytes

_MAX_BYTES = 1 << 30  # of the arrays of a file
_MAX_DIMENSIONS = 8
# an archive may unpack to this many bytes, or to this many times its own size
_MAX_UNPACKED_BYTES = 64 << 20
_MAX_UNPACKED_RATIO = 200
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

# the arrays of a run and their axes; an axis has the same length in all arrays of a file
AXES = {
    "train": ("train", "dim"),
    "test": ("test", "dim"),
    "langevin": ("chains", "dim"),
    "exact": ("exact", "dim"),
    "native": ("native", "dim"),
    "smc": ("smc", "dim"),
    "trajectories": ("frames", "shown", "dim"),
    "trajectory_steps": ("frames",),
    "losses": ("num_updates",),
    "grid_x": ("x",),
    "grid_y": ("y",),
    "log_density": ("x", "y"),
    "target_log_density": ("x", "y"),
    "map_x": ("map_x",),
    "map_y": ("map_y",),
    "map_steps": ("maps",),
    "maps": ("maps", "map_x", "map_y"),
    "map_ends": ("maps", "ends"),
    "target_map": ("map_x", "map_y"),
    "target_map_ends": ("ends",),
    "map_modes": ("map_x", "map_y"),
}
_MAX_LOG_DENSITY = 700  # the exponential of a larger one overflows
_MAX_COORDINATE = 1e30
_FINITE = ("train", "test", "grid_x", "grid_y", "map_x", "map_y", "map_ends", "target_map_ends")


def read_array(path: Path, max_bytes: int = _MAX_BYTES) -> np.ndarray:
    """Return the array of an NPY file, which its folder's list of checksums contains.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    try:
        content = read_listed(path, max_bytes)
    except FileNotFoundError:
        raise UserError(f"{shown(path, 200)}: no such file.") from None
    try:
        return _parse(io.BytesIO(content), len(content))
    # numpy raises errors of many types for files of another kind
    except Exception as error:
        raise _damaged(path, "NPY", error) from None


def read_run_arrays(path: Path, digest: str | None) -> dict[str, np.ndarray]:
    """Return the arrays of a run's `samples.npz`; arrays that are not in `AXES` are ignored.

    Args:
        path: the file.
        digest: its sha256, as the result of the run states it; None if it states none.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it is damaged.
    """
    arrays = read_archive(path, digest, AXES, record="result.json")
    try:
        _check(arrays)
    except ValueError as error:
        raise _damaged(path, "NPZ", error) from None
    return arrays


def read_archive(
    path: Path, digest: str | None, names: Collection[str], *, record: str, fix: str = REPAIR
) -> dict[str, np.ndarray]:
    """Return the arrays of an NPZ file, whose checksum is verified before it is opened.

    Args:
        path: the file.
        digest: its sha256; None if none is on record.
        names: the arrays that are read; others are ignored.
        record: the file that states the checksum.
        fix: the sentence that says how to repair a damaged file.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it is damaged.
    """
    content = read_bytes(path, _MAX_BYTES)
    if sha256(content) != digest:
        raise DamagedError(
            f"{shown(path, 200)}: damaged (its checksum is not that in {record}). {fix}"
        )
    try:
        return _unpack(content, names)
    # zipfile, zlib and numpy raise errors of many types for files of another kind
    except Exception as error:
        raise _damaged(path, "NPZ", error) from None


def _unpack(content: bytes, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return the named arrays of an NPZ archive."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [m for m in archive.infolist() if m.filename.removesuffix(".npy") in names]
        total = sum(member.file_size for member in members)
        if total > min(_MAX_BYTES, max(_MAX_UNPACKED_BYTES, _MAX_UNPACKED_RATIO * len(content))):
            raise ValueError(f"{len(content):,} bytes that unpack to {total:,}")
        for member in members:
            with archive.open(member) as stream:
                arrays[member.filename.removesuffix(".npy")] = _parse(stream, member.file_size)
    return arrays


def _parse(stream: IO[bytes] | io.BufferedIOBase, size: int) -> np.ndarray:
    """Return the array of an NPY stream of `size` bytes, in the byte order of this machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shape, is_fortran, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    is_number = dtype.kind in "fiu" and not dtype.hasobject
    if not is_number or len(shape) > _MAX_DIMENSIONS or min(shape, default=0) < 0:
        raise ValueError(f"an array of type {dtype} and shape {shape}")
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes > size:
        raise ValueError(f"an array of {num_bytes:,} bytes in {size:,}")
    content = stream.read(num_bytes)
    if len(content) < num_bytes:
        raise ValueError("cut short")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    return array.astype(dtype.newbyteorder("="))


def _check(arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError unless the shapes and values of the arrays are those of one run."""
    lengths: dict[str, int] = {}
    for name, array in arrays.items():
        axes = AXES[name]
        if name.endswith("log_density") and "grid_y" not in arrays:
            axes = axes[:1]
        if len(axes) != array.ndim or (0 in array.shape and name != "losses"):
            raise ValueError(f"{name} has the shape {array.shape}")
        for axis, length in zip(axes, array.shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                raise ValueError(f"{name} has the shape {array.shape}, which differs from others")
        _check_values(name, array)


def _check_values(name: str, array: np.ndarray) -> None:
    """Raise ValueError unless the values of one array are in their range."""
    if name in _FINITE and not (np.abs(array.astype(float)) <= _MAX_COORDINATE).all():
        raise ValueError(f"{name} has a value that is not finite or above {_MAX_COORDINATE:g}")
    if name.endswith("map_ends") and (array.shape[-1] != 2 or (np.diff(array) < 0).any()):
        raise ValueError(f"{name} does not increase")
    if name in ("maps", "target_map", "map_modes") and array.dtype.kind != "u":
        raise ValueError(f"{name} has the type {array.dtype}")
    if name.startswith("grid") and not (len(array) > 1 and (np.diff(array) > 0).all()):
        raise ValueError(f"{name} does not increase")
    if name.endswith("log_density") and (array > _MAX_LOG_DENSITY).any():
        raise ValueError(f"{name} is above {_MAX_LOG_DENSITY}")


def _damaged(path: Path, kind: str, error: Exception) -> DamagedError:
    reason = shown(error, 100) or type(error).__name__
    return DamagedError(f"{shown(path, 200)}: cannot be read as {kind} ({reason}). {REPAIR}")
