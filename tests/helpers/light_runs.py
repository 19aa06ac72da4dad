"""Runs that train nothing but are stored as those of `ebmark run`, and a command that runs them.

python light_runs.py FOLDER NUM_RUNS
"""

import hashlib
import io
import os
import random
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from ebmark.engines import new_engine
from ebmark.store import table
from ebmark.store.folder import is_done, making
from ebmark.store.schema import load_study, write_plan
from ebmark.studies.driver import run_plan
from ebmark.system.checksums import sha256
from ebmark.system.listed_files import check_listed
from ebmark.system.writing import make_folder, write_json, write_whole

METRICS = ("kl", "nll", "w1_langevin", "w1_exact", "w2_langevin", "w2_exact", "train_cpu_seconds")
STEPS = (100, 200, 400, 800)
SECONDS = 0.1  # of a run


def make_plan(num_runs: int, num_methods: int = 2, num_datasets: int = 1) -> dict[str, dict]:
    """Return the specs of runs, by the hash of what differs."""
    plan = {}
    for index in range(num_runs):
        seed, rest = divmod(index, num_methods * num_datasets)
        dataset, method = divmod(rest, num_methods)
        entry = {"dataset": f"d{dataset}", "method": f"m{method}", "recipe": "default"}
        name = hashlib.sha256(f"{dataset} {method} {seed}".encode()).hexdigest()[:16]
        plan[name] = {
            **entry,
            "seed": seed,
            "dataset_fingerprint": "f",
            "points": None,
            "num_train": 100,
            "num_samples": 100,
            "num_metric_samples": 100,
            "langevin": {"steps": 10, "step_size": 0.1},
            "energy": {},
            "training": {"num_updates": STEPS[-1]},
        }
    return plan


def describe(plan: dict[str, dict]) -> dict:
    """Return the content of `study.json`."""
    keys = ("dataset", "method", "recipe", "seed")
    datasets = sorted({spec["dataset"] for spec in plan.values()})
    return {
        "name": "light",
        "title": "Light",
        "command": "ebmark run light",
        "datasets": datasets,
        "methods": sorted({spec["method"] for spec in plan.values()}),
        "seeds": 1 + max(spec["seed"] for spec in plan.values()),
        "dataset_info": {name: {"dim": 2, "family": name, "title": name} for name in datasets},
        "runs": {name: {key: spec[key] for key in keys} for name, spec in plan.items()},
    }


def write_run(folder: Path, name: str, spec: dict, write=write_whole) -> None:
    """Write a run as `ebmark.studies.run_folder` does, which needs JAX."""
    chance = np.random.default_rng(int(name, 16))
    points = chance.normal(size=(40, 2))
    arrays = io.BytesIO()
    np.savez_compressed(arrays, train=points, test=points, langevin=points, exact=points)
    place = making(folder, name)
    make_folder(place)
    write(place / "samples.npz", arrays.getvalue())
    write_json(place / "spec.json", spec)
    rows = [[step, metric, float(chance.exponential())] for step in STEPS for metric in METRICS]
    result = {
        "status": "done",
        "reason": "",
        "rows": rows,
        "ebmark": "0",
        "versions": {"jax": "0"},
        "code_hash": "0",
        "device": "cpu",
        "seconds": SECONDS,
        "files": {path.name: sha256(path.read_bytes()) for path in sorted(place.iterdir())},
    }
    write_json(place / "result.json", result)
    if is_done(folder, name):
        shutil.rmtree(place)
    else:
        os.replace(place, folder / "runs" / name)


def run(folder, name, spec, report_progress):
    """Sleep for about as long as a run lasts, and write it."""
    for step in range(4):
        report_progress("training", step / 4)
        time.sleep(random.uniform(0, SECONDS / 2))
    write_run(folder, name, spec)


def main() -> int:
    folder, num_runs = Path(sys.argv[1]), int(sys.argv[2])
    make_folder(folder / "runs")
    check_listed(folder)
    plan = make_plan(num_runs)
    if (folder / "study.json").exists():
        load_study(folder)
    write_plan(folder, plan)
    write_json(folder / "study.json", describe(plan))
    engine = new_engine("processes", folder, jobs=2, runner="helpers.light_runs:run")
    outcome = run_plan(folder, plan, engine, plain=True)
    table.write(folder, table.collect(folder, plan))
    return len(outcome.failed)


if __name__ == "__main__":
    sys.exit(main())
