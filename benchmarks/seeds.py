"""What ten seeds cost beside one: one after the other, as a study runs them, and all at once."""

import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from benchmarks.training import points
from ebmark import train as training
from ebmark.methods import METHODS
from ebmark.model import new_energy
from ebmark.study import Network

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

    def at_once() -> None:
        wrapped = [
            recipe.method.wrap(energy, data, jr.key(seed)) for seed, energy in enumerate(energies)
        ]
        parts = [eqx.partition(one, eqx.is_inexact_array) for one in wrapped]
        traced, static = training._traced(recipe), parts[0][1]
        started = [training._start(p, traced, data, jr.key(i)) for i, (p, _) in enumerate(parts)]
        carry = jax.tree.map(lambda *leaves: jnp.stack(leaves), *started)
        carry = carry._replace(step=started[0].step)
        axes = training.Carry(0, 0, 0, 0, None)

        @jax.jit
        def advance(carry, keys, stop):
            def each(carry, key):
                return training._advance(carry, static, traced, data, key, stop)[0]

            return jax.vmap(each, in_axes=(axes, 0), out_axes=axes)(carry, keys)

        keys = jr.split(jr.key(0), SEEDS)
        for stop in range(training._CHUNK, recipe.updates + 1, training._CHUNK):
            carry = advance(carry, keys, jnp.array(stop))
        jax.block_until_ready(carry)

    one(0)  # fills the cache of programs on the disk
    ways = {
        "1 seed": lambda: one_after_the_other(1),
        "10 seeds, one after the other": lambda: one_after_the_other(SEEDS),
        "10 seeds at once, by vmap": at_once,
    }
    return {"unit": "s", "seconds": {name: [_of_its_own(way)] for name, way in ways.items()}}


def _of_its_own(work) -> float:
    """CPU seconds of what a process would do that has no program in memory yet."""
    jax.clear_caches()
    start = time.process_time()
    work()
    return time.process_time() - start
