"""Noise-conditional energies, and what their training methods share."""

import dataclasses
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import local_scale
from ebmark.energies import Energy, Key, Point, SoftWall
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import COUNT, POSITIVE, Interval
from ebmark.samplers import Langevin, run_chains

NOISE_LEVEL_LIMITS = {
    "relative_scale": POSITIVE,
    "largest": POSITIVE,
    "num_levels": Interval(2, integer=True),
    "num_steps_per_level": COUNT,
}


class LevelState(NamedTuple):
    """Noise levels of a dataset.

    Attributes:
        smallest: σ of level 0; that of level 1 is the method's `largest`.
        scale: Smallest local scale of the data.
        origin: A point of zeros, which holds the dimension.
    """

    smallest: Scalar
    scale: Scalar
    origin: Point


class AtLevel(eqx.Module):
    r"""A noise-conditional energy at one level: $E_u(x) = E(x / \sqrt{1 + \sigma^2}, 2u - 1)$.

    Data of variance 1 enter the network with variance 1 at every level.
    """

    energy: Energy
    level: Scalar
    sigma: Scalar

    def __call__(self, x: Point) -> Scalar:
        level, sigma = jax.lax.stop_gradient((self.level, self.sigma))
        scale = jnp.sqrt(1 + sigma**2)
        energy = _move_walls(self.energy, sigma, scale)
        return energy(jnp.append(x / scale, 2 * level - 1))


def _move_walls(energy: Energy, sigma: Scalar, scale: Scalar) -> Energy:
    """Move soft walls, if there are any, outward by 3 σ and scale them as the points."""
    if not isinstance(energy, SoftWall):
        return energy
    low = (energy.low - 3 * sigma) / scale
    high = (energy.high + 3 * sigma) / scale
    return dataclasses.replace(energy, low=low, high=high)


class AbstractNoiseLevelMethod(AbstractMethod):
    r"""A method with one network for all levels $u \in [0, 1]$ of Gaussian noise.

    $$ \sigma_u = \sigma_{min}^{1-u} \sigma_{max}^u $$

    The learned density is that of level 0. The native sampler is annealed Langevin from level 1 to
    level 0, with step size $(s_{min}^2 + \sigma_u^2) / 10$.

    Attributes:
        relative_scale: σ of level 0, as a fraction of the smallest local scale of the data.
        largest: σ of level 1.
        num_levels: Noise levels of the sampler.
        num_steps_per_level: Sampler steps per level.

    References: Song & Ermon (2019), algorithm 1.
    """

    num_extra_inputs: ClassVar[int] = 1
    limits = NOISE_LEVEL_LIMITS

    relative_scale: eqx.AbstractVar[float]
    largest: eqx.AbstractVar[float]
    num_levels: eqx.AbstractVar[int]
    num_steps_per_level: eqx.AbstractVar[int]

    def init(self, data, key):
        scale = local_scale(data, key)
        return LevelState(self.relative_scale * scale, scale, jnp.zeros(data.shape[1]))

    def at(self, energy: Energy, state: LevelState, level: Scalar) -> AtLevel:
        """Return the energy of one level."""
        return AtLevel(energy, level, state.smallest ** (1 - level) * self.largest**level)

    def learned_energy(self, trainable, state):
        return self.at(trainable, state, jnp.array(0.0))

    def equilibrate(
        self,
        energy: Energy,
        state: LevelState,
        level: Scalar,
        x: Float[Array, "chains dim"],
        key: Key,
    ) -> Float[Array, "chains dim"]:
        """Run the sampler's chains at one level of its schedule."""
        level_energy = self.at(energy, state, level)
        kernel = Langevin((state.scale**2 + level_energy.sigma**2) / 10)
        return run_chains(kernel, level_energy, x, self.num_steps_per_level, key).x

    def sample(self, trainable, state, num, key):
        start_key, chain_key = jr.split(key)
        start_std = jnp.sqrt(1 + self.largest**2)
        start = start_std * jr.normal(start_key, (num, *state.origin.shape))
        levels = jnp.linspace(1.0, 0.0, self.num_levels)

        def descend(x, level_and_key):
            level, level_key = level_and_key
            return self.equilibrate(trainable, state, level, x, level_key), None

        keys = jr.split(chain_key, self.num_levels)
        samples, _ = jax.lax.scan(descend, start, (levels, keys))
        return samples

    def gaussian_precision(self, variance, state):
        return 1 / (variance + float(state.smallest) ** 2)


class NoisyBatch(NamedTuple):
    """A batch with noise of many levels.

    Attributes:
        levels: Noise level of each point.
        points: The noisy points.
        matching_loss: Mean denoising score-matching loss.
    """

    levels: Float[Array, " batch"]
    points: Float[Array, "batch dim"]
    matching_loss: Scalar


def perturb(
    method: AbstractNoiseLevelMethod,
    energy: Energy,
    state: LevelState,
    batch: Float[Array, "batch dim"],
    key: Key,
    level_power: float | Scalar = 1.0,
) -> NoisyBatch:
    r"""Add noise of stratified levels to a batch and compute its denoising score-matching loss.

    $$ \tfrac12 \mathbb{E}_{u, x, z} \| \sigma_u \nabla E_u(x + \sigma_u z) - z \|^2, \quad
       u = v^{level\_power}, \; v \sim U(0, 1) $$
    """
    level_key, noise_key = jr.split(key)
    size = batch.shape[0]
    levels = ((jnp.arange(size) + jr.uniform(level_key, (size,))) / size) ** level_power
    noise = jr.normal(noise_key, batch.shape)

    def perturb_point(x, z, level):
        level_energy = method.at(energy, state, level)
        x = x + level_energy.sigma * z
        error = level_energy.sigma * jax.grad(level_energy)(x) - z
        return x, jnp.sum(error**2)

    points, errors = jax.vmap(perturb_point)(batch, noise, levels)
    return NoisyBatch(levels, points, 0.5 * jnp.mean(errors))
