"""Short-run Markov chain Monte Carlo."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import Point, stop_gradient
from ebmark.methods.families._chains import AbstractChainMethod
from ebmark.samplers import Langevin, run_chains


class ShortRunState(NamedTuple):
    step_size: Scalar
    low: Point
    high: Point


class ShortRunMCMC(AbstractChainMethod):
    r"""Likelihood with negatives from noise by a fixed, short number of Langevin steps.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{data}[\nabla_\theta E(x)]
       - \mathbb{E}_{x^-}[\nabla_\theta E(x^-)], \quad
       x^- = k \text{ Langevin steps from } N(0, I) \text{ in the data's box} $$

    The chains do not reach the energy's own law, so what is learned is the generator: the same $k$
    steps from noise, its own sampler. The density that belongs to the energy is another, and worse.
    In the box, as a chain that begins outside an energy's walls would not come back in $k$ steps,
    and its energy be raised for ever.

    Needs chains from noise. Use it when a generator of a fixed cost is wanted. Not when the energy
    is to be a density: KL 4.1 on the moons (one seed).

    Nijkamp, Hill, Zhu & Wu (2019), Learning non-convergent non-persistent short-run MCMC.
    """

    num_steps: int = eqx.field(static=True, default=40)
    step_size: float | None = None

    def init(self, data, key):
        step_size = default_step_size(local_scale(data, key), self.step_size)
        return ShortRunState(step_size, jnp.min(data, axis=0), jnp.max(data, axis=0))

    def sample(self, trainable, state, num, key):
        start_key, chain_key = jr.split(key)
        start = jr.truncated_normal(start_key, state.low, state.high, (num, state.low.size))
        return run_chains(Langevin(state.step_size), trainable, start, self.num_steps, chain_key).x

    def loss(self, energy, batch, state, key):
        moved = self.sample(stop_gradient(energy), state, batch.shape[0], key)
        return jnp.mean(jax.vmap(energy)(batch)) - jnp.mean(jax.vmap(energy)(moved)), state

    def gaussian_precision(self, variance, state):
        """With which k steps from noise have the data's variance, by its own recursion."""
        import scipy.optimize
        import scipy.stats

        h = float(state.step_size)
        start = scipy.stats.truncnorm(float(state.low[0]), float(state.high[0])).var()

        def excess(precision):
            ends = start
            for _ in range(self.num_steps):
                ends = (1 - h * precision) ** 2 * ends + 2 * h
            return ends - variance

        return scipy.optimize.brentq(excess, 1e-3, 1 / h)
