"""What ten seeds cost beside one: one after the other, as a study runs them, and all at once."""

import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from benchmarks.training.steps import points
from ebmark.energies import Network, new_energy
from ebmark.methods import METHODS, Recipe
from ebmark.training import loop as training

SEEDS = 10


def seeds() -> dict[str, Any]:
    """CPU seconds of NCE at the study's recipe, all of `train`: its program is made or read too."""
    data, recipe = points("half_moons"), METHODS["nce"]
    energies = [new_energy(vars(Network()), data, jr.key(seed)) for seed in range(SEEDS)]

    def one(seed: int) -> None:
        training.train(recipe, energies[seed], data, key=jr.key(seed))

    def one_after_the_other(number: int) -> None:
        for seed in range(number):
            one(seed)

    one(0)  # fills the cache of programs on the disk
    start, finish = at_once(recipe, data, jr.split(jr.key(0), SEEDS))
    ways = {
        "1 seed": lambda: one_after_the_other(1),
        "10 seeds, one after the other": lambda: one_after_the_other(SEEDS),
        "10 seeds at once, by vmap": lambda: finish(start()),
    }
    return {"unit": "s", "seconds": {name: [_of_its_own(way)] for name, way in ways.items()}}


def at_once(recipe: Recipe, data, keys) -> tuple[Callable, Callable]:
    """What starts a training for each of the keys, and what brings all to their end, by vmap."""
    axes = training.Carry(0, 0, 0, 0, None)
    energies = [new_energy(vars(Network()), data, key) for key in keys]
    wrapped = [
        recipe.method.build_trainable(e, data, k) for e, k in zip(energies, keys, strict=True)
    ]
    parts = [eqx.partition(energy, eqx.is_inexact_array) for energy in wrapped]
    traced, static = training._traced(recipe), parts[0][1]

    def start() -> training.Carry:
        started = [
            training._start(params, traced, data, key)
            for (params, _), key in zip(parts, keys, strict=True)
        ]
        carry = jax.tree.map(lambda *leaves: jnp.stack(leaves), *started)
        return carry._replace(step=started[0].step)

    @jax.jit
    def advance(carry, keys, stop):
        def each(carry, key):
            return training._advance(carry, static, traced, data, key, stop)[0]

        return jax.vmap(each, in_axes=(axes, 0), out_axes=axes)(carry, keys)

    def finish(carry: training.Carry) -> training.Carry:
        for stop in range(training._CHUNK, recipe.num_updates + 1, training._CHUNK):
            carry = advance(carry, keys, jnp.array(stop))
        return jax.block_until_ready(carry)

    return start, finish


def _of_its_own(work) -> float:
    """CPU seconds of what a process would do that has no program in memory yet."""
    jax.clear_caches()
    start = time.process_time()
    work()
    return time.process_time() - start
