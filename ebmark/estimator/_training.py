"""Training of a normalized density: the energy, log Z and what `EnergyModel` keeps of them."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets import Grid, UserDataset, local_scale
from ebmark.datasets.preprocessing import as_float32, fit_units
from ebmark.energies import NETWORKS, Energy, Key, Network, TiltedEnergy, as_maker, new_energy
from ebmark.errors import UserError
from ebmark.estimator._start import NUM_COMPONENTS, fit_start
from ebmark.methods import AbstractBaseline, Recipe
from ebmark.partition_function import SINGLE, GridDensity, LogZ, normalize
from ebmark.system.random_numbers import split
from ebmark.training import recipes
from ebmark.training.early_stopping import split_validation, train_with_early_stopping
from ebmark.training.model import Model
from ebmark.training.snapshots import Fit

_NUM_SNAPSHOTS = 10
# training points that a model keeps, from which annealing starts
_MAX_POINTS = 1_000
# of the chains of a model file
_NUM_CHAIN_STEPS = 2_000


class Trained(NamedTuple):
    """A trained density.

    Attributes:
        model: the energy, with the points from which annealing starts.
        log_z: log Z in nats, of the energy in data units.
        log_z_error: its standard error, infinite where log Z is unresolved.
        grid: the first quadrature grid.
        density: the density on a grid; None for d > 2.
        best_step: number of updates after which the energy was taken.
        train_x: the points that were trained on, in data units.
        held_out: those held out by early stopping; None without.
        diagnostics: those of the method.
        stopped: what early stopping reports, in a sentence.
        snapshots: numbers of updates, and the energies after them.
    """

    model: Model
    log_z: float
    log_z_error: float
    grid: Grid
    density: GridDensity | None
    best_step: int
    train_x: Float[np.ndarray, "m d"]
    held_out: Float[np.ndarray, "k d"] | None
    diagnostics: dict[str, float]
    stopped: str
    snapshots: list[tuple[int, Energy]]


class _Fitted(NamedTuple):
    """A trained energy, with what its evaluation needs."""

    model: Model
    recipe: Recipe
    dataset: UserDataset
    train_x: Float[np.ndarray, "m d"]
    held_out: Float[np.ndarray, "k d"]
    train_z: Float[Array, "m d"]
    fit: Fit
    key: Key


def train_energy(
    method: str,
    x: Float[np.ndarray, "n d"],
    seed: int,
    *,
    updates: int | str | None,
    early_stopping: bool,
    network: Any = None,
    num_snapshots: int = 0,
    progress: Callable[[int, int], None],
) -> _Fitted:
    """Train the energy of a method on points in data units.

    Args:
        method: a training method, by name.
        x: the points.
        seed: seed of the network, the training and the held-out points.
        updates: number of updates, "auto", or None for the method's own number.
        early_stopping: whether to hold out a tenth of the points and select the energy.
        network: the user's network, or the name of a registered one; None for the default.
        num_snapshots: smallest number of snapshots of the energy.
        progress: called with the updates done and the total number.

    Raises:
        UserError: the method is unknown, not installed or does not support the dimension.
        FloatingPointError: the training diverged.
    """
    split_key, energy_key, train_key, key = split(jr.key(seed), 4)
    recipe = _recipe(method, updates, *x.shape)
    units = fit_units(x)
    own = register_network(network)
    # a Gaussian mixture, where the network would otherwise start at a Gaussian
    num_components = NUM_COMPONENTS if own is None and x.shape[1] > 2 else 0
    settings = Network(own=own, num_components=num_components).resolve(x.shape[1])
    inputs = recipe.method.num_extra_inputs
    energy = new_energy(settings, as_float32(units, x), energy_key, num_extra_inputs=inputs)
    if isinstance(energy, TiltedEnergy) and recipe.num_updates:
        # held by no variable, as a copy of 1,000,000 rows is large
        start = fit_start(split_validation(x, split_key)[0] if early_stopping else x, units, seed)
        energy = eqx.tree_at(lambda energy: energy.base, energy, start)
    dataset = UserDataset("table", x)
    train_x, held_out, train_z, fit = train_with_early_stopping(
        recipe,
        energy,
        x,
        units,
        dataset.grid,
        max(num_snapshots, _NUM_SNAPSHOTS if early_stopping else 1),
        early=early_stopping,
        choice_key=split_key,
        key=train_key,
        progress=progress,
    )
    if fit.divergence_reason is not None:
        raise FloatingPointError(
            f"Training by '{method}' diverged: {fit.divergence_reason} Use another method or fewer "
            "updates."
        )
    points = np.asarray(train_z, np.float32)
    points = points[np.random.default_rng(seed).permutation(len(points))[:_MAX_POINTS]]
    spec = {
        "method": method,
        "num_train": len(train_x),
        "energy": settings,
        "training": recipes.as_dict(recipe),
    }
    model = Model(fit.energy, units, spec, None, points)
    return _Fitted(model, recipe, dataset, train_x, held_out, train_z, fit, key)


def train_density(method: str, x: Float[np.ndarray, "n d"], seed: int, **options: Any) -> Trained:
    """Train an energy as `train_energy` does, and compute its log Z and diagnostics."""
    model, recipe, dataset, train_x, held_out, train_z, fit, key = train_energy(
        method, x, seed, **options
    )
    # of any number of rows, one number, so that one program serves them
    rows = jnp.asarray(np.resize(np.asarray(train_z), (_MAX_POINTS, x.shape[1])))
    diagnose = eqx.filter_jit(recipe.method.diagnostics)
    diagnostics = diagnose(fit.snapshots[-1].trainable, fit.state, rows, key)
    log_z, density = _normalize(model, recipe, dataset, np.asarray(train_z), key)
    return Trained(
        model,
        log_z.value,
        log_z.error if log_z.resolves(0.0) else math.inf,
        dataset.grid(),
        density,
        recipe.num_updates if fit.best_step is None else fit.best_step,
        train_x,
        held_out if len(held_out) else None,
        {name: float(value) for name, value in diagnostics.items()},
        fit.stopped,
        [(snapshot.step, snapshot.energy) for snapshot in fit.snapshots],
    )


def register_network(network: Any) -> str | None:
    """Return the name of the user's network, after registering it unless it is a name."""
    if network is None or isinstance(network, str):
        return network
    NETWORKS["network"] = as_maker(network)
    return "network"


def chain_settings(model: Model) -> dict[str, float]:
    r"""Return the number and the size of the steps of a model's chains.

    $$ h = s_{\min}^2 / 10 $$

    rounded to 3 digits, where s_min is the smallest local standard deviation of the points.
    """
    scale = float(local_scale(jnp.asarray(model.points), jr.key(0)))
    return {"steps": _NUM_CHAIN_STEPS, "step_size": float(f"{scale**2 / 10:.3g}")}


def _recipe(method: str, updates: int | str | None, num_rows: int, dim: int) -> Recipe:
    recipe = recipes.with_changes(method, {}, dim=dim)
    recipes.check_installed(method)
    if method == "mle" and dim > 2:
        raise UserError(
            f"'mle' supports 1-D and 2-D data only, but the table has {dim} columns. "
            "Use method='nce' or method='dsm'."
        )
    if updates is None:
        return recipe
    if updates == "auto":
        updates = recipes.auto_updates(recipe, num_rows, dim)
    return dataclasses.replace(recipe, num_updates=updates) if recipe.num_updates else recipe


def _normalize(
    model: Model,
    recipe: Recipe,
    dataset: UserDataset,
    train_z: Float[np.ndarray, "m d"],
    key: Key,
) -> tuple[LogZ, GridDensity | None]:
    """Compute log Z, of the energy in data units; that of a baseline is 0."""
    if isinstance(recipe.method, AbstractBaseline):
        return LogZ(0.0, 0.0, math.nan, np.empty((0, 0, model.dim))), None
    return normalize(model.energy, model.units, dataset.grid, train_z, key, effort=SINGLE)
