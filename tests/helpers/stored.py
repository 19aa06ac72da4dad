"""A folder with every kind of stored file, and how each is read."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from helpers.results_folder import build

from ebmark.metrics import null_ranges
from ebmark.store import table
from ebmark.store.repair import check_run
from ebmark.store.schema import load_study, read_plan, read_result, write_plan
from ebmark.studies.tuning.search import read_search
from ebmark.system.array_files import read_array
from ebmark.system.listed_files import check_listed, write_listed
from ebmark.system.writing import write_json
from ebmark.training import tuned
from ebmark.training.tree_file import load_tree, save_tree

POINTS = f"points-{'0' * 16}.npy"
SEARCH = "5" * 16
TREE = [np.arange(6.0).reshape(2, 3), np.zeros(2)]
SPEC = {
    "dataset": "half_moons",
    "method": "nce",
    "recipe": "default",
    "seed": 0,
    "dataset_fingerprint": "1f",
    "points": POINTS,
    "num_train": 300,
    "num_samples": 60,
    "num_metric_samples": 50,
    "langevin": {"steps": 40, "step_size": 0.001},
    "energy": {"width": 4},
    "training": {"num_updates": 30},
}
TRIAL = {"point": {"batch_size": 256}, "values": [0.1, None], "changes": {"batch_size": 256}}
RECIPE = {"changes": {"batch_size": 256}, "made": {"score": 0.1}}


def build_stored(folder: Path) -> dict[Path, Callable[[], object]]:
    """Write a study with every kind of stored file; return how each is read."""
    build(folder, datasets=("half_moons",), methods=("nce",), seeds=1, points=12, grid=20)
    run_id = min(load_study(folder)["runs"])
    run = folder / "runs" / run_id
    write_plan(folder, {run_id: SPEC})
    table.write(folder, table.read(folder))
    array = io.BytesIO()
    np.save(array, np.arange(24.0).reshape(12, 2))
    write_listed(folder / POINTS, array.getvalue())
    write_json(folder / "tuned.json", {"tuned": {"nce": {"half_moons": RECIPE}}})
    (folder / "runs" / SEARCH).mkdir()
    write_json(folder / "runs" / SEARCH / "result.json", {"trials": [TRIAL]})
    save_tree(folder / "model.ebm", {"kind": "model"}, TREE)
    shipped = folder / "null_ranges.json"
    shutil.copy(null_ranges._SHIPPED, shipped)
    published = folder / "published"
    published.mkdir()
    table.write_compressed(published, table.read(folder))
    return {
        published / "results.csv.zst": lambda: table.read(published),
        folder / "study.json": lambda: load_study(folder),
        folder / "plan.json": lambda: read_plan(folder),
        folder / "results.csv": lambda: table.read(folder),
        folder / "results.parquet": lambda: check_listed(folder),
        folder / "SHA256SUMS": lambda: check_listed(folder),
        folder / POINTS: lambda: read_array(folder / POINTS),
        folder / "tuned.json": lambda: tuned._read.__wrapped__(folder / "tuned.json", 0),
        folder / "model.ebm": lambda: load_tree(folder / "model.ebm", TREE),
        shipped: lambda: null_ranges.read_shipped(shipped),
        run / "result.json": lambda: read_result(folder, run_id),
        run / "samples.npz": lambda: table.load_arrays(folder, run_id),
        run / "spec.json": lambda: check_run(folder, run_id),
        folder / "runs" / SEARCH / "result.json": lambda: read_search(folder, SEARCH),
    }
