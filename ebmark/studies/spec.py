"""The specs of a study's runs: each run as plain data, whose hash is its id."""

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

from ebmark.datasets import DataSource, SyntheticDataset, UserDataset
from ebmark.errors import UserError
from ebmark.methods import Recipe
from ebmark.statistics import ROLES
from ebmark.store.provenance import code_hash, versions
from ebmark.studies import plugins
from ebmark.studies.study import Study
from ebmark.studies.trained import seed_keys
from ebmark.studies.variants import Variant, column, variants
from ebmark.system.flags import xla_flags
from ebmark.training import recipes


def run_specs(
    study: Study, sources: Sequence[DataSource], points_file: str | None
) -> list[dict[str, Any]]:
    """Return the specs of all runs of a study, seed by seed.

    Within the seeds of a program, runs are ordered by method, so that a worker reuses compiled
    programs on the next dataset. Exact maximum likelihood is left out for d > 2.

    Args:
        study: the study, validated.
        sources: where its data come from.
        points_file: the file of user data in the study's folder; None for built-in datasets.
    """
    return [
        run_spec(study, source, method, variant, first + index, points_file)
        for first in range(0, study.seeds, study.seeds_per_program)
        for method in study.methods
        for source in sources
        if method != "mle" or source.dim <= 2
        for variant in variants(
            method,
            source.name,
            names=study.variants,
            changes=study.recipes.get(method),
            sweep=study.sweep,
        )
        for index in range(study.seeds_per_program)
    ]


@functools.lru_cache(maxsize=4096)
def langevin_step_size(source: DataSource, split: tuple[int, int] | None = None) -> float:
    r"""Return the step size of a run's Langevin sampler, in standardized units.

    $$ h = s_{\min}^2 / 10 $$

    rounded to 3 digits, where s_min is the smallest local standard deviation: of a built-in
    dataset, or of the training points of user data, as no sampler may depend on held-out points.

    Args:
        source: the data source.
        split: of user data, the number of training points and the seed of the run.
    """
    if split is not None:
        num_train, seed = split
        train_x, _ = source.split(num_train, 0, seed_keys(seed)["data"])
        source = source.training_part(train_x)
    return float(f"{source.local_scale() ** 2 / 10:.3g}")


def run_spec(
    study: Study,
    source: DataSource,
    method: str,
    variant: Variant,
    seed: int,
    points_file: str | None,
) -> dict[str, Any]:
    """Return everything that determines a run, as plain data.

    Args:
        study: the study, validated.
        source: where its data come from.
        method: the method's name.
        variant: the recipe and the point of the sweep.
        seed: the run's seed.
        points_file: the file of user data in the study's folder; None for built-in datasets.
    """
    study = dataclasses.replace(study, **variant.settings)
    split = (study.num_train, seed) if isinstance(source, UserDataset) else None
    step_size = langevin_step_size(source, split)
    recipe = recipes.with_changes(method, variant.changes, dim=source.dim)
    if recipe.num_updates and not variant.pinned:
        num_updates = _num_updates(study, method, recipe, source.dim)
        recipe = dataclasses.replace(recipe, num_updates=num_updates)
    spec = {
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
        "energy": study.energy.resolve(source.dim),
        "training": recipes.as_dict(recipe),
        "versions": versions(*recipe.method.packages),
        "code_hash": code_hash(*_modules(recipe, source)),
    }
    if flags := xla_flags(os.environ):
        spec["xla_flags"] = flags
    if study.seeds_per_program > 1:
        if isinstance(source, UserDataset):
            raise UserError(
                f"--seeds-per-program {study.seeds_per_program}: each seed splits your data "
                "differently, so that seeds cannot share a program. Leave it out with --data."
            )
        spec["seeds_per_program"] = study.seeds_per_program
    if _stops_early(study, source):
        spec["early_stopping"] = True
    if coordinates := _coordinates(study, source, variant):
        spec["axes"] = coordinates
    if origins := plugins.origin(method, source.name, study.energy.own or ""):
        spec["plugins"] = origins
    return spec


def axes(study: Study) -> list[str]:
    """Return the columns that the study's sweep adds to the table."""
    columns = [column(axis) for axis in study.sweep]
    if study.dataset_axis:
        columns.append(study.dataset_axis)
    return columns


def run_id(spec: dict[str, Any]) -> str:
    """Return the first 16 hex digits of the sha256 of the spec's canonical JSON.

    Example:
        >>> run_id({"method": "nce", "seed": 0})
        '163d9b234c48e44e'
        >>> run_id({"seed": 0, "method": "nce"})
        '163d9b234c48e44e'
    """
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _coordinates(study: Study, source: DataSource, variant: Variant) -> dict[str, Any]:
    """Return where a run lies on the axes of the sweep."""
    coordinates: dict[str, Any] = dict(variant.axes)
    if study.dataset_axis is not None and isinstance(source, SyntheticDataset):
        coordinates[study.dataset_axis] = getattr(source.dataset, study.dataset_axis)
    return coordinates


def _num_updates(study: Study, method: str, recipe: Recipe, dim: int) -> int:
    """Return the study's number of updates, or as many as its budget allows, or the recipe's.

    The oracle and the baselines are exempt from the budget.
    """
    if study.num_updates is not None:
        return study.num_updates
    if study.network_evaluations is None or method in ROLES:
        return recipe.num_updates
    per_update = recipe.method.network_evaluations(recipe.batch_size, dim)
    return max(1, round(study.network_evaluations / per_update))


def _stops_early(study: Study, source: DataSource) -> bool:
    """Return whether training stops early: by default only on user data, which are limited."""
    if study.early_stopping is not None:
        return study.early_stopping
    return not isinstance(source, SyntheticDataset)


def _modules(recipe: Recipe, source: DataSource) -> list[str]:
    """Return the modules of the method and dataset, whose code determines the run's numbers."""
    modules = [type(recipe.method).__module__]
    if isinstance(source, SyntheticDataset):
        modules.append(type(source.dataset).__module__)
    return modules
