"""Energies that are told a noise level, and what their methods share."""

import dataclasses
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import local_scale
from ebmark.energies import Energy, Point, SoftWall
from ebmark.methods._base import AbstractMethod
from ebmark.samplers import Langevin, run_chains


class LevelState(NamedTuple):
    smallest: Scalar  # sigma of level 0; that of level 1 is the method's `largest`
    scale: Scalar  # the data's smallest local scale
    origin: Point


class AtLevel(eqx.Module):
    r"""One slice of an energy of points and levels: $E_u(x) = E(x / \sqrt{1 + \sigma^2}, 2u - 1)$.

    Data of variance 1 have variance 1 at every level.
    """

    energy: Energy
    level: Scalar
    sigma: Scalar

    def __call__(self, x: Point) -> Scalar:
        level, sigma = jax.lax.stop_gradient((self.level, self.sigma))
        scale = jnp.sqrt(1 + sigma**2)
        energy = _around_noise(self.energy, sigma, scale)
        return energy(jnp.append(x / scale, 2 * level - 1))


def _around_noise(energy: Energy, sigma: Scalar, scale: Scalar) -> Energy:
    """The energy, its walls, if it has any, three deviations further out and scaled like x."""
    if not isinstance(energy, SoftWall):
        return energy
    low, high = (energy.low - 3 * sigma) / scale, (energy.high + 3 * sigma) / scale
    return dataclasses.replace(energy, low=low, high=high)


class AbstractNoiseLevelMethod(AbstractMethod):
    r"""One network for all levels $u \in [0, 1]$, $\sigma_u = \sigma_{min}^{1-u} \sigma_{max}^u$.

    The density is that of level 0. The sampler is Langevin from the top level to it, with the
    step $(s_{min}^2 + \sigma_u^2) / 10$ (Song & Ermon 2019, algorithm 1).
    """

    num_extra_inputs: ClassVar[int] = 1
    relative_scale: eqx.AbstractVar[float]  # of the smallest local scale: sigma of level 0
    largest: eqx.AbstractVar[float]
    num_levels: eqx.AbstractVar[int]  # of the sampler
    num_steps_per_level: eqx.AbstractVar[int]

    def init(self, data, key):
        scale = local_scale(data, key)
        return LevelState(self.relative_scale * scale, scale, jnp.zeros(data.shape[1]))

    def at(self, energy: Energy, state: LevelState, level: Scalar) -> AtLevel:
        """The energy of one level."""
        return AtLevel(energy, level, state.smallest ** (1 - level) * self.largest**level)

    def learned_energy(self, trainable, state):
        return self.at(trainable, state, jnp.array(0.0))

    def settle(self, energy, state, level, x, key):
        """The sampler's points on their way down, made at home at one level."""
        there = self.at(energy, state, level)
        kernel = Langevin((state.scale**2 + there.sigma**2) / 10)
        return run_chains(kernel, there, x, self.num_steps_per_level, key).x

    def sample(self, trainable, state, num, key):
        start_key, chain_key = jr.split(key)
        spread = jnp.sqrt(1 + self.largest**2)
        x = spread * jr.normal(start_key, (num, *state.origin.shape))
        levels = jnp.linspace(1.0, 0.0, self.num_levels)
        keys = jr.split(chain_key, self.num_levels)
        return jax.lax.scan(
            lambda x, at: (self.settle(trainable, state, at[0], x, at[1]), None), x, (levels, keys)
        )[0]

    def gaussian_precision(self, variance, state):
        return 1 / (variance + float(state.smallest) ** 2)


def noisy(
    method: AbstractNoiseLevelMethod, energy: Energy, state: LevelState, batch, key, level_power=1.0
) -> tuple[Float[Array, " batch"], Float[Array, "batch dim"], Scalar]:
    r"""Levels spread over a batch, its noisy points, and their score-matching loss.

    $$ \tfrac12 \mathbb{E}_{u, x, z} \| \sigma_u \nabla E_u(x + \sigma_u z) - z \|^2, \quad
       u = v^{lean}, \; v \sim U(0, 1) $$
    """
    level_key, noise_key = jr.split(key)
    size = batch.shape[0]
    levels = ((jnp.arange(size) + jr.uniform(level_key, (size,))) / size) ** level_power
    noise = jr.normal(noise_key, batch.shape)

    def one(x, z, level):
        there = method.at(energy, state, level)
        x = x + there.sigma * z
        return x, jnp.sum((there.sigma * jax.grad(there)(x) - z) ** 2)

    points, errors = jax.vmap(one)(batch, noise, levels)
    return levels, points, 0.5 * jnp.mean(errors)
