"""From a trained energy to the rows and arrays of a run."""

import math
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Energy, Key
from ebmark.methods import AbstractBaseline, Recipe
from ebmark.metrics import density_metrics, sample_metrics, target
from ebmark.partition_function import GridDensity, exact_reference, exact_samples, reference
from ebmark.samplers import Langevin, run_chains
from ebmark.training.snapshots import Fit, Snapshot

_SHOWN = 16  # chains whose trajectories are kept
_FRAMES = 100  # points of a trajectory
_TEMPERED = 1_000  # chains of the reference above the plane
_TOO_FAR = 1e3  # standard deviations: a chain this far from the data has escaped

Rows = list[tuple[int, str, float]]  # step, metric, value


def _training_rows(fit: Fit, recipe: Recipe, dim: int) -> Rows:
    rows: Rows = []
    for snapshot in fit.snapshots:
        network_evaluations = (
            recipe.method.network_evaluations(recipe.batch_size, dim) * snapshot.step
        )
        rows += [
            (snapshot.step, "train_seconds", snapshot.seconds),
            (snapshot.step, "train_cpu_seconds", snapshot.cpu_seconds),
            (snapshot.step, "network_evaluations", network_evaluations),
        ]
    if fit.best_step is not None:
        rows.append((recipe.num_updates, "best_step", fit.best_step))
    return rows + [(recipe.num_updates, "compile_seconds", fit.compile_seconds)]


def _density_rows(
    source: DataSource,
    units: Standardizer,
    snapshot: Snapshot,
    density: GridDensity,
    test_x: np.ndarray,
) -> Rows:
    values = {"log_z": density.log_z, "log_z_error": density.log_z_error}
    known = target(source, density.grid)
    if known is not None:
        values |= density_metrics(known, density.log_density, density.grid)
        if not density.is_resolved:  # no density: what its box cut off says nothing
            values |= {"kl": math.inf, "nll": math.inf}
    else:
        z = jnp.asarray(units.transform(test_x), jnp.float32)
        energies = np.asarray(jax.vmap(snapshot.energy)(z), np.float64) + units.log_jacobian
        values["nll"] = float(energies.mean()) + density.log_z
    return [(snapshot.step, metric, value) for metric, value in values.items()]


def _grid_arrays(source: DataSource, density: GridDensity) -> dict[str, np.ndarray]:
    known = target(source, density.grid)
    axes = zip(("grid_x", "grid_y"), density.grid.axes, strict=False)
    arrays = dict(axes) | {"log_density": density.log_density.astype(np.float32)}
    if known is not None:
        arrays["target_log_density"] = known.log_density.astype(np.float32)
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
        "langevin": units.inverse_transform(seen[steps]),
        "trajectories": units.inverse_transform(np.stack(paths)),
        "trajectory_steps": np.array([0, *frames]),
    }
    escaped = int(np.sum(~(np.abs(seen[steps]).max(axis=1) < _TOO_FAR)))
    if escaped:
        why = (
            f"{escaped} of {len(x)} Langevin chains escaped: the step {h:.3g} is too long for this"
        )
        return rows, {}, f"{why} energy, or its Z is not finite; take a smaller step"
    num, step = spec["num_metric_samples"], fit.snapshots[-1].step
    metrics = sample_metrics(source)
    for look, suffix in looks.items():
        for metric in metrics if not suffix else ("w1",):
            value = metrics[metric](units.inverse_transform(seen[look])[:num], test_x[:num])
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
        (step, "w1_sampling_error", w1(langevin, reference)),
        (step, "w1_sampling_error_null", w1(*pair)),
    ]


def _above_the_plane(
    recipe: Recipe,
    source: DataSource,
    units: Standardizer,
    fit: Fit,
    spec,
    test_x,
    langevin,
    key: Key,
):
    """Where no grid goes: tempered samples for exact ones, log Z bracketed, and what follows.

    Of an anchor the samples are exact and log Z is 0.

    Where the bracket failed, its width is reported and no KL; where the chains have not mixed,
    neither what their samples would score. The Fisher divergence is over the test points.
    """
    step, num = fit.snapshots[-1].step, spec["num_metric_samples"]
    chains = max(min(spec["num_samples"], _TEMPERED), 2 * -(-num // 4))
    if isinstance(recipe.method, AbstractBaseline):
        found = exact_reference(_drawn(recipe, fit, 4 * chains, key))
    else:
        found = reference(fit.energy, chains, source.dim, key)
    gap = found.bracket.upper - found.bracket.lower
    values = {"log_z_gap": gap, "rhat_tempered": found.rhat}
    z = jnp.asarray(units.transform(test_x), jnp.float32)
    if not found.failed:
        values["log_z"] = found.bracket.estimate
        energies = np.asarray(jax.vmap(fit.energy)(z), np.float64) + units.log_jacobian
        values["nll"] = float(energies.mean()) + found.bracket.estimate
        if isinstance(source, SyntheticDataset):
            truth = np.logaddexp.reduce(source.component_log_probs(test_x), axis=1)
            values["kl"] = values["nll"] + float(truth.mean())
    if isinstance(source, SyntheticDataset):  # needs no Z: known whatever the chains do
        slopes = np.asarray(jax.vmap(jax.grad(fit.energy))(z), np.float64) / units.scale
        values["fisher_divergence"] = float(
            np.mean(np.sum((slopes + source.scores(test_x)) ** 2, axis=1))
        )
    tempered, pair = (
        units.inverse_transform(found.x),
        [units.inverse_transform(half)[:num] for half in found.halves],
    )
    rows: Rows = []
    if found.mixed:
        metrics = sample_metrics(source)
        values |= {f"{m}_tempered": f(tempered[:num], test_x[:num]) for m, f in metrics.items()}
        rows = _sampler_rows(step, metrics["w1"], langevin[:num], tempered[:num], pair)
    rows += [(step, metric, value) for metric, value in values.items()]
    return rows, {"tempered": tempered}


def _drawn(recipe: Recipe, fit: Fit, num: int, key: Key):
    """Standardised samples by the sampler that the method itself prescribes; None without one."""
    draw = eqx.filter_jit(recipe.method.sample)
    return draw(fit.snapshots[-1].trainable, fit.state, num, key)


def _own(
    recipe: Recipe,
    source: DataSource,
    units: Standardizer,
    fit: Fit,
    train_z,
    test_x,
    spec,
    key: Key,
):
    """What the method itself prescribes: its sampler's samples, scored, and its diagnostics."""
    last, (sample_key, look_key) = fit.snapshots[-1], jr.split(key)
    found = eqx.filter_jit(recipe.method.diagnostics)(last.trainable, fit.state, train_z, look_key)
    rows: Rows = [(last.step, metric, float(value)) for metric, value in found.items()]
    z = _drawn(recipe, fit, spec["num_samples"], sample_key)
    if z is None:
        return rows, {}
    drawn, num = units.inverse_transform(np.asarray(z)), spec["num_metric_samples"]
    for metric, function in sample_metrics(source).items():
        rows.append((last.step, f"{metric}_native", function(drawn[:num], test_x[:num])))
    return rows, {"native": drawn}


def _final_metrics(source: DataSource) -> list[str]:
    """What a diverged run has no number for: NaN, and never averaged."""
    plane, known = source.dim <= 2, isinstance(source, SyntheticDataset)
    density = ["kl"] if known else []
    density += ["fisher_divergence"] if known else []
    density += (
        ["tv", "kl_off_support", "kl_mode_weights", "kl_within_mode", "mode_weight_tv"]
        if known and plane
        else []
    )
    density += ["nll"] if known or plane else []
    ways = ("langevin", "exact" if plane else "tempered")
    scores = [f"{metric}_{way}" for metric in sample_metrics(source) for way in ways]
    return [*density, *scores, "w1_sampling_error"]
