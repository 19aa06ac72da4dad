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
from ebmark.methods._limits import COUNT, NON_NEGATIVE, POSITIVE
from ebmark.methods.families._flow_matching import flow_matching
from ebmark.samplers import Langevin, run_chains

MAX_TIME_STEP = 0.01
_MAX_SAMPLER_STEPS = 24_000


class EnergyMatchingState(NamedTuple):
    """State of Energy Matching.

    Attributes:
        time_step: Time of a step of the sampler.
        update: Number of the next update, from 0.
        origin: A point of zeros, which holds the dimension.
    """

    time_step: Scalar
    update: Int[Array, ""]
    origin: Point


class EnergyMatching(AbstractMethod):
    r"""Energy matching.

    $$ \mathcal{L} = \mathbb{E}\, w(t) \| \nabla V(x_t) + x_1 - x_0 \|^2
       + \lambda\, (\mathbb{E}_{data} V - \mathbb{E}_{x^-} V), \quad V = \epsilon E $$

    One potential V transports noise $x_0$ to data $x_1$, paired by optimal transport, along
    $x_t = (1 - t) x_0 + t x_1 + 0.1 z$, and its density $p \propto e^{-V / \epsilon}$ is that of
    the data. The weight w falls linearly from 1 at $t = 0.8$ to 0 at 1. Each chain $x^-$ is
    compared with the data point that it started from. In the paper half of the chains start from
    noise; here these did not converge. The native sampler follows
    $-\nabla V$ without noise to $t = 0.8$; then the temperature rises to $\epsilon$.

    Attributes:
        temperature: Temperature ε.
        weight: Weight λ of the contrastive loss (2 in the paper).
        warmup: Updates over which λ rises linearly from 0.
        num_steps: Chain length.
        sampler_time: Time of the native sampler, in at most 24,000 steps.

    Requires: second derivatives, MCMC chains, pairs by optimal transport.
    Use when: noise has to be transported to data by one potential.
    Avoid when: only the density of 2-D data is needed: NCE costs less.
    References: Balcerak et al. (2025), Energy Matching: unifying flow matching and energy-based
        models.
    """

    limits = {
        "temperature": POSITIVE,
        "weight": NON_NEGATIVE,
        "warmup": COUNT,
        "num_steps": COUNT,
        "sampler_time": POSITIVE,
    }

    temperature: float = 0.15
    weight: float = 400.0
    warmup: int = eqx.field(static=True, default=1_000)
    num_steps: int = eqx.field(static=True, default=20)
    sampler_time: float = 2.4

    def init(self, data, key):
        time_step = default_step_size(local_scale(data, key)) / self.temperature
        time_step = jnp.minimum(time_step, MAX_TIME_STEP)
        return EnergyMatchingState(time_step, jnp.array(0), jnp.zeros(data.shape[1]))

    def sample(self, trainable, state, num, key):
        def step(i, x):
            time = i * state.time_step
            temperature = self.temperature * jnp.clip((time - 0.8) / 0.2, 0, 1)
            drift = state.time_step * self.temperature * jax.vmap(jax.grad(trainable))(x)
            noise_std = jnp.sqrt(2 * temperature * state.time_step)
            return x - drift + noise_std * jr.normal(jr.fold_in(step_key, i), x.shape)

        start_key, step_key = jr.split(key)
        start = jr.normal(start_key, (num, *state.origin.shape))
        # up to rounding
        num_steps = jnp.ceil(self.sampler_time / state.time_step - 1e-3)
        num_steps = jnp.minimum(num_steps, _MAX_SAMPLER_STEPS).astype(int)
        return jax.lax.fori_loop(0, num_steps, step, start)

    def loss(self, energy, batch, state, key):
        noise_key, flow_key, chain_key = jr.split(key, 3)

        def velocity(x):
            return -self.temperature * jax.grad(energy)(x)

        noise = jr.normal(noise_key, batch.shape)
        flow_loss = flow_matching(velocity, noise, batch, flow_key)
        kernel = Langevin(state.time_step * self.temperature)
        starts = batch[: batch.shape[0] // 2]
        ends = run_chains(kernel, stop_gradient(energy), starts, self.num_steps, chain_key).x
        gap = jnp.mean(jax.vmap(energy)(starts)) - jnp.mean(jax.vmap(energy)(ends))
        weight = self.weight * self.temperature * jnp.minimum(1, state.update / self.warmup)
        return flow_loss + weight * gap, state._replace(update=state.update + 1)

    def gaussian_precision(self, variance, state):
        # The two terms of the loss have different optima where the flow ends.
        return None

    def network_evaluations(self, batch_size, dim):
        return batch_size * (6 + (2 * self.num_steps + 6) / 2)
