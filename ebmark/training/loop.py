"""Training: compiled chunks of updates in a host loop that checks for divergence."""

import bisect
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from numpy.typing import ArrayLike

from ebmark.energies import Energy, Key, cast_to_energy
from ebmark.methods import Recipe
from ebmark.system.devices import full_matmul_precision, gather_local
from ebmark.system.random_numbers import split
from ebmark.training import updates
from ebmark.training.checkpoint import Carry, Checkpoint, Record, fingerprint
from ebmark.training.divergence import explain_divergence
from ebmark.training.inputs import as_standardized, check_energy, check_recipe
from ebmark.training.snapshots import Fit, Snapshot, make_snapshot
from ebmark.training.stopwatch import Stopwatch
from ebmark.training.uncompiled import Plan, fit_without_updates, follow_own_loop

Progress = Callable[[int, int], None]


@full_matmul_precision
def train(
    recipe: Recipe,
    energy: Energy,
    data: ArrayLike,
    *,
    key: Key,
    snapshot_steps: Sequence[int] = (),
    checkpoint_path: Path | None = None,
    save_every: float = 30.0,
    progress: Progress = lambda step, num_updates: None,
    until: Callable[[Snapshot], bool] = lambda snapshot: False,
    check_data: bool = True,
) -> Fit:
    """Train an energy on standardized data.

    A training that diverges is stopped within a chunk of updates; the snapshots taken before are
    kept. With `checkpoint_path`, the training is saved to that file every `save_every` seconds and
    when `progress` raises, and resumed from it with the same result, bit for bit, as without
    interruption. A method with its own training loop is not resumed.

    Args:
        recipe: the method, its hyperparameters, optimizer settings and number of updates.
        energy: the initial energy, a PyTree that maps one point, shape (dim,), to a scalar.
        data: standardized points, one per row: an array or a data frame.
        key: PRNG key; the result is a function of it.
        snapshot_steps: numbers of updates after which to take a snapshot; the last one is taken
            in any case.
        checkpoint_path: file of the checkpoint; None for no checkpoints.
        save_every: seconds between two checkpoints.
        progress: called with the updates done and the total number after each chunk.
        until: called with each snapshot; training ends when it returns True. A method with its own
            training loop ignores it.
        check_data: whether to check `data`. A part of standardized points may have any scale.

    Returns:
        The snapshots, the losses, and `divergence_reason`, which is None for a healthy training.

    Raises:
        TypeError: `recipe` is not a `Recipe`, or `energy` is not callable.
        ValueError: `data` are not finite or not standardized points of shape (n, dim) with n > 0,
            or `energy` does not map one point to a scalar or has no trainable arrays.

    Example:
        >>> import dataclasses, jax.numpy as jnp, jax.random as jr
        >>> from ebmark.energies import Quadratic
        >>> from ebmark.methods import METHODS
        >>> from ebmark.training.loop import train
        >>> recipe = dataclasses.replace(METHODS["dsm"], num_updates=10)
        >>> start = Quadratic(jnp.array(2.0), jnp.zeros(2))
        >>> fit = train(recipe, start, jr.normal(jr.key(0), (500, 2)), key=jr.key(1))
        >>> fit.divergence_reason is None, fit.snapshots[-1].step
        (True, 10)
    """
    check_recipe(recipe)
    points = as_standardized(data) if check_data else jnp.asarray(data)
    check_energy(energy, recipe, points.shape[1])
    points = cast_to_energy(energy, points)
    build_key, init_key, loop_key = split(key, 3)
    if recipe.num_updates == 0:
        return fit_without_updates(recipe, energy, points, build_key, init_key)
    plan = make_plan(recipe.num_updates, snapshot_steps)
    own_loop = recipe.method.fit(recipe, energy, points, plan.stops, key)
    if own_loop is not None:
        return follow_own_loop(own_loop, recipe, plan, progress)
    trainable = recipe.method.build_trainable(energy, points, build_key)
    params, static = eqx.partition(trainable, eqx.is_inexact_array)
    program = _start(recipe, params, static, points, init_key, loop_key)
    identity = ""
    if checkpoint_path is not None:
        identity = fingerprint(recipe, (params, points), key, plan.snapshot_steps)
    checkpoint = Checkpoint(checkpoint_path, identity, save_every)
    run = _run(recipe, plan, program, checkpoint, progress, until)
    return _finish(recipe, plan, program, run)


class _Program(NamedTuple):
    """The updates, `(carry, stop) -> (carry, losses)`, and the start of training."""

    start: Carry
    static: PyTree
    advance: Callable
    compile_seconds: float


class _Run(NamedTuple):
    """The state of training at its end or divergence."""

    carry: Carry
    record: Record
    divergence_reason: str | None


def make_plan(num_updates: int, snapshot_steps: Sequence[int]) -> Plan:
    """Plan the snapshots of a training, and its checks at least once a chunk of updates."""
    inner = {step for step in snapshot_steps if 0 < step < num_updates}
    steps = sorted(inner | {num_updates})
    stops = sorted({*steps, *range(updates.CHUNK, num_updates, updates.CHUNK)})
    return Plan(steps, stops)


def _start(
    recipe: Recipe,
    params: PyTree,
    static: PyTree,
    data: Float[Array, "n dim"],
    init_key: Key,
    loop_key: Key,
) -> _Program:
    traced = updates.traced(recipe)
    advance = functools.partial(
        updates.advance,
        static=static,
        recipe=traced,
        data=updates.pad_rows(data),
        key=loop_key,
        num=jnp.array(len(data)),
    )
    started = time.perf_counter()
    start = jax.block_until_ready(updates.start(params, traced, data, init_key))
    return _Program(start, static, advance, time.perf_counter() - started)


def _run(
    recipe: Recipe,
    plan: Plan,
    program: _Program,
    checkpoint: Checkpoint,
    progress: Progress,
    until: Callable[[Snapshot], bool],
) -> _Run:
    start = program.start
    num_snapshots = len(plan.snapshot_steps)
    record = Record.empty(recipe.num_updates, num_snapshots, start.params, start.method_state)
    carry, record = checkpoint.resume(start, record)
    record.compile_seconds[0] += program.compile_seconds
    stopwatch = Stopwatch(record.seconds)
    divergence_reason = None
    step = int(carry.step)
    # of a training that is resumed
    has_ended = any([until(snapshot) for snapshot in _snapshots(recipe, plan, program, record)])
    if step < recipe.num_updates and not has_ended:
        started = time.perf_counter()
        # zero updates: this call only compiles
        jax.block_until_ready(program.advance(carry, stop=jnp.array(step)))
        record.compile_seconds[0] += time.perf_counter() - started
    while step < recipe.num_updates and divergence_reason is None and not has_ended:
        index = bisect.bisect_right(plan.snapshot_steps, step)
        stop = min(step + updates.CHUNK, plan.snapshot_steps[index])
        with stopwatch:
            carry, losses = jax.block_until_ready(program.advance(carry, stop=jnp.array(stop)))
        record.losses[step:stop] = np.asarray(losses)[: stop - step]
        divergence_reason = explain_divergence(
            recipe, carry.params, carry.method_state, record.losses[step:stop], step
        )
        is_healthy = divergence_reason is None
        if is_healthy and stop == plan.snapshot_steps[index]:
            record.take_snapshot(index, carry)
            has_ended = until(_snapshot(recipe, plan, program, record, index))
        if is_healthy:
            checkpoint.save_if_due(carry, record)
        try:
            progress(stop, stop if has_ended else recipe.num_updates)
        except BaseException:
            if is_healthy:
                checkpoint.save(carry, record)
            raise
        step = stop
    return _Run(carry, record, divergence_reason)


def _finish(recipe: Recipe, plan: Plan, program: _Program, run: _Run) -> Fit:
    snapshots = _snapshots(recipe, plan, program, run.record)
    losses = run.record.losses[: int(run.carry.step)]
    return Fit(snapshots, losses, run.divergence_reason, float(run.record.compile_seconds[0]))


def _snapshots(recipe: Recipe, plan: Plan, program: _Program, record: Record) -> list[Snapshot]:
    """Return the snapshots taken so far; the seconds of one that is not yet taken are 0."""
    taken = np.flatnonzero(record.snapshot_seconds[:, 0] > 0)
    return [_snapshot(recipe, plan, program, record, int(index)) for index in taken]


def _snapshot(
    recipe: Recipe, plan: Plan, program: _Program, record: Record, index: int
) -> Snapshot:
    average, state = gather_local((record.averages[index], record.states[index]))
    trainable = eqx.combine(average, program.static)
    seconds = record.snapshot_seconds[index]
    return make_snapshot(recipe, plan.snapshot_steps[index], trainable, state, seconds)
