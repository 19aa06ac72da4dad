"""Early stopping: of a training's snapshots, the one under which unseen points are likeliest.

A network of some thousand weights learns a few hundred points by heart: their energies sink and
sink, and wells open where neither data nor noise ever were.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Energy, Key
from ebmark.methods import Recipe
from ebmark.partition_function import log_z_annealed, normalize_on_grid
from ebmark.training.loop import train
from ebmark.training.snapshots import Fit, evenly

SHARE, MOST = 0.1, 10_000  # of the training points: they are not trained on, they choose
_HALVINGS = 6  # the first look is after a 64th of the updates
_CHAINS = 500  # that anneal, where no grid goes


def train_with_early_stopping(
    recipe: Recipe,
    energy: Energy,
    x: Float[np.ndarray, "n dim"],
    units: Standardizer,
    grid: Callable[[], Grid],
    num: int,
    *,
    early: bool,
    choice_key: Key,
    choosing: Callable[[], None] = lambda: None,
    **options: Any,
) -> tuple[Float[np.ndarray, "m dim"], Float[Array, "m dim"], Fit]:
    """The points that were trained on, those standardised, and the fit, looked at `num` times.

    With `early`, a tenth of the points is held apart and chooses among more looks (see
    `best_so_far`); `choosing` is called when it does. `options` are those of `train`.
    """
    looks, chosen_by = evenly(recipe.num_updates, num), None
    if early and recipe.num_updates:  # what is fitted at once leaves nothing to choose from
        looks = snapshot_steps(recipe.num_updates, num)
        x, chosen_by = split_validation(x, choice_key)
    z = jnp.asarray(units.transform(x), jnp.float32)
    fit = train(recipe, energy, z, snapshot_steps=looks, **options)
    if chosen_by is not None:
        choosing()
        fit = select_best(fit, held_out_nll(chosen_by, units, grid(), choice_key), looks)
    return x, z, fit


def snapshot_steps(updates: int, num: int) -> list[int]:
    """When to look: evenly `num` times, and early on after halves of halves of the updates."""
    early = {updates >> i for i in range(_HALVINGS + 1)}
    return sorted({*evenly(updates, num), *early} - {0})


def split_validation(x: Float[np.ndarray, "n dim"], key: Key):
    """The points to train on, and those that choose."""
    shuffled = np.asarray(x)[np.asarray(jr.permutation(key, len(x)))]
    num = min(max(round(SHARE * len(x)), 1), MOST)
    return shuffled[num:], shuffled[:num]


def held_out_nll(
    x: Float[np.ndarray, "n dim"], units: Standardizer, grid: Grid, key: Key
) -> Callable[[Energy], float]:
    r"""The score of an energy: the mean NLL of points `x`, in nats; infinite where Z is not known.

    $$ \mathrm{NLL} = \tfrac1n \sum_i E(x_i) + \log Z $$

    Z by quadrature in one and two dimensions; above, by annealed importance sampling from
    N(0, I) with the same random numbers for every energy (Neal 2001).
    """
    z = jnp.asarray(units.transform(x), jnp.float32)
    dim = z.shape[1]

    def score(energy: Energy) -> float:
        mean = float(np.mean(np.asarray(jax.vmap(energy)(z), np.float64))) + units.log_jacobian
        if dim <= 2:
            density = normalize_on_grid(energy, grid, units)
            log_z = density.log_z if density.is_resolved else np.inf
        else:
            log_z = log_z_annealed(energy, _CHAINS, dim, key)
        return mean + log_z if np.isfinite(mean + log_z) else np.inf

    return score


def select_best(fit: Fit, score: Callable[[Energy], float], looks: Sequence[int]) -> Fit:
    """The fit whose snapshot at each look is the best until then, at the cost until then.

    A training that diverged after its best snapshot keeps that one: `stopped` says so in place
    of `trouble`. Where no snapshot has a finite score, the fit is returned as it is.
    """
    scores = [score(snapshot.energy) for snapshot in fit.snapshots]
    if not np.isfinite(scores).any():
        return fit
    last, best, kept = len(scores) - 1, 0, []
    for i, step in enumerate(looks):
        best = min(best, min(i, last), key=scores.__getitem__)
        now = fit.snapshots[min(i, last)]  # a snapshot a look, until the training diverged
        cost = {"seconds": now.seconds, "cpu_seconds": now.cpu_seconds}
        kept.append(fit.snapshots[best]._replace(step=step, **cost))
    at = fit.snapshots[best].step
    stopped = f"held-out points are likeliest after {at:,} of {looks[-1]:,} updates"
    if fit.divergence_reason is not None:
        stopped += f"; later the training diverged: {fit.trouble}"
    return dataclasses.replace(
        fit, snapshots=kept, divergence_reason=None, stopped=stopped, best_step=at
    )
