"""The folder of a cell: its files, written beside its place and then renamed into it."""

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ebmark
from ebmark.store.folder import is_done, making
from ebmark.store.provenance import code_hash, device, versions
from ebmark.system.devices import described
from ebmark.system.reading import SCHEMA
from ebmark.system.writing import atomic_path, make_folder, write_whole
from ebmark.training.model import Model, save_model


def as_result(
    rows: Sequence[tuple[int, str, float]], divergence_reason: str | None, said: str, seconds: float
) -> dict[str, Any]:
    """What a cell found, and what it was made by."""
    return {
        "schema": SCHEMA,
        "status": "done" if divergence_reason is None else "diverged",
        "reason": divergence_reason or said,
        "rows": [[step, metric, _plain(value)] for step, metric, value in rows],
        "ebmark": ebmark.__version__,
        "versions": versions(),
        "code_hash": code_hash(),
        "device": described(device()),
        "seconds": round(seconds, 3),
    }


def write_cell(
    folder: Path,
    name: str,
    spec: dict,
    result: dict[str, Any],
    arrays: Mapping[str, np.ndarray],
    model: Model | None,
) -> None:
    """The cell's folder, made beside its place and renamed into it."""
    made = making(folder, name)
    try:
        make_folder(made)
        if model is not None:
            save_model(made / "energy.ebm", model)
        with atomic_path(made / "samples.npz") as path, open(path, "wb") as file:
            np.savez_compressed(file, **arrays)
        write_whole(made / "spec.json", json.dumps(spec, indent=1, sort_keys=True))
        write_whole(made / "result.json", json.dumps(result, indent=1))
        _put(made, folder, name)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put(made: Path, folder: Path, name: str) -> None:
    """Rename the cell into its place. One that is there whole stays; a part of one gives way."""
    place = folder / "runs" / name
    try:
        os.replace(made, place)
    except OSError:
        if is_done(folder, name):  # somebody else has made it, to the same numbers
            return
        aside = made.with_name(f"{made.name}-aside")
        os.replace(place, aside)
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(made, place)


def _plain(value: float) -> float | str | None:
    """A number as JSON can say it: NaN is null, infinities are words."""
    if math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else ("inf" if value > 0 else "-inf")
