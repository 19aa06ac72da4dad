"""`study.json`: all that a report says of a study beside its numbers."""

import datetime
from typing import Any

import ebmark
from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.datasets.tables import Points
from ebmark.methods import about
from ebmark.store import table
from ebmark.store.provenance import code_hash, device, versions
from ebmark.studies.spec import axes
from ebmark.studies.study import Study
from ebmark.system.reading import SCHEMA
from ebmark.training.recipes import RECIPES


def describe(study: Study, sources, plan, points: Points | None, command: str) -> dict[str, Any]:
    """`study.json`: all that the report says of a study beside its numbers."""
    network = study.energy
    inputs = f"{network.num_features} random Fourier features (bandwidth {network.bandwidth:g})"
    energy = (
        f"perceptron on {inputs if network.num_features else 'the coordinates'}, "
        f"{network.depth} hidden layers of {network.width}, silu, "
        f"inside a Gaussian of {network.confinement_std:g} standard deviations"
    )
    if network.wall_width:
        energy += f", with walls of width {network.wall_width:g} outside the points' hull"
    first = {spec["method"]: spec for spec in plan.values()}
    return {
        "schema": SCHEMA,
        "name": study.name,
        "title": study.title,
        "datasets": [source.name for source in sources],
        "dataset_fingerprints": {source.name: source.fingerprint for source in sources},
        "methods": [method for method in study.methods if method in first],
        "seeds": study.seeds,
        "command": command,
        "ebmark": ebmark.__version__,
        "code_hash": code_hash(),
        "versions": versions(),
        "device": device(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "settings": {
            "num_train": study.num_train,
            "num_samples": study.num_samples,
            "chains": study.num_samples,
            "num_metric_samples": min(study.num_metric_samples, study.num_samples),
            "langevin_steps": study.langevin_steps,
            "num_snapshots": study.num_snapshots,
        },
        "energy": energy,
        "recipes": _recipes(plan),
        "axes": axes(study),
        "plot_metrics": list(study.plot_metrics),
        "method_info": {method: about(type(RECIPES[method].method)) for method in first},
        "dataset_info": {source.name: _dataset_about(source, plan) for source in sources},
        "null_ranges": {},
        "step_bias": {},
        "runs": {
            name: {key: spec[key] for key in ("dataset", "method", "recipe", "seed")}
            | ({"axes": spec["axes"]} if "axes" in spec else {})
            for name, spec in plan.items()
        },
        "notes": [*(points.notes if points is not None else []), *_how_stopped(plan)],
    }


def _how_stopped(plan: dict[str, dict]) -> list[str]:
    if not any(spec.get("early_stopping") for spec in plan.values()):
        return []
    return [
        "early stopping: a tenth of the training points is not trained on; after each look the "
        "energy is kept under which they were likeliest so far."
    ]


def _recipes(plan: dict[str, dict]) -> dict[str, dict]:
    """Entry -> its recipe; one for each dataset where they differ."""
    found: dict[str, dict[str, dict]] = {}
    for spec in plan.values():
        name = table.entry(spec["method"], spec["recipe"])
        found.setdefault(name, {}).setdefault(spec["dataset"], spec["training"])
    named = {}
    for name, by_dataset in found.items():
        first = next(iter(by_dataset.values()))
        if all(one == first for one in by_dataset.values()):
            named[name] = first
        else:
            named |= {f"{name}, {dataset}": one for dataset, one in by_dataset.items()}
    return named


def _dataset_about(source: DataSource, plan: dict[str, dict]) -> dict[str, Any]:
    spec = next(spec for spec in plan.values() if spec["dataset"] == source.name)
    known = isinstance(source, SyntheticDataset)
    return {
        "title": source.dataset.description if known else f"own points, {len(source.points)} rows",
        "dim": source.dim,
        "entropy": source.dataset.entropy if known else None,
        "langevin_step": spec["langevin"]["step_size"],
        "family": type(source.dataset).__name__ if known else source.name,
    }
