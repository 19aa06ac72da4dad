"""The shipped parameters and records of the fitted targets, and their checksums."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from ebmark.errors import DamagedError, shown
from ebmark.system.array_files import read_archive
from ebmark.system.reading import read_json

FOLDER = Path(__file__).parent
RECORDS = FOLDER / "records.json"
_FIX = "Install ebmark again."
_DOCUMENT = pydantic.TypeAdapter(dict[str, Any])
# of a pair of targets: the mixture, its classes, and the warp with its moments
ARRAYS = ("log_weights", "means", "loadings", "variances", "classes")
ARRAYS += ("orders", "phases", "shear", "warped_mean", "warped_std")


@functools.cache
def records() -> dict[str, dict[str, Any]]:
    """Return the record of each target: sizes, provenance, license, likelihood, entropy.

    Raises:
        UserError: If the file is damaged or cannot be read.
    """
    return read_records(RECORDS)


def read_records(path: Path) -> dict[str, dict[str, Any]]:
    """Read a file of records, whose checksum is verified."""
    with _as_damaged(path):
        return read_json(path, _DOCUMENT, _FIX)["targets"]


@functools.cache
def parameters(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a pair of targets, a mixture and its warped twin.

    Raises:
        UserError: If the file is damaged or cannot be read.
    """
    return read_parameters(FOLDER / f"{name}.npz", records()[name]["sha256"])


def read_parameters(path: Path, digest: str) -> dict[str, np.ndarray]:
    """Read an archive of arrays, whose checksum is verified before it is opened."""
    with _as_damaged(path):
        return read_archive(path, digest, ARRAYS, record=RECORDS.name, fix=_FIX)


@contextlib.contextmanager
def _as_damaged(path: Path) -> Iterator[None]:
    """Report a missing file of the package as a damaged one."""
    try:
        yield
    except FileNotFoundError:
        raise DamagedError(f"{shown(path, 200)}: no such file. {_FIX}") from None
