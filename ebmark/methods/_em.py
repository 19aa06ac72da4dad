"""Energy Matching."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int, Scalar

from ebmark._types import Point
from ebmark.energies import frozen
from ebmark.local_scale import local_scale, safe_step
from ebmark.methods._base import AbstractMethod
from ebmark.methods._flow_matching import flow_matching


class EnergyMatchingState(NamedTuple):
    pace: Scalar  # the time of a step of the sampler
    update: Int[Array, ""]
    origin: Point


class EnergyMatching(AbstractMethod):
    r"""A potential that carries noise to the data by optimal transport, and holds them there.

    $$ \mathcal{L} = \mathbb{E}\, w(t) \| \nabla V(x_t) + x_1 - x_0 \|^2
       + \lambda\, (\mathbb{E}_{data} V - \mathbb{E}_{x^-} V), \quad V = \epsilon E $$

    $x_t = (1 - t) x_0 + t x_1 + .1 z$ of paired noise and data; $w$ falls from 1 at $t = .8$ to 0
    at 1. Chains $x^-$ follow $-\nabla V$, cold to $t = .8$, then warming to $\epsilon$ at 1; half
    start at the data, hot. $p \propto e^{-V / \epsilon}$.

    Balcerak et al. (2025), Energy Matching: unifying flow matching and energy-based models.
    """

    temperature: float = 0.15
    weight: float = 40.0  # the paper has 2
    warmup: int = eqx.field(static=True, default=1_000)
    num_steps: int = eqx.field(static=True, default=120)

    def init(self, data, key):
        pace = jnp.minimum(safe_step(local_scale(data, key)) / self.temperature, 0.01)
        return EnergyMatchingState(pace, jnp.array(0), jnp.zeros(data.shape[1]))

    def _follow(self, energy, state, x, start, key):
        def step(x, numbered):
            i, key = numbered
            heat = self.temperature * jnp.clip((start + i * state.pace - 0.8) / 0.2, 0, 1)
            drift = state.pace * self.temperature * jax.vmap(jax.grad(energy))(x)
            shake = jnp.sqrt(2 * heat * state.pace)[:, None]
            return x - drift + shake * jr.normal(key, x.shape), None

        steps = jnp.arange(self.num_steps), jr.split(key, self.num_steps)
        return jax.lax.scan(step, x, steps)[0]

    def sample(self, trainable, state, num, key):
        start_key, key = jr.split(key)
        x = jr.normal(start_key, (num, *state.origin.shape))
        return self._follow(trainable, state, x, jnp.zeros(num), key)

    def loss(self, energy, batch, state, key):
        noise_key, flow_key, chain_key = jr.split(key, 3)
        noise = jr.normal(noise_key, batch.shape)
        velocity = lambda x: -self.temperature * jax.grad(energy)(x)  # noqa: E731
        flow = flow_matching(velocity, noise, batch, flow_key)
        hot = (jnp.arange(batch.shape[0] // 16) % 2).astype(float)  # a sixteenth has chains
        starts = jnp.where(hot[:, None] > 0, batch[: len(hot)], noise[: len(hot)])
        moved = self._follow(frozen(energy), state, starts, hot, chain_key)
        gap = jnp.mean(jax.vmap(energy)(batch)) - jnp.mean(jax.vmap(energy)(moved))
        weight = self.weight * self.temperature * jnp.minimum(1, state.update / self.warmup)
        return flow + weight * gap, state._replace(update=state.update + 1)

    def gaussian_precision(self, variance, state):
        return None  # transport and contrast pull apart where the flow ends

    def evaluations(self, batch, dim):
        return batch * (9 + (2 * self.num_steps + 3) / 16)
