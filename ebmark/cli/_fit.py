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

from ebmark.cli._common import _MOST_COMPARED, _say, checked_seed
from ebmark.cli._sample import describe_chains
from ebmark.cli.terminal_tables import print_scores
from ebmark.datasets import UserDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.datasets.tables import read_points
from ebmark.energies import Key, Network, new_energy
from ebmark.errors import UserError
from ebmark.methods import AbstractMethod
from ebmark.metrics.scores import score_samples
from ebmark.partition_function import exact_samples, normalize_on_grid
from ebmark.store.metric_info import MIN_ACCEPTANCE_RATE, MIN_NOISE_ESS
from ebmark.system.distributed import join, leave
from ebmark.system.threads import keep_compiled_programs
from ebmark.system.writing import check_writable
from ebmark.training import recipes
from ebmark.training.early_stopping import train_with_early_stopping
from ebmark.training.model import Model, save_model
from ebmark.training.sampling import sample_chains
from ebmark.training.snapshots import Fit

_LOOKS = 10  # of early stopping, evenly over the training; and some more early on


def fit_points(
    path: Path,
    out: Path,
    *,
    method: str,
    updates: int | None,
    seed: int,
    early_stopping: bool = True,
    distributed: bool = False,
) -> int:
    """`ebmark fit`."""
    if updates is not None and updates < 1:
        raise UserError(f"--updates must be at least 1, not {updates}")
    recipe = recipes.with_changes(method, {})
    recipes.check_installed(method)
    if updates is not None and recipe.num_updates:
        recipe = dataclasses.replace(recipe, num_updates=updates)
    points = read_points(path)
    source = UserDataset(path.stem, points.x)
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
    units, settings = Standardizer.fit(train_x), dataclasses.asdict(Network())
    inputs, z = recipe.method.num_extra_inputs, units.transform(train_x)
    _, train_z, fitted = train_with_early_stopping(
        recipe,
        new_energy(settings, z, energy_key, num_extra_inputs=inputs),
        train_x,
        units,
        source.grid,
        _LOOKS if early_stopping else 1,
        early=early_stopping,
        choice_key=jr.fold_in(split_key, 1),
        key=train_key,
        progress=_progress if first else lambda step, updates: None,
    )
    if fitted.divergence_reason is not None:
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
        drawn, diagnostics = sample_chains(model, "langevin", len(test_x), 2_000, sample_key)
        _say([describe_chains(diagnostics)] if first else [])
    warnings = _warnings(recipe.method, fitted, train_z, jr.fold_in(sample_key, 1))
    if distributed:
        leave()
    if not first:
        return 0
    print(file=sys.stderr)
    _say([*([fitted.stopped] if fitted.stopped else []), *warnings])
    save_model(out, model)
    if drawn is None:
        density = normalize_on_grid(model.energy, source.grid(), units)
        drawn = exact_samples(density, len(test_x), sample_key)
    scores = score_samples(drawn, test_x, source)
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
    overlap, acceptance = (float(found.get(name, 1.0)) for name in ("noise_ess", "acceptance_rate"))
    said = []
    if overlap < MIN_NOISE_ESS:
        said.append(
            f"the noise is too far from the model (its effective share is {overlap:.2g}): it "
            "learns little there; try a method of another noise, such as nce_mixture or nce_flow, "
            "or dsm"
        )
    if acceptance < MIN_ACCEPTANCE_RATE:
        said.append(
            f"the training chains hardly move ({acceptance:.0%} of their moves are accepted): "
            "make step_size smaller"
        )
    return said


def _progress(step: int, updates: int) -> None:
    if sys.stderr.isatty() or step == updates:
        print(f"\r{step} of {updates} updates", end="", file=sys.stderr, flush=True)
