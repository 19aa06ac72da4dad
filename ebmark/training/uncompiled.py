"""Training without the compiled loop: direct fits, and methods that have their own loop."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from ebmark.energies import Energy, Key
from ebmark.methods import Recipe
from ebmark.training.divergence import explain_divergence, is_finite
from ebmark.training.snapshots import Fit, make_snapshot
from ebmark.training.stopwatch import Stopwatch


class Plan(NamedTuple):
    """After how many updates to take snapshots, and to stop a method's own loop for a check."""

    snapshot_steps: list[int]
    stops: list[int]


def fit_without_updates(
    recipe: Recipe, energy: Energy, data: Float[Array, "n dim"], build_key: Key, init_key: Key
) -> Fit:
    """Fit a method without updates: its `build_trainable`, compiled by a first call, is the fit."""
    build_trainable = eqx.filter_jit(recipe.method.build_trainable)
    started = time.perf_counter()
    state = eqx.filter_jit(recipe.method.init)(data, init_key)
    jax.block_until_ready(build_trainable(energy, data, build_key))
    compile_seconds = time.perf_counter() - started
    losses = np.zeros(0, np.float32)
    with Stopwatch() as stopwatch:
        trainable = jax.block_until_ready(build_trainable(energy, data, build_key))
    if not is_finite(trainable):
        reason = "The fit is not finite. Check the data for huge or constant columns."
        return Fit([], losses, reason, compile_seconds)
    snapshot = make_snapshot(recipe, 0, trainable, state, stopwatch.seconds)
    return Fit([snapshot], losses, None, compile_seconds)


def follow_own_loop(
    own_loop: Iterator[tuple[PyTree, Float[np.ndarray, " losses"]]],
    recipe: Recipe,
    plan: Plan,
    progress: Callable[[int, int], None],
) -> Fit:
    """Fit a method that has its own training loop: the iterator that its `fit` returned."""
    snapshots = []
    divergence_reason = None
    started = time.perf_counter()
    # imports and sets up, without updates
    next(own_loop)
    compile_seconds = time.perf_counter() - started
    losses = np.full(recipe.num_updates, np.nan, np.float32)
    stopwatch = Stopwatch()
    step = 0
    for stop in plan.stops:
        with stopwatch:
            trainable, losses[step:stop] = next(own_loop)
        divergence_reason = explain_divergence(recipe, trainable, None, losses[step:stop], step)
        step = stop
        if divergence_reason is not None:
            break
        if stop in plan.snapshot_steps:
            snapshots.append(make_snapshot(recipe, stop, trainable, None, stopwatch.seconds))
        progress(stop, recipe.num_updates)
    if isinstance(own_loop, Generator):
        own_loop.close()
    return Fit(snapshots, losses[:step], divergence_reason, compile_seconds)
