"""One cell, run and written whole: the unit of work of every engine."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets import Law, load_source
from ebmark.datasets.preprocessing import standardised
from ebmark.energies import Key, new_energy
from ebmark.partition_function import Normalised, normalise, reference
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
from ebmark.system.devices import full_products
from ebmark.training import recipes
from ebmark.training.early_stopping import trained
from ebmark.training.model import Model

Progress = Callable[[str, float], None]


@full_products
def run_cell(folder: Path, name: str, spec: dict, progress: Progress = lambda what, share: None):
    """Train, sample and score one cell; its folder appears under `folder`/cells whole.

    A long training is saved beside it as NAME.saved, and goes on from there when it was cut off.

    All methods of a (dataset, seed) get the same points, initial energy, chains' starts and noise.
    """
    began, keys = time.perf_counter(), _keys(spec["seed"])
    saved = folder / "cells" / f"{name}.saved"
    found = _trained(folder, spec, keys, progress, saved)
    recipe, source, units, train_x, test_x, train_z, fit = found
    arrays = {"train": train_x, "reference": test_x, "losses": fit.losses}
    rows, trouble = _training_rows(fit, recipe, source.dim), fit.trouble
    densities: list[Normalised] = []
    if source.dim <= 2:
        for snapshot in fit.snapshots:
            progress("quadrature", snapshot.step / max(recipe.updates, 1))
            densities.append(normalise(snapshot.energy, source.grid(), units))
            rows += _density_rows(source, units, snapshot, densities[-1], test_x)
    if densities and trouble is None and not densities[-1].settled:
        trouble = (
            "log Z is not known: a box twice as wide, or half the nodes, still moves it by "
            f"{densities[-1].log_z_error:.3g} nats; the energy may not hold its mass together"
        )
    if fit.snapshots and densities:
        arrays |= _grid_arrays(source, densities[-1])
    if trouble is None:
        more, found, trouble = _samples(spec, source, units, fit, densities, test_x, keys, progress)
        rows, arrays = rows + more, arrays | found
    if trouble is None and not densities:
        progress("tempering", 0.0)
        drawn = arrays["langevin"]
        more, found = _above_the_plane(
            recipe, source, units, fit, spec, test_x, drawn, keys["exact"]
        )
        rows, arrays = rows + more, arrays | found
    if trouble is None:
        more, found = _own(recipe, source, units, fit, train_z, test_x, spec, keys["own"])
        rows, arrays = rows + more, arrays | found
    if trouble is not None:
        rows = [row for row in rows if row[0] < recipe.updates]
        rows += [(recipe.updates, metric, math.nan) for metric in _final_metrics(source)]
    model = None
    if fit.snapshots:
        model = Model(fit.energy, units, spec | {"num_train": len(train_x)}, None)
    result = as_result(rows, trouble, fit.stopped, time.perf_counter() - began)
    write_cell(folder, name, spec, result, arrays, model)
    saved.unlink(missing_ok=True)


@full_products
def final_quality(folder: Path, spec: dict) -> float:
    """The KL of what the spec's training leaves, and nothing else; infinite where it diverged.

    NLL of the held-out points where nobody knows the truth.
    """
    keys = _keys(spec["seed"])
    _, source, units, _, test_x, _, fit = _trained(folder, spec, keys, lambda what, share: None)
    if fit.trouble is not None:
        return math.inf
    if source.dim <= 2:
        density = normalise(fit.energy, source.grid(), units)
        rows = _density_rows(source, units, fit.snapshots[-1], density, test_x)
        found = {metric: value for _, metric, value in rows}
        value = found.get("kl", found["nll"])
    else:
        chains = reference(fit.energy, _TEMPERED, source.dim, keys["exact"])
        z = jnp.asarray(units.standardise(test_x), jnp.float32)
        energies = np.asarray(jax.vmap(fit.energy)(z), np.float64) + units.log_jacobian
        value = math.inf if chains.failed else float(energies.mean()) + chains.bracket.estimate
        if isinstance(source, Law):
            value += float(np.logaddexp.reduce(source.log_components(test_x), axis=1).mean())
    return value if math.isfinite(value) else math.inf


def _trained(
    folder: Path, spec: dict, keys: dict[str, Key], progress: Progress, saved: Path | None = None
):
    """The spec's points, standardised, and what its recipe learns from them."""
    source = load_source(spec, folder)
    train_x, test_x = source.split(spec["num_train"], spec["num_samples"], keys["data"])
    units = standardised(train_x)
    recipe = recipes.with_changes(spec["method"], spec["training"])
    inputs, z = recipe.method.extra_inputs, units.standardise(train_x)
    train_x, train_z, fit = trained(
        recipe,
        new_energy(spec["energy"], z, keys["energy"], extra_inputs=inputs),
        train_x,
        units,
        source.grid,
        spec["snapshots"],
        early=spec.get("early_stopping", False),
        choice_key=keys["choice"],
        choosing=lambda: progress("early stopping", 0.0),
        key=keys["training"],
        saved=saved,
        progress=lambda step, updates: progress("training", step / updates),
    )
    return recipe, source, units, train_x, test_x, train_z, fit


def _keys(seed: int) -> dict[str, Key]:
    """The streams of a seed, by name; that of training is each method's own to spend."""
    names = ("data", "energy", "training", "start", "chains", "exact", "own")
    keys = dict(zip(names, jr.split(jr.key(seed), len(names)), strict=True))
    return keys | {"choice": jr.fold_in(keys["data"], 1)}
