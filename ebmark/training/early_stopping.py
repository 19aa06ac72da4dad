"""Early stopping: select the snapshot with the lowest NLL of held-out points, and end the training.

A network overfits a few hundred points: their energies decrease without bound, and spurious
low-energy regions appear elsewhere. Training ends where this has plainly begun.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Units, as_float32
from ebmark.energies import Energy, Key
from ebmark.methods import Recipe
from ebmark.partition_function import QUICK, evaluate, normalize
from ebmark.system.random_numbers import generator
from ebmark.training.loop import train
from ebmark.training.snapshots import Fit, Snapshot, evenly

# held-out points: this fraction of the training points, at most this number
HELD_OUT_FRACTION = 0.1
MAX_HELD_OUT = 10_000
# the first snapshot is taken after 1/512 of the updates
_NUM_HALVINGS = 9
# Training ends if the last snapshots are all worse than the best one by more than these nats, after
# this many times its updates.
_PATIENCE = 3
_MAX_EXCESS = 0.5
_MAX_RATIO = 4


def train_with_early_stopping(
    recipe: Recipe,
    energy: Energy,
    x: Float[np.ndarray, "n dim"],
    units: Units,
    grid: Callable[[], Grid],
    num: int,
    *,
    early: bool,
    choice_key: Key,
    choosing: Callable[[], None] = lambda: None,
    **options: Any,
) -> tuple[Float[np.ndarray, "m dim"], Float[np.ndarray, "k dim"], Float[Array, "m dim"], Fit]:
    """Train an energy, and with `early` select its snapshots by the NLL of held-out points.

    Args:
        recipe: what to train.
        energy: the initial energy.
        x: points in data units; with `early`, a tenth of them is held out.
        units: the standardization of the points.
        grid: makes the quadrature grid, in data units; called in 1-D and 2-D.
        num: number of snapshots, evenly spaced; with `early`, more are taken early on.
        early: whether to stop early.
        choice_key: PRNG key of the held-out points and of log Z for d > 2.
        choosing: called when the selection begins.
        options: further arguments of `train`.

    Returns:
        The points that were trained on and those held out, in data units, the former standardized,
        and the fit.
    """
    steps = evenly(recipe.num_updates, num)
    held_out = x[:0]
    # a method without updates has a single snapshot, so there is nothing to select
    if early and recipe.num_updates:
        steps = snapshot_steps(recipe.num_updates, num)
        x, held_out = split_validation(x, choice_key)
    z = jnp.asarray(as_float32(units, x))
    # without the held-out points, the scale of a column with a far outlier may be any
    options |= {"snapshot_steps": steps, "check_data": False}
    if not len(held_out):
        return x, held_out, z, train(recipe, energy, z, **options)
    nll = held_out_nll(held_out, units, grid(), z, choice_key)
    scores: dict[int, float] = {}

    def until(snapshot: Snapshot) -> bool:
        choosing()
        scores[snapshot.step] = nll(snapshot.energy)
        return has_overfitted(scores)

    fit = train(recipe, energy, z, until=until, **options)
    # a method with its own training loop has ignored `until`
    values = [scores[s.step] if s.step in scores else nll(s.energy) for s in fit.snapshots]
    return x, held_out, z, select_best(fit, values, steps)


def has_overfitted(scores: Mapping[int, float]) -> bool:
    """Return whether the NLL of held-out points has risen far above its minimum, and stays there.

    Args:
        scores: NLL by number of updates, of the snapshots so far.

    Example:
        >>> has_overfitted({10: 2.0, 20: 2.7, 40: 3.1, 80: 4.0})
        True
    """
    steps = sorted(scores)
    best = min(steps, key=scores.__getitem__)
    last = steps[-_PATIENCE:]
    is_worse = all(scores[step] > scores[best] + _MAX_EXCESS for step in last)
    return len(steps) > _PATIENCE and is_worse and last[-1] >= _MAX_RATIO * best


def snapshot_steps(num_updates: int, num: int) -> list[int]:
    """Return `num` evenly spaced numbers of updates, and 1/512, 1/256, ..., 1/2 of the updates."""
    early = {num_updates >> i for i in range(_NUM_HALVINGS + 1)}
    return sorted({*evenly(num_updates, num), *early} - {0})


def split_validation(
    x: Float[np.ndarray, "n dim"], key: Key
) -> tuple[Float[np.ndarray, "m dim"], Float[np.ndarray, "k dim"]]:
    """Split points at random into those to train on and the held-out points."""
    shuffled = generator(key).permutation(np.asarray(x))
    num = min(max(round(HELD_OUT_FRACTION * len(x)), 1), MAX_HELD_OUT)
    return shuffled[num:], shuffled[:num]


def held_out_nll(
    x: Float[np.ndarray, "n dim"],
    units: Units,
    grid: Grid,
    train_z: Float[Array, "m dim"],
    key: Key,
) -> Callable[[Energy], float]:
    r"""Return a function that computes the mean NLL of points under an energy.

    $$ \mathrm{NLL} = \tfrac1n \sum_i E(x_i) + \log Z $$

    log Z is computed by quadrature in 1-D and 2-D, else by annealing from a mixture that is fitted
    to the training points, with the same random numbers for every energy.

    Args:
        x: points in data units.
        units: the standardization of the energy's argument.
        grid: the quadrature grid, in data units.
        train_z: the training points, in the units of the energy's argument.
        key: PRNG key of annealing.

    Returns:
        A map from an energy to the NLL in nats; infinite if log Z has no finite error.
    """
    z = as_float32(units, x)

    def score(energy: Energy) -> float:
        mean = float(evaluate(energy, z).mean()) + units.log_jacobian
        log_z, _ = normalize(energy, units, lambda: grid, np.asarray(train_z), key, effort=QUICK)
        nll = mean + log_z.value
        return nll if np.isfinite(nll) and np.isfinite(log_z.error) else np.inf

    return score


def select_best(fit: Fit, scores: Sequence[float], steps: Sequence[int]) -> Fit:
    """Replace each snapshot by the best one so far, at the cost so far.

    If the training diverged after its best snapshot, that one is kept: `stopped` reports the
    divergence instead of `divergence_reason`. If no snapshot has a finite score, the fit is
    returned unchanged.

    Args:
        fit: a fit whose snapshots were taken at `steps`, up to its end or divergence.
        scores: what to minimize, one per snapshot, such as `held_out_nll`.
        steps: the planned snapshot steps.

    Returns:
        The fit with one snapshot per step, `stopped` and `best_step`.
    """
    if not np.isfinite(scores).any():
        return fit
    last = len(scores) - 1
    best = 0
    selected = []
    for i, step in enumerate(steps):
        # after the end, the last snapshot stands for those that were not taken
        index = min(i, last)
        best = min(best, index, key=scores.__getitem__)
        current = fit.snapshots[index]
        selected.append(
            fit.snapshots[best]._replace(
                step=step, seconds=current.seconds, cpu_seconds=current.cpu_seconds
            )
        )
    best_step = fit.snapshots[best].step
    stopped = f"Held-out NLL is lowest after {best_step:,} of {steps[-1]:,} updates"
    if fit.snapshots[-1].step < steps[-1] and fit.divergence_reason is None:
        stopped += f"; training ended after {fit.snapshots[-1].step:,}"
    stopped += "."
    if fit.divergence_reason is not None:
        stopped += f" {fit.divergence_reason}"
    return dataclasses.replace(
        fit, snapshots=selected, divergence_reason=None, stopped=stopped, best_step=best_step
    )
