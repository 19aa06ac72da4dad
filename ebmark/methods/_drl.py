"""Diffusion recovery likelihood."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.energies import stop_gradient
from ebmark.methods.families._noise_levels import AbstractNoiseLevelMethod, AtLevel
from ebmark.samplers import MALA, run_chains


class DiffusionRecoveryLikelihood(AbstractNoiseLevelMethod):
    r"""Likelihood of each noise level given the next, by short chains of near-unimodal laws.

    $$ x_{i+1} = x_i + s_i \xi, \quad p(x_i \mid x_{i+1}) \propto
       e^{-E(x_i, i) - \|x_i - x_{i+1}\|^2 / 2 s_i^2}, \quad
       \nabla \mathcal{L} = \mathbb{E}[\nabla E(x_i, i)] - \mathbb{E}[\nabla E(x_i^-, i)] $$

    Negatives are `num_steps` of MALA on that law from $x_i$; its own sampler recovers $x_L, \dots,
    x_0$ so. The paper's chains are unadjusted and start at $x_{i+1}$: here, such ran away.

    Needs chains and a network told the level. Use it when samples are wanted, and chains of the
    data's own law do not mix. Not when the density is: KL .065 on the 8 Gaussians (one seed).

    Gao, Song, Poole, Wu & Kingma (2021), Learning energy-based models by diffusion recovery
    likelihood, eqs. 6 and 11.
    """

    num_steps: int = eqx.field(static=True, default=10)
    relative_step_size: float = 0.5  # of the conditional's variance
    relative_scale: float = 1.0
    largest: float = 2.0
    num_levels: int = eqx.field(static=True, default=4)
    num_steps_per_level: int = eqx.field(static=True, default=30)

    def _sigma(self, state, i):
        u = jnp.maximum(i - 1, 0) / (self.num_levels - 1)  # the data, without noise, are level 0
        return jnp.where(i == 0, 0.0, state.smallest ** (1 - u) * self.largest**u)

    def at(self, energy, state, level):
        return AtLevel(energy, level, self._sigma(state, jnp.round(level * (self.num_levels - 1))))

    def recover(self, energy, state, level, x, noisy, num_steps, key):
        """MALA on p(x_i | x_{i+1} = `noisy`) from `x`, for one point."""
        there = self.at(energy, state, level)
        above = self._sigma(state, jnp.round(level * (self.num_levels - 1)) + 1)
        gap = above**2 - there.sigma**2  # s_i^2
        kernel = MALA(self.relative_step_size / (1 / (state.scale**2 + there.sigma**2) + 1 / gap))

        def conditional(x):
            return there(x) + jnp.sum((x - noisy) ** 2) / (2 * gap)

        return run_chains(kernel, conditional, x[None], num_steps, key).x[0]

    def settle(self, energy, state, level, x, key):
        recover = functools.partial(self.recover, energy, state, level)
        keys = jr.split(key, x.shape[0])
        return jax.vmap(recover, in_axes=(0, 0, None, 0))(x, x, self.num_steps_per_level, keys)

    def loss(self, energy, batch, state, key):
        data_key, noise_key, chain_key = jr.split(key, 3)
        i = jnp.arange(batch.shape[0]) % self.num_levels  # the levels, evenly
        levels, keys = i / (self.num_levels - 1), jr.split(chain_key, batch.shape[0])
        sigma, above = self._sigma(state, i)[:, None], self._sigma(state, i + 1)[:, None]
        x = batch + sigma * jr.normal(data_key, batch.shape)
        noisy = x + jnp.sqrt(above**2 - sigma**2) * jr.normal(noise_key, batch.shape)
        recover = functools.partial(self.recover, stop_gradient(energy), state)
        back = jax.vmap(recover, in_axes=(0, 0, 0, None, 0))(levels, x, noisy, self.num_steps, keys)
        height = jax.vmap(lambda level, x: self.at(energy, state, level)(x))
        return jnp.mean(height(levels, x)) - jnp.mean(height(levels, back)), state

    def gaussian_precision(self, variance, state):
        return 1 / variance

    def network_evaluations(self, batch, dim):
        return batch * (2 * self.num_steps + 8)
