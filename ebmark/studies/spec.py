"""From a study to the specs of its runs."""

import dataclasses
import hashlib
import json
from typing import Any

from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.methods import Recipe
from ebmark.statistics import ROLES
from ebmark.store.provenance import code_hash, versions
from ebmark.studies import plugins
from ebmark.studies.study import Study
from ebmark.studies.variants import Variant, column, variants
from ebmark.training import recipes


def run_specs(study: Study, sources: list[DataSource], points_file: str | None) -> list[dict]:
    """The grid, seed by seed; methods that integrate on a grid are left out above two columns.

    Within a seed, method by method: a worker goes on to the next dataset with the programs that
    it has compiled.
    """
    steps = [float(f"{source.local_scale() ** 2 / 10:.3g}") for source in sources]
    return [
        run_spec(study, source, method, variant, seed, step_size, points_file)
        for seed in range(study.seeds)
        for method in study.methods
        for source, step_size in zip(sources, steps, strict=True)
        if method != "mle" or source.dim <= 2
        for variant in variants(
            method,
            source.name,
            names=study.variants,
            changes=study.recipes.get(method),
            sweep=study.sweep,
        )
    ]


def run_spec(
    study: Study,
    source: DataSource,
    method: str,
    variant: Variant,
    seed: int,
    step_size: float,
    points_file: str | None,
) -> dict:
    """All that a cell is, as plain data; `step_size` is that of its Langevin sampler."""
    study = dataclasses.replace(study, **variant.settings)
    recipe = recipes.with_changes(method, variant.changes)
    if recipe.num_updates and not variant.pinned:
        recipe = dataclasses.replace(
            recipe, num_updates=_updates(study, method, recipe, source.dim)
        )
    axes = dict(variant.axes)
    if study.dataset_axis is not None and isinstance(source, SyntheticDataset):
        axes[study.dataset_axis] = getattr(source.dataset, study.dataset_axis)
    return (
        {
            "dataset": source.name,
            "method": method,
            "recipe": variant.name,
            "seed": seed,
            "dataset_fingerprint": source.fingerprint,
            "points": points_file,
            "num_train": study.num_train,
            "num_samples": study.num_samples,
            "num_metric_samples": min(study.num_metric_samples, study.num_samples),
            "langevin": {"steps": study.langevin_steps, "step_size": step_size},
            "num_snapshots": study.num_snapshots,
            "energy": dataclasses.asdict(study.energy),
            "training": recipes.as_dict(recipe),
            "versions": versions(*recipe.method.packages),
            "code_hash": code_hash(*_modules(recipe, source)),
        }
        | ({"early_stopping": True} if _stops_early(study, source) else {})
        | ({"axes": axes} if axes else {})
        | _from_plugins(method, source.name)
    )


def axes(study: Study) -> list[str]:
    """The columns that the study's sweep adds to the table."""
    return [column(axis) for axis in study.sweep] + (
        [study.dataset_axis] if study.dataset_axis else []
    )


def _updates(study: Study, method: str, recipe: Recipe, dim: int) -> int:
    """The study's updates, those that its evaluations buy (not the oracle's), or the recipe's."""
    if study.num_updates is not None:
        return study.num_updates
    if study.network_evaluations is None or method in ROLES:
        return recipe.num_updates
    return max(
        1,
        round(
            study.network_evaluations / recipe.method.network_evaluations(recipe.batch_size, dim)
        ),
    )


def _stops_early(study: Study, source: DataSource) -> bool:
    """A law gives fresh points without end, and its studies ask what whole recipes do."""
    own = not isinstance(source, SyntheticDataset)
    return own if study.early_stopping is None else study.early_stopping


def _modules(recipe: Recipe, source: DataSource) -> list[str]:
    """The modules of the method and the law, whose code makes the cell's numbers."""
    things = [recipe.method] + ([source.dataset] if isinstance(source, SyntheticDataset) else [])
    return [type(thing).__module__ for thing in things]


def _from_plugins(*names: str) -> dict[str, Any]:
    """The spec's part that says whose code served the cell beside ebmark's own."""
    found = plugins.origin(*names)
    return {"plugins": found} if found else {}


def run_id(spec: dict) -> str:
    """The first 16 hex digits of the sha256 of the spec's canonical JSON."""
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
