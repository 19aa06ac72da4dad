"""One cell, run and written whole: the unit of work of every engine."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets import SyntheticDataset, load_source
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Key, new_energy
from ebmark.partition_function import GridDensity, normalize_on_grid, reference
from ebmark.studies.run_folder import as_result, write_cell
from ebmark.studies.scores import (
    _TEMPERED,
    _above_the_plane,
    _density_rows,
    _final_metrics,
    _grid_arrays,
    _own,
    _samples,
    _training_rows,
)
from ebmark.system.devices import full_matmul_precision
from ebmark.training import recipes
from ebmark.training.early_stopping import train_with_early_stopping
from ebmark.training.model import Model

Progress = Callable[[str, float], None]


@full_matmul_precision
def execute_run(folder: Path, name: str, spec: dict, progress: Progress = lambda what, share: None):
    """Train, sample and score one cell; its folder appears under `folder`/runs whole.

    A long training is saved beside it as NAME.saved, and goes on from there when it was cut off.

    All methods of a (dataset, seed) get the same points, initial energy, chains' starts and noise.
    """
    began, keys = time.perf_counter(), _keys(spec["seed"])
    checkpoint_path = folder / "runs" / f"{name}.ckpt"
    found = _trained(folder, spec, keys, progress, checkpoint_path)
    recipe, source, units, train_x, test_x, train_z, fit = found
    arrays = {"train": train_x, "test": test_x, "losses": fit.losses}
    rows, divergence_reason = _training_rows(fit, recipe, source.dim), fit.divergence_reason
    densities: list[GridDensity] = []
    if source.dim <= 2:
        for snapshot in fit.snapshots:
            progress("quadrature", snapshot.step / max(recipe.num_updates, 1))
            densities.append(normalize_on_grid(snapshot.energy, source.grid(), units))
            rows += _density_rows(source, units, snapshot, densities[-1], test_x)
    if densities and divergence_reason is None and not densities[-1].is_resolved:
        divergence_reason = (
            "log Z is not known: a box twice as wide, or half the nodes, still moves it by "
            f"{densities[-1].log_z_error:.3g} nats; the energy may not hold its mass together"
        )
    if fit.snapshots and densities:
        arrays |= _grid_arrays(source, densities[-1])
    if divergence_reason is None:
        more, found, divergence_reason = _samples(
            spec, source, units, fit, densities, test_x, keys, progress
        )
        rows, arrays = rows + more, arrays | found
    if divergence_reason is None and not densities:
        progress("tempering", 0.0)
        drawn = arrays["langevin"]
        more, found = _above_the_plane(
            recipe, source, units, fit, spec, test_x, drawn, keys["exact"]
        )
        rows, arrays = rows + more, arrays | found
    if divergence_reason is None:
        more, found = _own(recipe, source, units, fit, train_z, test_x, spec, keys["native"])
        rows, arrays = rows + more, arrays | found
    if divergence_reason is not None:
        rows = [row for row in rows if row[0] < recipe.num_updates]
        rows += [(recipe.num_updates, metric, math.nan) for metric in _final_metrics(source)]
    model = None
    if fit.snapshots:
        model = Model(fit.energy, units, spec | {"num_train": len(train_x)}, None)
    result = as_result(rows, divergence_reason, fit.stopped, time.perf_counter() - began)
    write_cell(folder, name, spec, result, arrays, model)
    checkpoint_path.unlink(missing_ok=True)


@full_matmul_precision
def final_quality(folder: Path, spec: dict) -> float:
    """The KL of what the spec's training leaves, and nothing else; infinite where it diverged.

    NLL of the held-out points where nobody knows the truth.
    """
    keys = _keys(spec["seed"])
    _, source, units, _, test_x, _, fit = _trained(folder, spec, keys, lambda what, share: None)
    if fit.divergence_reason is not None:
        return math.inf
    if source.dim <= 2:
        density = normalize_on_grid(fit.energy, source.grid(), units)
        rows = _density_rows(source, units, fit.snapshots[-1], density, test_x)
        found = {metric: value for _, metric, value in rows}
        value = found.get("kl", found["nll"])
    else:
        chains = reference(fit.energy, _TEMPERED, source.dim, keys["exact"])
        z = jnp.asarray(units.transform(test_x), jnp.float32)
        energies = np.asarray(jax.vmap(fit.energy)(z), np.float64) + units.log_jacobian
        value = math.inf if chains.failed else float(energies.mean()) + chains.bracket.estimate
        if isinstance(source, SyntheticDataset):
            value += float(np.logaddexp.reduce(source.component_log_probs(test_x), axis=1).mean())
    return value if math.isfinite(value) else math.inf


def _trained(
    folder: Path,
    spec: dict,
    keys: dict[str, Key],
    progress: Progress,
    checkpoint_path: Path | None = None,
):
    """The spec's points, standardised, and what its recipe learns from them."""
    source = load_source(spec, folder)
    train_x, test_x = source.split(spec["num_train"], spec["num_samples"], keys["data"])
    units = Standardizer.fit(train_x)
    recipe = recipes.with_changes(spec["method"], spec["training"])
    inputs, z = recipe.method.num_extra_inputs, units.transform(train_x)
    train_x, train_z, fit = train_with_early_stopping(
        recipe,
        new_energy(spec["energy"], z, keys["energy"], num_extra_inputs=inputs),
        train_x,
        units,
        source.grid,
        spec["num_snapshots"],
        early=spec.get("early_stopping", False),
        choice_key=keys["choice"],
        choosing=lambda: progress("early stopping", 0.0),
        key=keys["training"],
        checkpoint_path=checkpoint_path,
        progress=lambda step, updates: progress("training", step / updates),
    )
    return recipe, source, units, train_x, test_x, train_z, fit


def _keys(seed: int) -> dict[str, Key]:
    """The streams of a seed, by name; that of training is each method's own to spend."""
    names = ("data", "energy", "training", "start", "chains", "exact", "native")
    keys = dict(zip(names, jr.split(jr.key(seed), len(names)), strict=True))
    return keys | {"choice": jr.fold_in(keys["data"], 1)}
