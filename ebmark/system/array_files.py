"""Arrays from anyone's NPY and NPZ files: names, types, shapes and sizes are checked before use.

The header of each array is compared with the bytes that are there before anything is allocated,
and a small archive that unpacks to a huge array is refused. No objects are ever unpickled.
"""

import io
import math
import warnings
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from ebmark.errors import UserError, shown
from ebmark.system.reading import read_bytes

_MOST = 1 << 30  # bytes that the arrays of a file may take
_FREE, _RATIO = 64 << 20, 200  # beyond so many bytes, an array may be so many times its file
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

# the arrays of a cell and their axes; an axis has one length throughout the file
AXES = {
    "train": ("train", "dim"),
    "test": ("test", "dim"),
    "langevin": ("chains", "dim"),
    "exact": ("exact", "dim"),
    "native": ("native", "dim"),
    "tempered": ("tempered", "dim"),
    "trajectories": ("frames", "shown", "dim"),
    "trajectory_steps": ("frames",),
    "losses": ("num_updates",),
    "grid_x": ("x",),
    "grid_y": ("y",),
    "log_density": ("x", "y"),
    "target_log_density": ("x", "y"),
}
_HIGHEST = 700  # of a log-density: its exponential is still a number
_FINITE = ("train", "test", "grid_x", "grid_y")


def read_array(path: Path, most: int = _MOST) -> np.ndarray:
    """The array of an NPY file. Raises UserError for a damaged or foreign one."""
    try:
        content = read_bytes(path, most)
    except FileNotFoundError:
        raise UserError(f"{shown(path, 200)}: no such file") from None
    try:
        return _array(io.BytesIO(content), len(content))
    except Exception as error:  # whatever numpy raises at a file that is none of its own
        mend = "remove it and give the command of the study again"
        raise _damaged(path, "NPY", error, mend) from None


def read_cell_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a cell's samples.npz; what is not in `AXES` is left alone.

    Raises FileNotFoundError where there is none, and UserError for a damaged or foreign one.
    """
    content = read_bytes(path, _MOST)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [m for m in archive.infolist() if m.filename.removesuffix(".npy") in AXES]
            total = sum(member.file_size for member in members)
            if total > _MOST or total > max(_FREE, _RATIO * len(content)):
                raise ValueError(f"{len(content):,} bytes that unpack to {total:,}")
            arrays = {}
            for member in members:
                with archive.open(member) as stream:
                    arrays[member.filename.removesuffix(".npy")] = _array(stream, member.file_size)
        _check(arrays)
    except Exception as error:  # whatever zipfile, zlib or numpy raises at a file not of ours
        place = shown(path.parent, 200)
        mend = f"remove the folder {place} and give the command of the study again"
        raise _damaged(path, "NPZ", error, mend) from None
    return arrays


def _array(stream: IO[bytes], size: int) -> np.ndarray:
    """The numbers of one NPY stream of `size` bytes, copied once they are known to be there."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shape, fortran, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    if dtype.kind not in "fiu" or dtype.hasobject or len(shape) > 8 or min(shape, default=0) < 0:
        raise ValueError(f"an array of type {dtype} and shape {shape}")
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > size:
        raise ValueError(f"an array of {wanted:,} bytes in {size:,}")
    found = stream.read(wanted)
    if len(found) < wanted:
        raise ValueError("cut short")
    array = np.frombuffer(found, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="))


def _check(arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError unless the arrays fit each other as those of one cell do."""
    lengths: dict[str, int] = {}
    for name, array in arrays.items():
        axes = AXES[name]
        if name.endswith("log_density") and "grid_y" not in arrays:
            axes = axes[:1]
        if len(axes) != array.ndim or (0 in array.shape and name != "losses"):
            raise ValueError(f"{name} has the shape {array.shape}")
        for axis, length in zip(axes, array.shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                raise ValueError(f"{name} has the shape {array.shape}, which fits no other")
        if name in _FINITE and not (np.abs(array.astype(float)) <= 1e30).all():
            raise ValueError(f"{name} holds what is no finite number below 1e30")
        if name.startswith("grid") and not (len(array) > 1 and (np.diff(array) > 0).all()):
            raise ValueError(f"{name} does not grow")
        if name.endswith("log_density") and (array > _HIGHEST).any():
            raise ValueError(f"{name} is above {_HIGHEST}")


def _damaged(path: Path, kind: str, error: Exception, mend: str) -> UserError:
    said = shown(error, 100) or type(error).__name__
    return UserError(f"{shown(path, 200)}: cannot be read as {kind} ({said}); {mend}")
