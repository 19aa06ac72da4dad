"""Seconds of Langevin sampling: the same energy, points, steps and step size."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks._clock import in_turn, timed
from ebmark.methods.external._base import copy_network
from ebmark.methods.external._torchebm import new_network
from ebmark.samplers import Langevin, run_chains

POINTS, STEPS, STEP = 10_000, 500, 0.001


def langevin(repeats: int) -> dict[str, Any]:
    """10,000 chains of 500 unadjusted steps on the perceptron 2-128-128-1.

    Beside them the two square products of each step alone, in float32, by XLA in blocks of 1,000
    rows: what no program of this network can be rid of.
    """
    import ebm
    import torch
    from torchebm.samplers import LangevinDynamics

    from benchmarks.training.steps import plain

    torch.manual_seed(0)
    network = new_network(2, 128)
    energy = copy_network(network, plain())
    start = np.random.default_rng(0).normal(size=(POINTS, 2)).astype(np.float32)
    x, z = jnp.asarray(start), torch.tensor(start)
    run = eqx.filter_jit(lambda energy, x, key: run_chains(Langevin(STEP), energy, x, STEPS, key).x)
    torch_sampler = LangevinDynamics(model=network, step_size=STEP, noise_scale=1.0)
    kit_sampler = ebm.LangevinDynamics(step_size=STEP, steps=STEPS)
    square = jnp.linalg.qr(jr.normal(jr.key(1), (128, 128)))[0]  # keeps lengths: no infinities

    @jax.jit
    def products(rows):
        def both(rows):
            return jax.lax.fori_loop(0, STEPS, lambda _, h: (h @ square.T) @ square, rows)

        return jax.lax.map(both, rows)

    rows = jr.normal(jr.key(2), (10, POINTS // 10, 128))
    tasks = {
        "ebmark": timed(lambda: jax.block_until_ready(run(energy, x, jr.key(0)))),
        "torchebm": timed(lambda: torch_sampler.sample(x=z, n_steps=STEPS)),
        "ebmkit": timed(lambda: kit_sampler.sample(network, z)),
        "its products alone": timed(lambda: jax.block_until_ready(products(rows))),
    }
    return {"unit": "s", "seconds": in_turn(tasks, repeats)}
