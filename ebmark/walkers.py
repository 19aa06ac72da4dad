"""Weighted walkers that follow a changing energy: sequential Monte Carlo along training."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.devices import spread
from ebmark.energies import frozen


class Walkers(NamedTuple):
    x: Float[Array, "walkers dim"]
    energies: Float[Array, " walkers"]  # of the parameters that they last moved under
    log_weights: Float[Array, " walkers"]
    log_z: Scalar  # what resampling took out of the weights

    @classmethod
    def of_normal(cls, num, dim, key):
        x = jr.normal(key, (num, dim))
        base = 0.5 * jnp.sum(x**2, axis=1) + 0.5 * dim * jnp.log(2 * jnp.pi)
        return cls(x, base, jnp.zeros(num), jnp.array(0.0))


def moved(walkers, energy, step_size, num_steps, key):
    """Reweighted to the energy, then moved by Langevin steps, each with its own correction."""
    h, slope = step_size, jax.vmap(jax.value_and_grad(frozen(energy)))
    x = spread(walkers.x)
    values, slopes = slope(x)
    log_weights = walkers.log_weights + walkers.energies - values

    def step(carry, key):
        x, values, slopes, log_weights = carry
        y = x - h * slopes + jnp.sqrt(2 * h) * jr.normal(key, x.shape)
        new_values, new_slopes = slope(y)
        there = jnp.sum((y - x + h * slopes) ** 2, axis=1)
        back = jnp.sum((x - y + h * new_slopes) ** 2, axis=1)
        log_ratio = values - new_values + (there - back) / (4 * h)
        return (y, new_values, new_slopes, log_weights + log_ratio), None

    start = (x, values, slopes, log_weights)
    (x, values, _, log_weights), _ = jax.lax.scan(step, start, jr.split(key, num_steps))
    return Walkers(x, values, log_weights, walkers.log_z)


def resampled(walkers, key):
    """Systematically, where the effective share is below a half; else as they were."""
    num = walkers.x.shape[0]
    ticks = (jnp.arange(num) + jr.uniform(key)) / num
    chosen = jnp.searchsorted(jnp.cumsum(jax.nn.softmax(walkers.log_weights)), ticks)
    chosen = jnp.minimum(chosen, num - 1)
    log_z = walkers.log_z + log_mean(walkers.log_weights)
    new = Walkers(walkers.x[chosen], walkers.energies[chosen], jnp.zeros(num), log_z)
    poor = share_effective(walkers.log_weights) < 0.5
    return jax.tree.map(lambda a, b: jnp.where(poor, a, b), new, walkers)


def log_mean(a):
    """The log of the mean of exp(a)."""
    return jax.nn.logsumexp(a) - jnp.log(a.shape[0])


def share_effective(log_weights):
    """(mean w)^2 / mean w^2, from 1 / n to 1."""
    return jnp.exp(2 * log_mean(log_weights) - log_mean(2 * log_weights))
