"""The folder of a run: its files are written in a temporary folder, which is then renamed."""

import io
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import ebmark
from ebmark.store.folder import is_done, making
from ebmark.store.provenance import code_hash, device, versions
from ebmark.studies.scores import Scores
from ebmark.system.checksums import sha256
from ebmark.system.devices import described
from ebmark.system.reading import read_bytes
from ebmark.system.writing import make_folder, write_json, write_whole
from ebmark.training.model import Model, save_model


def as_result(scores: Scores, stopped: str, seconds: float) -> dict[str, Any]:
    """Return the content of `result.json`: what a run measured, and what made it.

    Args:
        scores: the rows, and why the run diverged, if it did.
        stopped: the report of early stopping; empty without it.
        seconds: elapsed time of the run.
    """
    return {
        "status": "done" if scores.divergence_reason is None else "diverged",
        "reason": scores.divergence_reason or stopped,
        "rows": [[step, metric, _as_json(value)] for step, metric, value in scores.rows],
        "ebmark": ebmark.__version__,
        "versions": versions(),
        "code_hash": code_hash(),
        "device": described(device()),
        "seconds": round(seconds, 3),
    }


def write_run(
    folder: Path,
    name: str,
    spec: dict[str, Any],
    result: dict[str, Any],
    arrays: Mapping[str, np.ndarray],
    model: Model | None,
) -> None:
    """Write the folder of a run atomically; a complete one that is there already stays.

    Raises:
        UserError: if a file cannot be written.
    """
    temporary = making(folder, name)
    try:
        make_folder(temporary)
        if model is not None:
            save_model(temporary / "energy.ebm", model)
        archive = io.BytesIO()
        np.savez_compressed(archive, **dict[str, Any](arrays))
        write_whole(temporary / "samples.npz", archive.getvalue())
        write_json(temporary / "spec.json", spec, sort_keys=True)
        files = {
            path.name: sha256(read_bytes(path, 4 << 30)) for path in sorted(temporary.iterdir())
        }
        write_json(temporary / "result.json", {**result, "files": files})
        _move_into_place(temporary, folder, name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move_into_place(temporary: Path, folder: Path, name: str) -> None:
    """Rename the folder to that of the run. An incomplete one that is there is replaced."""
    place = folder / "runs" / name
    try:
        os.replace(temporary, place)
    except OSError:
        if is_done(folder, name):
            # Another process has completed the same run, with the same numbers.
            return
        aside = temporary.with_name(f"{temporary.name}-aside")
        os.replace(place, aside)
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(temporary, place)


def _as_json(value: float) -> float | str | None:
    """Return a number as JSON can hold it: NaN is null, infinities are strings."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(value)
