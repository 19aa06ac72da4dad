"""Diffusion recovery likelihood."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, Scalar

from ebmark.energies import Energy, Key, Point, stop_gradient
from ebmark.methods._limits import COUNT, POSITIVE
from ebmark.methods.families._noise_levels import (
    NOISE_LEVEL_LIMITS,
    AbstractNoiseLevelMethod,
    AtLevel,
    LevelState,
)
from ebmark.samplers import MALA, run_chains


class DiffusionRecoveryLikelihood(AbstractNoiseLevelMethod):
    r"""Recovery likelihoods between adjacent noise levels.

    $$ x_{i+1} = x_i + s_i \xi, \quad p(x_i \mid x_{i+1}) \propto
       e^{-E(x_i, i) - \|x_i - x_{i+1}\|^2 / 2 s_i^2}, \quad
       \nabla \mathcal{L} = \mathbb{E}[\nabla E(x_i, i)] - \mathbb{E}[\nabla E(x_i^-, i)] $$

    Negatives are `num_steps` of MALA on that conditional distribution, which is nearly unimodal,
    from $x_i$. The native sampler recovers $x_L, \dots, x_0$ in the same way. The chains of the
    paper are unadjusted and start at $x_{i+1}$; here such chains diverged.

    Attributes:
        num_steps: Chain length.
        relative_step_size: Step size of MALA, as a fraction of the conditional variance.
        relative_scale: σ of the lowest level, as a fraction of the smallest local scale.
        largest: σ of the highest level.
        num_levels: Noise levels.
        num_steps_per_level: Steps of the native sampler per level.

    Requires: MCMC chains, a noise-conditional network.
    Use when: samples are needed and chains on the data distribution itself do not mix.
    Avoid when: the density is needed: the energy of each level is fitted to chains of few steps.
    References: Gao, Song, Poole, Wu & Kingma (2021), Learning energy-based models by diffusion
        recovery likelihood, eqs. 6 and 11.
    """

    limits = {"num_steps": COUNT, "relative_step_size": POSITIVE, **NOISE_LEVEL_LIMITS}

    num_steps: int = eqx.field(static=True, default=10)
    relative_step_size: float = 0.5
    relative_scale: float = 1.0
    largest: float = 2.0
    num_levels: int = eqx.field(static=True, default=4)
    num_steps_per_level: int = eqx.field(static=True, default=30)

    def _sigma(self, state: LevelState, i: Int[Array, "..."] | Scalar | int) -> Float[Array, "..."]:
        """Return σ of levels 0, 1, ..., of which 0 is the data without noise."""
        u = jnp.maximum(i - 1, 0) / (self.num_levels - 1)
        return jnp.where(i == 0, 0.0, state.smallest ** (1 - u) * self.largest**u)

    def at(self, energy, state, level):
        return AtLevel(energy, level, self._sigma(state, jnp.round(level * (self.num_levels - 1))))

    def recover(
        self,
        energy: Energy,
        state: LevelState,
        level: Scalar,
        x: Point,
        noisy: Point,
        num_steps: int,
        key: Key,
    ) -> Point:
        """Run MALA on p(x_i | x_{i+1} = `noisy`) from the point `x`; return its end point."""
        level_energy = self.at(energy, state, level)
        next_sigma = self._sigma(state, jnp.round(level * (self.num_levels - 1)) + 1)
        variance_gap = next_sigma**2 - level_energy.sigma**2
        precision = 1 / (state.scale**2 + level_energy.sigma**2) + 1 / variance_gap
        kernel = MALA(self.relative_step_size / precision)

        def conditional(x):
            return level_energy(x) + jnp.sum((x - noisy) ** 2) / (2 * variance_gap)

        return run_chains(kernel, conditional, x[None], num_steps, key).x[0]

    def equilibrate(self, energy, state, level, x, key):
        recover = functools.partial(self.recover, energy, state, level)
        keys = jr.split(key, x.shape[0])
        return jax.vmap(recover, in_axes=(0, 0, None, 0))(x, x, self.num_steps_per_level, keys)

    def loss(self, energy, batch, state, key):
        data_key, noise_key, chain_key = jr.split(key, 3)
        # The levels are spread evenly over the batch.
        i = jnp.arange(batch.shape[0]) % self.num_levels
        levels = i / (self.num_levels - 1)
        sigma = self._sigma(state, i)[:, None]
        next_sigma = self._sigma(state, i + 1)[:, None]
        x = batch + sigma * jr.normal(data_key, batch.shape)
        noisy = x + jnp.sqrt(next_sigma**2 - sigma**2) * jr.normal(noise_key, batch.shape)
        recover = functools.partial(self.recover, stop_gradient(energy), state)
        keys = jr.split(chain_key, batch.shape[0])
        negatives = jax.vmap(recover, in_axes=(0, 0, 0, None, 0))(
            levels, x, noisy, self.num_steps, keys
        )
        energies = jax.vmap(lambda level, x: self.at(energy, state, level)(x))
        return jnp.mean(energies(levels, x)) - jnp.mean(energies(levels, negatives)), state

    def gaussian_precision(self, variance, state):
        return 1 / variance

    def network_evaluations(self, batch_size, dim):
        return batch_size * (2 * self.num_steps + 8)
