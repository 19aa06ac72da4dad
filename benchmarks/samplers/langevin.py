"""Seconds of Langevin sampling: equal energy, starting points, steps and step size."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks._clock import make_task, measure_in_turn
from ebmark.methods.external._base import copy_network
from ebmark.methods.external._torchebm import new_network
from ebmark.samplers import Langevin, run_chains

NUM_CHAINS = 10_000
NUM_STEPS = 500
STEP_SIZE = 0.001


def langevin(repeats: int) -> dict[str, Any]:
    """Measure 10,000 chains of 500 unadjusted Langevin steps of an MLP 2-128-128-1.

    Also measures the two square matrix products of each step alone, in float32, by XLA in blocks
    of 1,000 rows: a lower bound for every program of this network.
    """
    import ebm
    import torch
    from torchebm.samplers import LangevinDynamics

    from benchmarks.training.steps import plain_mlp

    torch.manual_seed(0)
    network = new_network(2, 128)
    energy = copy_network(network, plain_mlp())
    start = np.random.default_rng(0).normal(size=(NUM_CHAINS, 2)).astype(np.float32)
    x = jnp.asarray(start)
    x_torch = torch.tensor(start)

    @eqx.filter_jit
    def run(energy, x, key):
        return run_chains(Langevin(STEP_SIZE), energy, x, NUM_STEPS, key).x

    torch_sampler = LangevinDynamics(model=network, step_size=STEP_SIZE, noise_scale=1.0)
    ebmkit_sampler = ebm.LangevinDynamics(step_size=STEP_SIZE, steps=NUM_STEPS)
    # An orthogonal matrix keeps the lengths of the rows, so that no product overflows.
    square = jnp.linalg.qr(jr.normal(jr.key(1), (128, 128)))[0]

    @jax.jit
    def multiply(blocks):
        def multiply_block(rows):
            return jax.lax.fori_loop(0, NUM_STEPS, lambda _, h: (h @ square.T) @ square, rows)

        return jax.lax.map(multiply_block, blocks)

    blocks = jr.normal(jr.key(2), (10, NUM_CHAINS // 10, 128))
    tasks = {
        "ebmark": make_task(lambda: jax.block_until_ready(run(energy, x, jr.key(0)))),
        "torchebm": make_task(lambda: torch_sampler.sample(x=x_torch, n_steps=NUM_STEPS)),
        "ebmkit": make_task(lambda: ebmkit_sampler.sample(network, x_torch)),
        "matrix products only": make_task(lambda: jax.block_until_ready(multiply(blocks))),
    }
    return {"unit": "s", "seconds": measure_in_turn(tasks, repeats)}
