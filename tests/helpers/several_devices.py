"""Run by `test_devices.py` in a process with as many devices as it wants: prints what it found.

python several_devices.py train NAMES BATCH | chains | work NAMES
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
from ebmark.training import loop as training

DATA = jr.normal(jr.key(0), (512, 2)) * jnp.array([1.0, 0.3])


def floats(x) -> list[float]:
    return np.asarray(x, np.float64).ravel().tolist()


def energy(inputs: int):
    return Confined(FourierMLP(inputs, num_features=8, width=16, key=jr.key(1)))


def rows_on_a_device(x) -> int:
    return max(shard.data.shape[0] for shard in x.addressable_shards)


def train(names: str, batch: str) -> dict:
    found = {}
    for name in names.split(","):
        recipe = dataclasses.replace(METHODS[name], num_updates=60, batch_size=int(batch))
        inputs = 2 + recipe.method.num_extra_inputs
        fit = training.train(recipe, energy(inputs), DATA, key=jr.key(2))
        arrays = jax.tree.leaves(eqx.filter(fit.energy, eqx.is_array))
        assert all(len(array.devices()) == 1 for array in arrays)  # it is taken home
        x = jr.normal(jr.key(3), (16, inputs))
        values = jax.vmap(fit.energy)(x)
        found[name] = {"losses": floats(fit.losses), "energies": floats(values)}
    return found


def chains() -> dict:
    start = jr.normal(jr.key(4), (104, 2))
    last = run_chains(Langevin(0.001), energy(2), start, 50, jr.key(5)).x
    return {"x": floats(last), "rows on a device": rows_on_a_device(last)}


def work(names: str) -> dict:
    found = {}
    for name in names.split(","):
        recipe = METHODS[name]
        model = Confined(FourierMLP(2 + recipe.method.num_extra_inputs, key=jr.key(1)))
        wrapped = recipe.method.build_trainable(model, DATA, jr.key(2))
        params, static = eqx.partition(wrapped, eqx.is_inexact_array)
        start = training._start(params, recipe, DATA, jr.key(3))
        program = training._advance.lower(start, static, recipe, DATA, jr.key(4), jnp.array(9))
        costs = program.compile().compiled.cost_analysis()
        found[name] = (costs[0] if isinstance(costs, list) else costs)["flops"]
    return found


if __name__ == "__main__":
    what = {"train": train, "chains": chains, "work": work}[sys.argv[1]]
    print(json.dumps({"devices": len(jax.devices())} | what(*sys.argv[2:])))
