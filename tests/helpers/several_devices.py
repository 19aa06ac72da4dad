"""A program of `test_devices.py`, started with a number of devices; it prints its results as JSON.

python several_devices.py train NAMES BATCH_SIZE | chains | work NAMES
"""

import dataclasses
import json
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.energies import Confined, FourierMLP
from ebmark.methods import METHODS
from ebmark.samplers import Langevin, run_chains
from ebmark.training import loop, updates

DATA = jr.normal(jr.key(0), (512, 2)) * jnp.array([1.0, 0.3])


def floats(x) -> list[float]:
    return np.asarray(x, np.float64).ravel().tolist()


def make_energy(num_inputs: int):
    return Confined(FourierMLP(num_inputs, num_features=8, width=16, key=jr.key(1)))


def max_rows_per_device(x) -> int:
    return max(shard.data.shape[0] for shard in x.addressable_shards)


def train(names: str, batch_size: str) -> dict:
    """Return the losses and the trained energies at 16 points, per method."""
    results = {}
    for name in names.split(","):
        recipe = dataclasses.replace(METHODS[name], num_updates=60, batch_size=int(batch_size))
        num_inputs = 2 + recipe.method.num_extra_inputs
        fit = loop.train(recipe, make_energy(num_inputs), DATA, key=jr.key(2))
        arrays = jax.tree.leaves(eqx.filter(fit.energy, eqx.is_array))
        assert all(len(array.devices()) == 1 for array in arrays)
        x = jr.normal(jr.key(3), (16, num_inputs))
        energies = jax.vmap(fit.energy)(x)
        results[name] = {"losses": floats(fit.losses), "energies": floats(energies)}
    return results


def chains() -> dict:
    """Return the end points of Langevin chains."""
    start = jr.normal(jr.key(4), (104, 2))
    last = run_chains(Langevin(0.001), make_energy(2), start, 50, jr.key(5)).x
    return {"x": floats(last), "rows per device": max_rows_per_device(last)}


def work(names: str) -> dict:
    """Return the floating-point operations of one device per update, by XLA's count, per method."""
    results = {}
    for name in names.split(","):
        recipe = METHODS[name]
        energy = Confined(FourierMLP(2 + recipe.method.num_extra_inputs, key=jr.key(1)))
        trainable = recipe.method.build_trainable(energy, DATA, jr.key(2))
        params, static = eqx.partition(trainable, eqx.is_inexact_array)
        start = updates.start(params, recipe, DATA, jr.key(3))
        program = updates.advance.lower(start, static, recipe, DATA, jr.key(4), jnp.array(9))
        costs = program.compile().compiled.cost_analysis()
        results[name] = (costs[0] if isinstance(costs, list) else costs)["flops"]
    return results


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    results = {"train": train, "chains": chains, "work": work}[command](*arguments)
    print(json.dumps({"devices": len(jax.devices()), **results}))
