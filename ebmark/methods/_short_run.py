"""Short-run Markov chain Monte Carlo."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import Point, stop_gradient
from ebmark.methods._limits import COUNT, POSITIVE
from ebmark.methods.families._chains import AbstractChainMethod
from ebmark.samplers import Langevin, run_chains


class ShortRunState(NamedTuple):
    """Step size of the chains, and the bounding box of the data, in standardized units."""

    step_size: Scalar
    low: Point
    high: Point


class ShortRunMCMC(AbstractChainMethod):
    r"""Negatives from a fixed number of Langevin steps from noise.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{data}[\nabla_\theta E(x)]
       - \mathbb{E}_{x^-}[\nabla_\theta E(x^-)], \quad
       x^- = k \text{ Langevin steps from } N(0, I) \text{ in the data's box} $$

    The chains do not reach the model distribution: what is learned is the generator, k steps from
    noise, which is the native sampler. The density of the energy is a different one, with a higher
    KL. Chains start in the bounding box of the data: outside soft walls they could not return in k
    steps, and the energy there would rise without bound.

    Attributes:
        num_steps: Chain length k.
        step_size: Step size h; None is $s_{min}^2 / 10$, from the smallest local scale of the data.

    Requires: MCMC chains from noise.
    Use when: a generator of fixed cost is needed.
    Avoid when: the density is needed: the energy is not that of the data.
    References: Nijkamp, Hill, Zhu & Wu (2019), Learning non-convergent non-persistent short-run
        MCMC.
    """

    limits = {"num_steps": COUNT, "step_size": POSITIVE}

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
        negatives = self.sample(stop_gradient(energy), state, batch.shape[0], key)
        return jnp.mean(jax.vmap(energy)(batch)) - jnp.mean(jax.vmap(energy)(negatives)), state

    def gaussian_precision(self, variance, state):
        """Return the λ at which k steps from noise have the variance of the data."""
        import scipy.optimize
        import scipy.stats

        h = float(state.step_size)
        start_variance = scipy.stats.truncnorm(float(state.low[0]), float(state.high[0])).var()

        def excess_variance(precision):
            end_variance = start_variance
            for _ in range(self.num_steps):
                end_variance = (1 - h * precision) ** 2 * end_variance + 2 * h
            return end_variance - variance

        return scipy.optimize.root_scalar(excess_variance, bracket=(1e-3, 1 / h)).root
