"""Cost of ten seeds relative to one: sequential, as in a study, and vectorized by vmap."""

import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from benchmarks.training.steps import draw_points
from ebmark.energies import Network, new_energy
from ebmark.methods import METHODS, Recipe
from ebmark.training import updates
from ebmark.training.checkpoint import Carry
from ebmark.training.loop import train

NUM_SEEDS = 10


def seeds() -> dict[str, Any]:
    """Measure NCE with its default recipe: all of `train`, with its program read from disk."""
    data = draw_points("half_moons")
    recipe = METHODS["nce"]
    energies = [new_energy(vars(Network()), data, jr.key(seed)) for seed in range(NUM_SEEDS)]

    def train_sequentially(num_seeds: int) -> None:
        for seed in range(num_seeds):
            train(recipe, energies[seed], data, key=jr.key(seed))

    # The first training writes the compiled program to disk.
    train_sequentially(1)
    start, finish = vectorize(recipe, data, jr.split(jr.key(0), NUM_SEEDS))
    variants = {
        "1 seed": lambda: train_sequentially(1),
        "10 seeds, sequential": lambda: train_sequentially(NUM_SEEDS),
        "10 seeds, vmap": lambda: finish(start()),
    }
    seconds = {name: [_seconds_of_new_process(work)] for name, work in variants.items()}
    return {"unit": "s", "seconds": seconds}


def vectorize(
    recipe: Recipe, data: Float[Array, "n dim"], keys: Array
) -> tuple[Callable[[], Carry], Callable[[Carry], Carry]]:
    """Return a function that starts one training per key, and one that finishes them by vmap."""
    axes = Carry(0, 0, 0, 0, None)
    energies = [new_energy(vars(Network()), data, key) for key in keys]
    trainables = [
        recipe.method.build_trainable(energy, data, key)
        for energy, key in zip(energies, keys, strict=True)
    ]
    parts = [eqx.partition(trainable, eqx.is_inexact_array) for trainable in trainables]
    traced = updates.traced(recipe)
    static = parts[0][1]

    def start() -> Carry:
        carries = [
            updates.start(params, traced, data, key)
            for (params, _), key in zip(parts, keys, strict=True)
        ]
        carry = jax.tree.map(lambda *leaves: jnp.stack(leaves), *carries)
        return carry._replace(step=carries[0].step)

    @jax.jit
    def advance(carry, keys, stop):
        def advance_one(carry, key):
            return updates.advance(carry, static, traced, data, key, stop)[0]

        return jax.vmap(advance_one, in_axes=(axes, 0), out_axes=axes)(carry, keys)

    def finish(carry: Carry) -> Carry:
        for stop in range(updates.CHUNK, recipe.num_updates + 1, updates.CHUNK):
            carry = advance(carry, keys, jnp.array(stop))
        return jax.block_until_ready(carry)

    return start, finish


def _seconds_of_new_process(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the work in a process that has no program in memory."""
    jax.clear_caches()
    start = time.process_time()
    work()
    return time.process_time() - start
