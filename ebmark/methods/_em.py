"""Energy Matching."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int, Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import Point, stop_gradient
from ebmark.methods._base import AbstractMethod
from ebmark.methods.families._flow_matching import flow_matching
from ebmark.samplers import Langevin, run_chains


class EnergyMatchingState(NamedTuple):
    pace: Scalar  # the time of a step of the sampler
    update: Int[Array, ""]
    origin: Point


class EnergyMatching(AbstractMethod):
    r"""A potential that carries noise to the data by optimal transport, and holds them there.

    $$ \mathcal{L} = \mathbb{E}\, w(t) \| \nabla V(x_t) + x_1 - x_0 \|^2
       + \lambda\, (\mathbb{E}_{data} V - \mathbb{E}_{x^-} V), \quad V = \epsilon E $$

    $x_t = (1 - t) x_0 + t x_1 + .1 z$ of paired noise and data; $w$ falls from 1 at $t = .8$ to 0
    at 1. Each chain $x^-$ is compared with the datum that it started at. In the paper half of them
    start at noise: here these arrive unsettled, and KL on the moons was .37. The sampler follows
    $-\nabla V$, cold to $t = .8$, then warming to $\epsilon$; $p \propto e^{-V / \epsilon}$.

    Needs second derivatives, chains, and pairs by transport. Use it when noise is to flow to the
    data by one potential. Not when the density alone is wanted: NCE is cheaper, and as near.

    Balcerak et al. (2025), Energy Matching: unifying flow matching and energy-based models.
    """

    temperature: float = 0.15
    weight: float = 400.0  # the paper's: 2
    warmup: int = eqx.field(static=True, default=1_000)
    num_steps: int = eqx.field(static=True, default=20)
    sampler_steps: int = eqx.field(static=True, default=240)

    def init(self, data, key):
        pace = jnp.minimum(default_step_size(local_scale(data, key)) / self.temperature, 0.01)
        return EnergyMatchingState(pace, jnp.array(0), jnp.zeros(data.shape[1]))

    def sample(self, trainable, state, num, key):
        def step(x, numbered):
            i, key = numbered
            heat = self.temperature * jnp.clip((i * state.pace - 0.8) / 0.2, 0, 1)
            drift = state.pace * self.temperature * jax.vmap(jax.grad(trainable))(x)
            return x - drift + jnp.sqrt(2 * heat * state.pace) * jr.normal(key, x.shape), None

        keys = jr.split(key, self.sampler_steps + 1)
        x = jr.normal(keys[0], (num, *state.origin.shape))
        return jax.lax.scan(step, x, (jnp.arange(self.sampler_steps), keys[1:]))[0]

    def loss(self, energy, batch, state, key):
        noise_key, flow_key, chain_key = jr.split(key, 3)
        noise = jr.normal(noise_key, batch.shape)
        velocity = lambda x: -self.temperature * jax.grad(energy)(x)  # noqa: E731
        flow = flow_matching(velocity, noise, batch, flow_key)
        born, kernel = batch[: batch.shape[0] // 2], Langevin(state.pace * self.temperature)
        moved = run_chains(kernel, stop_gradient(energy), born, self.num_steps, chain_key).x
        gap = jnp.mean(jax.vmap(energy)(born)) - jnp.mean(jax.vmap(energy)(moved))
        weight = self.weight * self.temperature * jnp.minimum(1, state.update / self.warmup)
        return flow + weight * gap, state._replace(update=state.update + 1)

    def gaussian_precision(self, variance, state):
        return None  # transport and contrast pull apart where the flow ends

    def network_evaluations(self, batch, dim):
        return batch * (6 + (2 * self.num_steps + 6) / 2)
