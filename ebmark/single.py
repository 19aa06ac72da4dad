"""One model at a time: fit it, sample it, and score anybody's samples."""

import dataclasses
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark import recipes
from ebmark._types import Key
from ebmark.commands import checked_seed
from ebmark.datasets import DATASETS
from ebmark.devices import local
from ebmark.diagnostics import LEAST_ACCEPTANCE, LEAST_OVERLAP, ess, split_rhat
from ebmark.distributed import join, leave
from ebmark.early_stopping import trained
from ebmark.errors import UserError, unknown
from ebmark.files import check_writable
from ebmark.floors import floors
from ebmark.methods import AbstractMethod
from ebmark.metrics import MANY_POINTS, OF_MANY_POINTS, SAMPLE_METRICS
from ebmark.model import Model, load_model, new_energy, save_model
from ebmark.points import check_output, read_points, write_points
from ebmark.quadrature import Grid, Normalised, exact_samples, normalise
from ebmark.samplers import (
    SAMPLERS,
    Langevin,
    PreconditionedLangevin,
    adapt,
    best_acceptance,
    run_chains,
    trace_chains,
)
from ebmark.sources import Law, Own, Source, standardised
from ebmark.study import Network
from ebmark.summary import print_scores
from ebmark.threads import keep_compiled_programs
from ebmark.train import Fit

_MOST_COMPARED = 2_000  # points in the exact transport
_SAMPLERS = ("exact", *SAMPLERS)
_ADAPTED, _KEPT = 200, 100  # steps that adapt the step; states kept to tell how chains fare
_LOOKS = 10  # of early stopping, evenly over the training; and some more early on
_NODES = 256


def fit_points(
    path: Path,
    out: Path,
    *,
    method: str,
    steps: int | None,
    seed: int,
    early_stopping: bool = True,
    distributed: bool = False,
) -> int:
    """`ebmark fit`."""
    if steps is not None and steps < 1:
        raise UserError(f"--steps must be at least 1, not {steps}")
    recipe = recipes.with_changes(method, {})
    recipes.check_installed(method)
    if steps is not None and recipe.updates:
        recipe = dataclasses.replace(recipe, updates=steps)
    points = read_points(path)
    source = Own(path.stem, points.x)
    if method == "mle" and source.dim > 2:
        raise UserError(
            f"mle integrates on a grid: 1 or 2 columns, not {source.dim}; try nce or dsm"
        )
    check_writable(out)
    first = join() if distributed else True  # the others compute the same, and keep silent
    keep_compiled_programs()
    _say(points.notes if first else ())
    split_key, energy_key, train_key, sample_key = jr.split(jr.key(checked_seed(seed)), 4)
    train_x, test_x = source.split(len(points.x), _MOST_COMPARED, split_key)
    units, settings = standardised(train_x), dataclasses.asdict(Network())
    inputs, z = recipe.method.extra_inputs, units.standardise(train_x)
    _, train_z, fitted = trained(
        recipe,
        new_energy(settings, z, energy_key, extra_inputs=inputs),
        train_x,
        units,
        source.grid,
        _LOOKS if early_stopping else 1,
        early=early_stopping,
        choice_key=jr.fold_in(split_key, 1),
        key=train_key,
        progress=_progress if first else lambda step, updates: None,
    )
    if fitted.trouble is not None:
        if first:
            print(f"\nebmark: the training diverged: {fitted.trouble}", file=sys.stderr)
        return 1
    spec = {
        "method": method,
        "num_train": len(train_x),
        "energy": settings,
        "training": recipes.as_dict(recipe),
        "langevin": {"steps": 2_000, "step_size": float(f"{source.local_scale() ** 2 / 10:.3g}")},
    }
    model = Model(fitted.energy, units, spec, points.columns)
    drawn = None
    if source.dim > 2:  # before the others leave: chains are dealt over all processes
        drawn = _chains(model, "langevin", len(test_x), 2_000, sample_key, told=first)
    warnings = _warnings(recipe.method, fitted, train_z, jr.fold_in(sample_key, 1))
    if distributed:
        leave()
    if not first:
        return 0
    print(file=sys.stderr)
    _say([*([fitted.stopped] if fitted.stopped else []), *warnings])
    save_model(out, model)
    if drawn is None:
        density = normalise(model.energy, source.grid(), units)
        drawn = exact_samples(density, len(test_x), sample_key)
    scores = _scores(drawn, test_x, source)
    if source.dim <= 2:
        energies = np.asarray(jax.vmap(model.in_user_units)(jnp.asarray(test_x, jnp.float32)))
        scores.insert(0, ("nll", float(energies.mean(dtype=np.float64)) + density.log_z, None))
    print_scores(scores, f"{method} on {path.name}, against {len(test_x)} held-out points")
    print(f"The model: {out}")
    return 0


def _warnings(
    method: AbstractMethod, fitted: Fit, train_z: Float[Array, "n dim"], key: Key
) -> list[str]:
    """What the method's own diagnostics warn of."""
    look = eqx.filter_jit(method.diagnostics)
    found = look(fitted.snapshots[-1].trainable, fitted.state, train_z, key)
    overlap, acceptance = (float(found.get(name, 1.0)) for name in ("overlap", "acceptance"))
    said = []
    if overlap < LEAST_OVERLAP:
        said.append(
            f"the noise is too far from the model (its effective share is {overlap:.2g}): it "
            "learns little there; try a method of another noise, such as nce_mixture or nce_flow, "
            "or dsm"
        )
    if acceptance < LEAST_ACCEPTANCE:
        said.append(
            f"the training chains hardly move ({acceptance:.0%} of their moves are accepted): "
            "make step_size smaller"
        )
    return said


def sample_model(
    path: Path,
    out: Path,
    *,
    n: int,
    sampler: str | None,
    steps: int,
    seed: int,
    distributed: bool = False,
) -> int:
    """`ebmark sample`."""
    for flag, value in (("-n", n), ("--steps", steps)):
        if value < 1:
            raise UserError(f"{flag} must be at least 1, not {value}")
    check_output(out)
    first = join() if distributed else True
    model = load_model(path)
    sampler = sampler or ("exact" if model.dim <= 2 else "langevin")
    if sampler not in _SAMPLERS:
        raise unknown("sampler", sampler, _SAMPLERS)
    if sampler == "exact" and model.dim > 2:
        raise UserError(
            f"exact samples need 1 or 2 columns, and the model has {model.dim}: use tempering"
        )
    keep_compiled_programs()
    key = jr.key(checked_seed(seed))
    if sampler == "exact":
        drawn = exact_samples(_normalised(model), n, key)
    else:
        drawn = _chains(model, sampler, n, steps, key, told=first)
    if distributed:
        leave()
    if not first:
        return 0
    write_points(out, drawn, model.columns or ())
    print(f"{n} points by {sampler}: {out}")
    return 0


def evaluate_samples(
    path: Path,
    *,
    against: Path | None,
    dataset: str | None,
    seed: int,
    more: bool = False,
    most: int = _MOST_COMPARED,
) -> int:
    """`ebmark evaluate`."""
    if most < 10:
        raise UserError(f"--points must be at least 10, not {most}")
    if (against is None) == (dataset is None):
        raise UserError("give one of --against FILE and --dataset NAME: what the samples should be")
    if dataset is not None and dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    samples = read_points(path)
    _say(samples.notes)
    key = jr.key(checked_seed(seed))
    truth_key, sample_key = jr.split(key)
    source: Source
    if dataset is not None:
        source = Law(dataset)
        limit = most
    else:
        points = read_points(against)
        _say(points.notes)
        source = Own(against.stem, points.x)
        limit = min(most, len(points.x) // 2)
    if samples.x.shape[1] != source.dim:
        raise UserError(f"{path}: has {samples.x.shape[1]} columns, and the truth has {source.dim}")
    num = min(limit, len(samples.x))
    drawn = Own("samples", samples.x).draw(num, sample_key)
    if num == most < len(samples.x):
        _say([f"{len(samples.x)} points given, {num} of them compared: --points N for more"])
    metrics = SAMPLE_METRICS | source.sample_metrics() | (source.more_metrics() if more else {})
    if num > MANY_POINTS:
        metrics = dict(OF_MANY_POINTS.get(name, (name, f)) for name, f in metrics.items())
    scores = _scores(drawn, source.draw(num, truth_key), source, metrics)
    print_scores(scores, f"{path.name} against {source.name}, {num} points of each")
    return 0


def _scores(x: np.ndarray, y: np.ndarray, source: Source, metrics=SAMPLE_METRICS) -> list:
    floor = floors(source, min(len(x), len(y)), list(metrics))
    return [(name, metric(x, y), floor[name]) for name, metric in metrics.items()]


def _normalised(model: Model) -> Normalised:
    mean, scale = model.units
    return normalise(
        model.energy, Grid(tuple(mean - 4 * scale), tuple(mean + 4 * scale), _NODES), model.units
    )


def _chains(
    model: Model, sampler: str, num: int, steps: int, key, *, told: bool = True
) -> np.ndarray:
    """The last points of chains from N(0, I) in standardised units; how they fared is told."""
    start_key, adapt_key, chain_key, trace_key = jr.split(key, 4)
    x = jr.normal(start_key, (num, model.dim))
    kernel = SAMPLERS[sampler](jnp.asarray(model.spec["langevin"]["step_size"], jnp.float32))
    adjusted = sampler in ("mala", "hmc", "tempering")
    if adjusted:
        target = best_acceptance(kernel)
        kernel, x = adapt(kernel, model.energy, x, _ADAPTED, adapt_key, target=target)
    elif sampler == "preconditioned":
        x = run_chains(Langevin(kernel.step_size), model.energy, x, _ADAPTED, adapt_key).x
        shape = PreconditionedLangevin.shaped(1.0, x).factor
        kernel = PreconditionedLangevin(kernel.step_size, shape)
    every = max(1, steps // 2 // _KEPT)
    states = run_chains(kernel, model.energy, x, max(steps - _KEPT * every, 0), chain_key)
    traced = trace_chains(kernel, model.energy, states, _KEPT, trace_key, every=every)
    last, kept = local(traced)
    drawn = np.asarray(last.x, np.float64)
    escaped = int((~np.isfinite(drawn).all(axis=1)).sum())
    if escaped:
        raise UserError(
            f"{escaped} of {num} chains escaped to infinity: use the exact sampler or mala"
        )
    if told:
        _say([_how_they_fared(np.asarray(kept.x), kernel, kept.accepted if adjusted else None)])
    return model.units.restore(drawn)


def _how_they_fared(trace: np.ndarray, kernel, accepted) -> str:
    """Acceptance, and of the worst column R-hat and ESS, in a line."""
    columns = [trace[..., column] for column in range(trace.shape[-1])]
    rhat, worth = max(map(split_rhat, columns)), min(map(ess, columns))
    words = (
        f"split R-hat {rhat:.3f} over the chains' last {len(trace)} looks, which are worth "
        f"{worth:,.0f} independent points of {trace[..., 0].size:,}"
    )
    if not rhat < 1.1:
        words += ": chains have not mixed, and the modes' masses are those of the start"
    if accepted is None:
        return words
    return (
        f"accepted {np.mean(accepted):.0%} of moves at step {float(kernel.step_size):.3g}; {words}"
    )


def _say(notes) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _progress(step: int, updates: int) -> None:
    if sys.stderr.isatty() or step == updates:
        print(f"\r{step} of {updates} updates", end="", file=sys.stderr, flush=True)
