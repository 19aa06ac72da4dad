"""Training of several seeds side by side in one program: the updates of `train`, vectorized.

A network of a study is too small to fill a GPU, which trains ten of them in about the time of one.
"""

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ebmark.energies import Energy, Key, cast_to_energy
from ebmark.methods import Recipe
from ebmark.system.devices import full_matmul_precision
from ebmark.system.random_numbers import split
from ebmark.training import updates
from ebmark.training.checkpoint import Carry, Checkpoint, Record, fingerprint
from ebmark.training.divergence import explain_divergence
from ebmark.training.loop import Progress, make_plan
from ebmark.training.stopwatch import Stopwatch
from ebmark.training.uncompiled import Plan


class Seed(NamedTuple):
    """What differs between the trainings of one program.

    Attributes:
        energy: the initial energy.
        data: standardized points, of the same shape for all seeds.
        key: PRNG key of the training.
        checkpoint_path: where the finished training is written.
    """

    energy: Energy
    data: Float[Array, "n dim"]
    key: Key
    checkpoint_path: Path


@full_matmul_precision
def train_side_by_side(
    recipe: Recipe,
    seeds: Sequence[Seed],
    snapshot_steps: Sequence[int],
    progress: Progress = lambda step, num_updates: None,
) -> bool:
    """Train several seeds in one program, and write each one as a finished checkpoint.

    `train` with the same arguments and `checkpoint_path` then returns the fit without an update. A
    seed has the same random numbers as one that is trained alone, and differs by rounding. It is
    assigned an equal share of all seconds. One that diverges is written as it was before, so that
    `train` finds and explains the divergence.

    Args:
        recipe: the method, its hyperparameters, optimizer settings and number of updates.
        seeds: the trainings.
        snapshot_steps: numbers of updates after which to take a snapshot.
        progress: called with the updates done and the total number after each chunk.

    Returns:
        Whether the seeds were trained. Left to `train` are methods without updates or with their
        own training loop, and seeds whose programs differ.
    """
    plan = make_plan(recipe.num_updates, snapshot_steps)
    began = time.perf_counter()
    starts = [start for seed in seeds if (start := _start(recipe, seed, plan.stops))]
    if len(starts) < len(seeds) or not _have_one_program(starts):
        return False
    advance = functools.partial(
        _advance,
        static=starts[0].static,
        recipe=updates.traced(recipe),
        data=jnp.stack([start.data for start in starts]),
        keys=jnp.stack([start.key for start in starts]),
    )
    carry = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[start.carry for start in starts])
    carry = carry._replace(step=jnp.array(0))
    # zero updates: this call only compiles
    jax.block_until_ready(advance(carry, stop=jnp.array(0)))
    compile_seconds = (time.perf_counter() - began) / len(seeds)
    trainings = [_Training(recipe, plan, start, compile_seconds) for start in starts]
    stopwatch = Stopwatch()
    step = 0
    for stop in plan.stops:
        with stopwatch:
            carry, losses = jax.block_until_ready(advance(carry, stop=jnp.array(stop)))
        host_carry, host_losses = jax.device_get((carry, losses))
        for index, training in enumerate(trainings):
            params, average, opt_state, state = jax.tree.map(
                lambda leaf, i=index: leaf[i], tuple(host_carry)[:-1]
            )
            one = Carry(params, average, opt_state, state, host_carry.step)
            training.follow(one, host_losses[index, : stop - step], stopwatch.seconds / len(seeds))
        progress(stop, recipe.num_updates)
        step = stop
    for seed, training in zip(seeds, trainings, strict=True):
        training.save(seed)
    return True


class _Start(NamedTuple):
    """The start of one training; `initial` identifies its checkpoint."""

    carry: Carry
    static: PyTree
    data: Float[Array, "n dim"]
    key: Key
    initial: tuple[PyTree, Array]


class _Training:
    """The carry and the record of one seed, up to its end or divergence."""

    def __init__(self, recipe: Recipe, plan: Plan, start: _Start, compile_seconds: float):
        self._recipe = recipe
        self._plan = plan
        self._initial = start.initial
        self._carry = start.carry
        self._record = Record.empty(
            recipe.num_updates,
            len(plan.snapshot_steps),
            start.carry.params,
            start.carry.method_state,
        )
        self._record.compile_seconds[0] = compile_seconds
        self._has_diverged = False

    def follow(
        self,
        carry: Carry,
        losses: Float[np.ndarray, " chunk"],
        seconds: Float[np.ndarray, "2"],
    ) -> None:
        """Take over what the updates since the last call have changed, unless it diverges."""
        stop = int(carry.step)
        step = stop - len(losses)
        if not self._has_diverged:
            self._has_diverged = bool(
                explain_divergence(self._recipe, carry.params, carry.method_state, losses, step)
            )
        if self._has_diverged:
            return
        self._carry = carry
        self._record.losses[step:stop] = losses
        self._record.seconds[:] = seconds
        if stop in self._plan.snapshot_steps:
            self._record.take_snapshot(self._plan.snapshot_steps.index(stop), carry)

    def save(self, seed: Seed) -> None:
        """Write the checkpoint."""
        identity = fingerprint(self._recipe, self._initial, seed.key, self._plan.snapshot_steps)
        Checkpoint(seed.checkpoint_path, identity, 0.0).save(self._carry, self._record)


def _start(recipe: Recipe, seed: Seed, stops: Sequence[int]) -> _Start | None:
    """Return the start of a training as `train` makes it; None if `train` does not compile it."""
    points = cast_to_energy(seed.energy, seed.data)
    build_key, init_key, loop_key = split(seed.key, 3)
    if recipe.num_updates == 0 or recipe.method.fit(recipe, seed.energy, points, stops, seed.key):
        return None
    trainable = recipe.method.build_trainable(seed.energy, points, build_key)
    params, static = eqx.partition(trainable, eqx.is_inexact_array)
    carry = updates.start(params, updates.traced(recipe), points, init_key)
    return _Start(carry, static, points, loop_key, (params, points))


def _have_one_program(starts: Sequence[_Start]) -> bool:
    """Whether the trainings differ in nothing but the values of arrays."""
    kinds = [jax.tree.map(jax.typeof, (start.carry, start.data)) for start in starts]
    return all(
        kind == kinds[0] and bool(eqx.tree_equal(start.static, starts[0].static))
        for kind, start in zip(kinds, starts, strict=True)
    )


@eqx.filter_jit
def _advance(
    carry: Carry, static: PyTree, recipe: Recipe, data: Array, keys: Array, stop: Array
) -> tuple[Carry, Array]:
    """Make the updates of all seeds up to `stop`; they are all after the same update."""
    axes: Any = Carry(0, 0, 0, 0, None)  # pyright: ignore[reportArgumentType]

    def advance_one(carry: Carry, data: Array, key: Key) -> tuple[Carry, Array]:
        return updates.advance(carry, static, recipe, data, key, stop)

    vectorized = jax.vmap(advance_one, in_axes=(axes, 0, 0), out_axes=(axes, 0))
    return vectorized(carry, data, keys)
