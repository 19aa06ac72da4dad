"""The shipped parameters and records of the fitted targets, and their checksums."""

import functools
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from ebmark.errors import DamagedError, shown
from ebmark.system.checksums import sha256
from ebmark.system.reading import check_seal, read_bytes

FOLDER = Path(__file__).parent
RECORDS = FOLDER / "records.json"
_FIX = "Install ebmark again."
_MAX_BYTES = 4 << 20


@functools.cache
def records() -> dict[str, dict[str, Any]]:
    """Return the record of each target: sizes, provenance, license, likelihood, entropy.

    Raises:
        UserError: If the file is damaged or cannot be read.
    """
    return read_records(RECORDS)


def read_records(path: Path) -> dict[str, dict[str, Any]]:
    """Read a file of records, whose checksum is verified."""
    content = _read(path)
    check_seal(path, content, _FIX)
    return json.loads(content)["targets"]


@functools.cache
def parameters(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a pair of targets, a mixture and its warped twin.

    Raises:
        UserError: If the file is damaged or cannot be read.
    """
    return read_parameters(FOLDER / f"{name}.npz", records()[name]["sha256"])


def read_parameters(path: Path, digest: str) -> dict[str, np.ndarray]:
    """Read an archive of arrays, whose checksum is verified before it is opened."""
    content = _read(path)
    if sha256(content) != digest:
        raise DamagedError(
            f"{shown(path, 200)}: damaged (its checksum is not that in records.json). {_FIX}"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive)


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path, _MAX_BYTES)
    except FileNotFoundError:
        raise DamagedError(f"{shown(path, 200)}: no such file. {_FIX}") from None
