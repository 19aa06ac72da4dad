"""One cell, run and written whole: the unit of work of every engine."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark import recipes
from ebmark._types import Energy, Key
from ebmark.cell_files import as_result, write_cell
from ebmark.devices import full_products
from ebmark.early_stopping import trained
from ebmark.methods import AbstractAnchor, Recipe
from ebmark.metrics import density_metrics
from ebmark.model import Model, new_energy
from ebmark.quadrature import Normalised, Units, exact_samples, normalise
from ebmark.samplers import Langevin, run_chains
from ebmark.sources import Law, Source, load_source, standardised
from ebmark.tempered import exact_reference, reference
from ebmark.train import Fit, Snapshot

_SHOWN = 16  # chains whose trajectories are kept
_FRAMES = 100  # points of a trajectory
_TEMPERED = 1_000  # chains of the reference above the plane
_TOO_FAR = 1e3  # standard deviations: a chain this far from the data has escaped

Rows = list[tuple[int, str, float]]  # step, metric, value
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


def _training_rows(fit: Fit, recipe: Recipe, dim: int) -> Rows:
    rows: Rows = []
    for snapshot in fit.snapshots:
        evaluations = recipe.method.evaluations(recipe.batch, dim) * snapshot.step
        rows += [
            (snapshot.step, "train_seconds", snapshot.seconds),
            (snapshot.step, "train_cpu_seconds", snapshot.cpu_seconds),
            (snapshot.step, "evaluations", evaluations),
        ]
    if fit.kept is not None:
        rows.append((recipe.updates, "kept_updates", fit.kept))
    return rows + [(recipe.updates, "compile_seconds", fit.compile_seconds)]


def _density_rows(
    source: Source, units: Units, snapshot: Snapshot, density: Normalised, test_x: np.ndarray
) -> Rows:
    values = {"log_z": density.log_z, "log_z_error": density.log_z_error}
    truth = source.truth(density.grid)
    if truth is not None:
        values |= density_metrics(truth, density.log_density, density.grid)
        if not density.settled:  # no density: what its box cut off says nothing
            values |= {"kl": math.inf, "nll": math.inf}
    else:
        z = jnp.asarray(units.standardise(test_x), jnp.float32)
        energies = np.asarray(jax.vmap(snapshot.energy)(z), np.float64) + units.log_jacobian
        values["nll"] = float(energies.mean()) + density.log_z
    return [(snapshot.step, metric, value) for metric, value in values.items()]


def _grid_arrays(source: Source, density: Normalised) -> dict[str, np.ndarray]:
    truth = source.truth(density.grid)
    axes = zip(("grid_x", "grid_y"), density.grid.axes, strict=False)
    arrays = dict(axes) | {"log_density": density.log_density.astype(np.float32)}
    if truth is not None:
        arrays["truth_log_density"] = truth.log_density.astype(np.float32)
    return arrays


@eqx.filter_jit
def _langevin(energy: Energy, x, step_size, key, start, stop):
    """Langevin steps `start` to `stop` of all chains; one program for every stretch."""
    kernel = Langevin(step_size)

    def step(i, x):
        return run_chains(kernel, energy, x, 1, jr.fold_in(key, i)).x

    return jax.lax.fori_loop(start, stop, step, x)


def _samples(spec, source, units, fit, densities, test_x, keys, progress):
    """The prescribed Langevin samples and the exact ones, and what they score."""
    steps, h = spec["langevin"]["steps"], spec["langevin"]["step_size"]
    # early looks, named by their step where the study's own 2,000 are run
    looks = {steps // 4: f"_{steps // 4}", steps // 2: f"_{steps // 2}", steps: ""}
    frames = sorted({round(steps * i / _FRAMES) for i in range(1, _FRAMES + 1)} | set(looks))
    x = jr.normal(keys["start"], (spec["num_samples"], source.dim))
    seen, paths, rows = {}, [np.asarray(x[:_SHOWN])], []
    arguments = (jnp.asarray(h, jnp.float32), keys["chains"])
    _langevin(fit.energy, x, *arguments, jnp.array(0), jnp.array(0))  # compiles, no more
    began = time.perf_counter()
    for start, stop in zip([0, *frames], frames, strict=False):
        x = _langevin(fit.energy, x, *arguments, jnp.array(start), jnp.array(stop))
        paths.append(np.asarray(x[:_SHOWN]))
        if stop in looks:
            seen[stop] = np.asarray(x, np.float64)
            progress("sampling", stop / steps)
    rows.append((fit.snapshots[-1].step, "sample_seconds", time.perf_counter() - began))
    arrays = {
        "langevin": units.restore(seen[steps]),
        "trajectories": units.restore(np.stack(paths)),
        "trajectory_steps": np.array([0, *frames]),
    }
    escaped = int(np.sum(~(np.abs(seen[steps]).max(axis=1) < _TOO_FAR)))
    if escaped:
        why = (
            f"{escaped} of {len(x)} Langevin chains escaped: the step {h:.3g} is too long for this"
        )
        return rows, {}, f"{why} energy, or its Z is not finite; take a smaller step"
    num, step = spec["transport_points"], fit.snapshots[-1].step
    metrics = source.sample_metrics()
    for look, suffix in looks.items():
        for metric in metrics if not suffix else ("w1",):
            value = metrics[metric](units.restore(seen[look])[:num], test_x[:num])
            rows.append((step, f"{metric}_langevin{suffix}", value))
    if densities:
        arrays["exact"] = exact_samples(densities[-1], spec["num_samples"], keys["exact"])
        for metric, function in metrics.items():
            rows.append((step, f"{metric}_exact", function(arrays["exact"][:num], test_x[:num])))
        again = exact_samples(densities[-1], num, jr.fold_in(keys["exact"], 1))
        pair = (arrays["exact"][:num], again)
        rows += _sampler_rows(step, metrics["w1"], arrays["langevin"][:num], pair[0], pair)
        progress("transport", 1.0)
    return rows, arrays, None


def _sampler_rows(step: int, w1, langevin, reference, pair) -> Rows:
    """What the sampler adds: W1 of its samples to others of the same energy, and the floor of that.

    The floor is W1 of a `pair` of draws of the energy itself; the truth's would not do, as a
    broader law has a higher one. Nor would a difference of distances to the truth: it is below 0
    where chains that have not settled lie nearer to the truth than the energy does.
    """
    return [
        (step, "w1_sampler", w1(langevin, reference)),
        (step, "w1_sampler_floor", w1(*pair)),
    ]


def _above_the_plane(
    recipe: Recipe, source: Source, units: Units, fit: Fit, spec, test_x, langevin, key: Key
):
    """Where no grid goes: tempered samples for exact ones, log Z bracketed, and what follows.

    Of an anchor the samples are exact and log Z is 0.

    Where the bracket failed, its width is reported and no KL; where the chains have not mixed,
    neither what their samples would score. The Fisher divergence is over the test points.
    """
    step, num = fit.snapshots[-1].step, spec["transport_points"]
    chains = max(min(spec["num_samples"], _TEMPERED), 2 * -(-num // 4))
    if isinstance(recipe.method, AbstractAnchor):
        found = exact_reference(_drawn(recipe, fit, 4 * chains, key))
    else:
        found = reference(fit.energy, chains, source.dim, key)
    gap = found.bracket.upper - found.bracket.lower
    values = {"log_z_error": gap, "rhat_tempered": found.rhat}
    z = jnp.asarray(units.standardise(test_x), jnp.float32)
    if not found.failed:
        values["log_z"] = found.bracket.estimate
        energies = np.asarray(jax.vmap(fit.energy)(z), np.float64) + units.log_jacobian
        values["nll"] = float(energies.mean()) + found.bracket.estimate
        if isinstance(source, Law):
            truth = np.logaddexp.reduce(source.log_components(test_x), axis=1)
            values["kl"] = values["nll"] + float(truth.mean())
    if isinstance(source, Law):  # needs no Z: known whatever the chains do
        slopes = np.asarray(jax.vmap(jax.grad(fit.energy))(z), np.float64) / units.scale
        values["fisher"] = float(np.mean(np.sum((slopes + source.scores(test_x)) ** 2, axis=1)))
    tempered, pair = units.restore(found.x), [units.restore(half)[:num] for half in found.halves]
    rows: Rows = []
    if found.mixed:
        metrics = source.sample_metrics()
        values |= {f"{m}_tempered": f(tempered[:num], test_x[:num]) for m, f in metrics.items()}
        rows = _sampler_rows(step, metrics["w1"], langevin[:num], tempered[:num], pair)
    rows += [(step, metric, value) for metric, value in values.items()]
    return rows, {"tempered": tempered}


def _drawn(recipe: Recipe, fit: Fit, num: int, key: Key):
    """Standardised samples by the sampler that the method itself prescribes; None without one."""
    draw = eqx.filter_jit(recipe.method.sample)
    return draw(fit.snapshots[-1].trainable, fit.state, num, key)


def _own(recipe: Recipe, source: Source, units: Units, fit: Fit, train_z, test_x, spec, key: Key):
    """What the method itself prescribes: its sampler's samples, scored, and its diagnostics."""
    last, (sample_key, look_key) = fit.snapshots[-1], jr.split(key)
    found = eqx.filter_jit(recipe.method.diagnostics)(last.trainable, fit.state, train_z, look_key)
    rows: Rows = [(last.step, metric, float(value)) for metric, value in found.items()]
    z = _drawn(recipe, fit, spec["num_samples"], sample_key)
    if z is None:
        return rows, {}
    drawn, num = units.restore(np.asarray(z)), spec["transport_points"]
    for metric, function in source.sample_metrics().items():
        rows.append((last.step, f"{metric}_own", function(drawn[:num], test_x[:num])))
    return rows, {"own": drawn}


def _final_metrics(source: Source) -> list[str]:
    """What a diverged run has no number for: NaN, and never averaged."""
    plane, known = source.dim <= 2, isinstance(source, Law)
    density = ["kl"] if known else []
    density += ["fisher"] if known else []
    density += ["tv", "leak", "masses", "shapes", "mode_tv"] if known and plane else []
    density += ["nll"] if known or plane else []
    ways = ("langevin", "exact" if plane else "tempered")
    scores = [f"{metric}_{way}" for metric in source.sample_metrics() for way in ways]
    return [*density, *scores, "w1_sampler"]
