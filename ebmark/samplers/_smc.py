"""Weighted walkers that follow a changing energy: sequential Monte Carlo along training."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies import stop_gradient
from ebmark.samplers._base import trace_chains
from ebmark.samplers._mala import MALA
from ebmark.system.devices import shard


class Particles(NamedTuple):
    x: Float[Array, "walkers dim"]
    energies: Float[Array, " walkers"]  # of the parameters that they last moved under
    log_weights: Float[Array, " walkers"]
    log_z: Scalar  # what resampling took out of the weights

    @classmethod
    def of_normal(cls, num, dim, key):
        x = jr.normal(key, (num, dim))
        base = 0.5 * jnp.sum(x**2, axis=1) + 0.5 * dim * jnp.log(2 * jnp.pi)
        return cls(x, base, jnp.zeros(num), jnp.array(0.0))


def smc_update(particles, energy, step_size, num_steps, key, *, adjusted=True, jump_scale=0.0):
    """Resampled where they need it, reweighted to the energy, and moved under it.

    With a `reach`, they first may jump; then come steps of MALA, or unadjusted ones.
    """
    resample_key, jump_key, move_key = jr.split(key, 3)
    particles = resample(particles, resample_key)
    if jump_scale:
        particles = jump(particles, energy, jump_scale, jump_key)
    return (move if adjusted else moved_unadjusted)(
        particles, energy, step_size, num_steps, move_key
    )


def move(particles, energy, step_size, num_steps, key):
    """Reweighted to the energy, then moved by MALA, which needs no correction."""
    kernel, energy = MALA(step_size), stop_gradient(energy)
    states = jax.vmap(kernel.init, in_axes=(None, 0))(energy, shard(particles.x))
    log_weights = reweight(particles, states.energy)
    states, _ = trace_chains(kernel, energy, states, 1, key, every=num_steps)
    return Particles(states.x, states.energy, log_weights, particles.log_z)


def moved_unadjusted(particles, energy, step_size, num_steps, key):
    """Reweighted to the energy, then moved by Langevin steps, each with its own correction."""
    h, slope = step_size, jax.vmap(jax.value_and_grad(stop_gradient(energy)))
    x = shard(particles.x)
    values, slopes = slope(x)
    log_weights = reweight(particles, values)

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
    return Particles(x, values, log_weights, particles.log_z)


def jump(particles, energy, jump_scale, key):
    """Reweighted to the energy; each then proposes a draw of N(0, reach^2 I): Metropolis' rule."""
    jump_key, accept_key = jr.split(key)
    x, energy = shard(particles.x), jax.vmap(stop_gradient(energy))
    y = jump_scale * jr.normal(jump_key, x.shape)
    values, there = energy(x), energy(y)
    log_weights = reweight(particles, values)
    log_ratio = values - there + jnp.sum(y**2 - x**2, axis=1) / (2 * jump_scale**2)
    accepted = jnp.log(jr.uniform(accept_key, log_ratio.shape)) < log_ratio  # NaN: refused
    x = jnp.where(accepted[:, None], y, x)
    return Particles(x, jnp.where(accepted, there, values), log_weights, particles.log_z)


def reweight(particles, values):
    """Their log-weights under an energy that has these values where they are."""
    return particles.log_weights + particles.energies - values


def resample(particles, key):
    """Systematically, where the effective share is below a half; else as they were."""
    num = particles.x.shape[0]
    ticks = (jnp.arange(num) + jr.uniform(key)) / num
    chosen = jnp.searchsorted(jnp.cumsum(jax.nn.softmax(particles.log_weights)), ticks)
    chosen = jnp.minimum(chosen, num - 1)
    log_z = particles.log_z + log_mean(particles.log_weights)
    new = Particles(particles.x[chosen], particles.energies[chosen], jnp.zeros(num), log_z)
    poor = ess_fraction(particles.log_weights) < 0.5
    return jax.tree.map(lambda a, b: jnp.where(poor, a, b), new, particles)


def log_z(particles, energy):
    """log Z of any energy near the one that they follow: their weights, and a last ratio."""
    return particles.log_z + log_mean(reweight(particles, jax.vmap(energy)(particles.x)))


def log_mean(a):
    """The log of the mean of exp(a)."""
    return jax.nn.logsumexp(a) - jnp.log(a.shape[0])


def ess_fraction(log_weights):
    """(mean w)^2 / mean w^2, from 1 / n to 1."""
    return jnp.exp(2 * log_mean(log_weights) - log_mean(2 * log_weights))
