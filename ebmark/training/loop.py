"""Training: one compiled chunk of updates, in a host loop that watches it."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from ebmark.energies import Energy, Key, State
from ebmark.methods import Recipe
from ebmark.system.devices import full_matmul_precision, gather_local, replicate, shard
from ebmark.training.checkpoint import Carry, Record, _fingerprint, _keep, _taken_up
from ebmark.training.snapshots import Fit, Snapshot

_CHUNK = 250  # updates between two looks of the host


def _optimizer(recipe: Recipe) -> optax.GradientTransformation:
    def cosine(count):
        return recipe.learning_rate * 0.5 * (1 + jnp.cos(jnp.pi * count / recipe.num_updates))

    return optax.chain(optax.clip_by_global_norm(recipe.max_grad_norm), optax.adam(cosine))


def _traced(recipe: Recipe) -> Recipe:
    """The recipe with its numbers as arrays, all but counts: its program serves all their values.

    So a search over learning rates, blurs or step sizes compiles once.
    """
    arrays = jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, float) else a, recipe)
    return dataclasses.replace(arrays, num_updates=jnp.asarray(recipe.num_updates))


@eqx.filter_jit
def _advance(
    carry: Carry,
    static: PyTree,
    recipe: Recipe,
    data: Float[Array, "n dim"],
    key: Key,
    stop: Int[Array, ""],
) -> tuple[Carry, Float[Array, " chunk"]]:
    """Updates from `carry.step` to `stop`, at most a chunk, in one compiled loop.

    Each update's randomness is a function of its number alone, so where chunks begin and end
    changes nothing; `stop` is an argument, so one program serves every chunk.
    """
    optimizer, start = _optimizer(recipe), carry.step

    def objective(params, batch, state, key):
        return recipe.method.loss(eqx.combine(params, static), batch, state, key)

    def update(step, loop):
        (params, average, opt_state, state, _), losses = loop
        batch_key, loss_key = jr.split(jr.fold_in(key, step))
        batch = shard(data[jr.randint(batch_key, (recipe.batch_size,), 0, data.shape[0])])
        (loss, state), gradient = jax.value_and_grad(objective, has_aux=True)(
            params, batch, state, loss_key
        )
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        params = optax.apply_updates(params, updates)
        decay = jnp.minimum(recipe.ema_decay, (1 + step) / (10 + step))
        average = optax.incremental_update(params, average, 1 - decay)
        carry = replicate(Carry(params, average, opt_state, state, step + 1))
        return carry, losses.at[step - start].set(loss)

    return jax.lax.fori_loop(start, stop, update, (carry, jnp.full((_CHUNK,), jnp.nan)))


@eqx.filter_jit
def _start(params: PyTree, recipe: Recipe, data: Float[Array, "n dim"], key: Key) -> Carry:
    state = recipe.method.init(data, key)
    return replicate(Carry(params, params, _optimizer(recipe).init(params), state, jnp.array(0)))


@full_matmul_precision
def train(
    recipe: Recipe,
    energy: Energy,
    data: Float[Array, "n dim"],
    *,
    key: Key,
    snapshot_steps: Sequence[int] = (),
    checkpoint_path: Path | None = None,
    save_every: float = 30.0,
    progress: Callable[[int, int], None] = lambda step, updates: None,
) -> Fit:
    """Fit `energy` to `data`, which are in standardised units.

    A snapshot is taken at the end, and after as many updates as each of `marks` says.

    A run that diverges is stopped within a chunk of updates, and `trouble` says why; its snapshots
    up to there are kept. With `saved`, the run is written to that file every `save_every` seconds,
    and when `progress` raises, and taken up from there, with the same result, bit for bit, as if it
    had never stopped; not so a method that has its own loop.
    """
    wrap_key, init_key, loop_key = jr.split(key, 3)
    if recipe.num_updates == 0:
        return _fit_at_once(recipe, energy, data, wrap_key, init_key)
    snapshot_steps = sorted(
        {
            snapshot_step
            for snapshot_step in snapshot_steps
            if 0 < snapshot_step < recipe.num_updates
        }
        | {recipe.num_updates}
    )
    stops = sorted({*snapshot_steps, *range(_CHUNK, recipe.num_updates, _CHUNK)})
    loop = recipe.method.fit(recipe, energy, data, stops, key)
    if loop is not None:
        return _follow(loop, recipe, snapshot_steps, stops, progress)
    params, static = eqx.partition(
        recipe.method.build_trainable(energy, data, wrap_key), eqx.is_inexact_array
    )
    traced = _traced(recipe)
    advance = functools.partial(_advance, static=static, recipe=traced, data=data, key=loop_key)

    started = time.perf_counter()
    carry = _start(params, traced, data, init_key)
    jax.block_until_ready(advance(carry, stop=jnp.array(0)))  # no update: compiles, no more
    compile_seconds = time.perf_counter() - started

    losses = np.full(recipe.num_updates, np.nan, np.float32)
    num = len(snapshot_steps)
    empty = ([params] * num, [carry.method_state] * num, np.zeros((num, 2)))
    record = Record(losses, np.zeros(2), *empty)
    fingerprint = (
        None
        if checkpoint_path is None
        else _fingerprint(recipe, (params, data), key, snapshot_steps)
    )
    if checkpoint_path is not None and checkpoint_path.exists():
        carry, record = _taken_up(checkpoint_path, fingerprint, (carry, record))

    divergence_reason, last_saved = None, time.monotonic()
    while (step := int(carry.step)) < recipe.num_updates and divergence_reason is None:
        index = next(i for i, snapshot_step in enumerate(snapshot_steps) if snapshot_step > step)
        stop = min(step + _CHUNK, snapshot_steps[index])
        clock = np.array([time.perf_counter(), time.process_time()])
        carry, new = jax.block_until_ready(advance(carry, stop=jnp.array(stop)))
        record.seconds[:] += np.array([time.perf_counter(), time.process_time()]) - clock
        record.losses[step:stop] = np.asarray(new)[: stop - step]
        divergence_reason = _divergence_reason(
            recipe, carry.params, carry.method_state, record.losses, step, stop
        )
        if divergence_reason is None and stop == snapshot_steps[index]:
            record.averages[index] = carry.average
            record.states[index] = carry.method_state
            record.clocks[index] = record.seconds
        due = time.monotonic() - last_saved > save_every
        healthy = (
            checkpoint_path is not None and divergence_reason is None
        )  # a sick run is not one to go on with
        if healthy and due:
            _keep(checkpoint_path, fingerprint, (carry, record))
            last_saved = time.monotonic()
        try:
            progress(stop, recipe.num_updates)
        except BaseException:  # whoever watches wants to stop here
            if healthy:
                _keep(checkpoint_path, fingerprint, (carry, record))
            raise

    carry, record = gather_local((carry, record))
    snapshots = [
        _snapshot(recipe, snapshot_step, eqx.combine(average, static), state, clock)
        for snapshot_step, average, state, clock in zip(
            snapshot_steps, record.averages, record.states, record.clocks, strict=True
        )
        if clock[0] > 0  # it was reached, in good health
    ]
    done = record.losses[: int(carry.step)]
    return Fit(snapshots, done, divergence_reason, compile_seconds)


def _snapshot(recipe: Recipe, step: int, trainable: PyTree, state: State, clock) -> Snapshot:
    density = recipe.method.learned_energy(trainable, state)
    return Snapshot(step, trainable, state, density, *(float(second) for second in clock))


def _fit_at_once(recipe: Recipe, energy: Energy, data, wrap_key: Key, init_key: Key) -> Fit:
    """A method without updates: its `wrap`, compiled by a first call, is the fit."""
    build_trainable, started = eqx.filter_jit(recipe.method.build_trainable), time.perf_counter()
    state = eqx.filter_jit(recipe.method.init)(data, init_key)
    jax.block_until_ready(build_trainable(energy, data, wrap_key))
    compile_seconds = time.perf_counter() - started
    clock = np.array([time.perf_counter(), time.process_time()])
    trainable = jax.block_until_ready(build_trainable(energy, data, wrap_key))
    clock = np.array([time.perf_counter(), time.process_time()]) - clock
    snapshots, divergence_reason = [_snapshot(recipe, 0, trainable, state, clock)], None
    if not all(
        np.isfinite(leaf).all()
        for leaf in jax.tree.leaves(eqx.filter(trainable, eqx.is_inexact_array))
    ):
        snapshots, divergence_reason = (
            [],
            "the fit is not finite: the data may hold huge or equal numbers",
        )
    return Fit(snapshots, np.zeros(0, np.float32), divergence_reason, compile_seconds)


def _follow(loop, recipe: Recipe, snapshot_steps: list[int], stops: list[int], progress) -> Fit:
    """The fit of a method that trains by a loop of its own: `loop` is what its `fit` yields."""
    snapshots, divergence_reason, step, started = [], None, 0, time.perf_counter()
    next(loop)  # imports and sets up: no update
    compile_seconds = time.perf_counter() - started
    losses, spent = np.full(recipe.num_updates, np.nan, np.float32), np.zeros(2)
    for stop in stops:
        clock = np.array([time.perf_counter(), time.process_time()])
        trainable, losses[step:stop] = next(loop)
        spent += np.array([time.perf_counter(), time.process_time()]) - clock
        divergence_reason = _divergence_reason(recipe, trainable, None, losses, step, stop)
        if divergence_reason is not None:
            break
        if stop in snapshot_steps:
            snapshots.append(_snapshot(recipe, stop, trainable, None, spent))
        step = stop
        progress(stop, recipe.num_updates)
    loop.close()
    return Fit(snapshots, losses[:stop], divergence_reason, compile_seconds)


def _divergence_reason(
    recipe: Recipe, params: PyTree, state: State, losses: np.ndarray, step: int, stop: int
) -> str | None:
    """Why a run must stop: a number that is not one, or what the method itself says."""
    chunk = losses[step:stop]
    if not np.isfinite(chunk).all():
        where = step + int(np.argmin(np.isfinite(chunk))) + 1
        return (
            f"the loss was not finite at update {where}; make learning_rate smaller "
            f"(it was {recipe.learning_rate:.3g})"
        )
    numbers = jax.tree.leaves(eqx.filter(params, eqx.is_inexact_array))
    if not all(np.isfinite(leaf).all() for leaf in numbers):
        return f"the parameters were not finite at update {stop}; make learning_rate smaller"
    said = recipe.method.check_divergence(chunk, state)
    return None if said is None else f"by update {stop}, {said}"
