r"""Weighted particles that follow a changing energy: sequential Monte Carlo along training.

The energy changes from $E_{old}$ to $E$ at each update of training. Particles $x_i$ with log
weights $A_i$ remain a weighted sample of $e^{-E} / Z$ by the following steps:

1. Resample systematically if the effective sample size is below one half of the particles; the
   mean weight moves to the running estimate of $\log Z$.
2. Optionally propose an independent draw of $N(0, s^2 I)$ for each particle, where $s$ is
   `jump_scale`, and accept it by the Metropolis-Hastings rule.
3. Reweight to the new energy: $A_i \leftarrow A_i + E_{old}(x_i) - E(x_i)$.
4. Move by MALA, which leaves $e^{-E} / Z$ invariant, or by unadjusted Langevin steps, whose bias
   the weights correct: $A_i \leftarrow A_i + \log \frac{e^{-E(y)} q(x | y)}{e^{-E(x)} q(y | x)}$
   for a step from $x$ to $y$.

Then $\log Z = \log Z_{resampled} + \log \frac1n \sum_i e^{A_i}$. Step 2 reweights before its moves
as well, so that step 3 changes nothing after it.

References: Carbone, Hua, Coste & Vanden-Eijnden (2023), Efficient training of energy-based models
using Jarzynski equality, proposition 1, there with unadjusted steps that precede the reweighting.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Energy, Key, cast_like, stop_gradient
from ebmark.samplers._base import trace_chains
from ebmark.samplers._mala import MALA
from ebmark.system.devices import shard

# fraction of effective particles below which they are resampled
_MIN_ESS_FRACTION = 0.5


class Particles(NamedTuple):
    """A weighted sample of exp(-E) / Z.

    `energies` are those of the particles under the energy that they last followed, `log_z` is the
    part of log Z that resampling has moved out of the weights.
    """

    x: Float[Array, "particles dim"]
    energies: Float[Array, " particles"]
    log_weights: Float[Array, " particles"]
    log_z: Scalar

    @classmethod
    def of_normal(cls, num: int, dim: int, key: Key) -> "Particles":
        """Draw equally weighted particles from N(0, I), whose energy is normalized (log Z = 0)."""
        x = jr.normal(key, (num, dim))
        energies = 0.5 * jnp.sum(x**2, axis=1) + 0.5 * dim * jnp.log(2 * jnp.pi)
        return cls(x, energies, jnp.zeros(num), jnp.array(0.0))


def smc_update(
    particles: Particles,
    energy: Energy,
    step_size: float | Scalar,
    num_steps: int,
    key: Key,
    *,
    adjusted: bool = True,
    jump_scale: float | Scalar = 0.0,
) -> Particles:
    """Let particles follow a change of the energy: resample, propose jumps, reweight and move.

    Args:
        particles: a weighted sample of the previous energy.
        energy: the new energy, a map from one point to a scalar; its parameters get no gradient.
        step_size: h of the Langevin proposals.
        num_steps: number of Langevin steps.
        key: PRNG key.
        adjusted: whether the steps are Metropolis-adjusted (MALA).
        jump_scale: standard deviation of the independence proposals; 0 for none.

    Returns:
        A weighted sample of the new energy.
    """
    resample_key, jump_key, move_key = jr.split(key, 3)
    particles = resample(particles, resample_key)
    if jump_scale:
        particles = jump(particles, energy, jump_scale, jump_key)
    if adjusted:
        return move(particles, energy, step_size, num_steps, move_key)
    return move_unadjusted(particles, energy, step_size, num_steps, move_key)


def move(
    particles: Particles, energy: Energy, step_size: float | Scalar, num_steps: int, key: Key
) -> Particles:
    """Reweight the particles to the energy and move them by MALA."""
    kernel = MALA(step_size)
    energy = stop_gradient(energy)
    states = jax.vmap(kernel.init, in_axes=(None, 0))(energy, shard(particles.x))
    log_weights = reweight(particles, states.energy)
    states, _ = trace_chains(kernel, energy, states, 1, key, every=num_steps)
    return Particles(states.x, states.energy, log_weights, particles.log_z)


def move_unadjusted(
    particles: Particles, energy: Energy, step_size: float | Scalar, num_steps: int, key: Key
) -> Particles:
    """Reweight the particles and move them by Langevin steps, each corrected in the weights."""
    h = step_size
    energy_and_gradient = jax.vmap(jax.value_and_grad(stop_gradient(energy)))
    x = shard(particles.x)
    energies, gradients = energy_and_gradient(x)
    log_weights = reweight(particles, energies)

    def step(carry: tuple, key: Key) -> tuple[tuple, None]:
        x, energies, gradients, log_weights = carry
        y = x - h * gradients + jnp.sqrt(2 * h) * jr.normal(key, x.shape)
        new_energies, new_gradients = energy_and_gradient(y)
        forward = jnp.sum((y - x + h * gradients) ** 2, axis=1)
        backward = jnp.sum((x - y + h * new_gradients) ** 2, axis=1)
        log_ratio = energies - new_energies + (forward - backward) / (4 * h)
        new = (y, new_energies, new_gradients, log_weights + log_ratio)
        return cast_like(new, carry), None

    start = (x, energies, gradients, log_weights)
    (x, energies, _, log_weights), _ = jax.lax.scan(step, start, jr.split(key, num_steps))
    return Particles(x, energies, log_weights, particles.log_z)


def jump(particles: Particles, energy: Energy, jump_scale: float | Scalar, key: Key) -> Particles:
    """Reweight the particles and propose a draw of N(0, jump_scale^2 I) for each (Metropolis)."""
    jump_key, accept_key = jr.split(key)
    energy_of_rows = jax.vmap(stop_gradient(energy))
    x = shard(particles.x)
    y = jump_scale * jr.normal(jump_key, x.shape)
    energies = energy_of_rows(x)
    new_energies = energy_of_rows(y)
    log_weights = reweight(particles, energies)
    log_ratio = energies - new_energies + jnp.sum(y**2 - x**2, axis=1) / (2 * jump_scale**2)
    # NaN compares false, so such a proposal is rejected
    accepted = jnp.log(jr.uniform(accept_key, log_ratio.shape)) < log_ratio
    x = jnp.where(accepted[:, None], y, x)
    energies = jnp.where(accepted, new_energies, energies)
    return Particles(x, energies, log_weights, particles.log_z)


def reweight(
    particles: Particles, energies: Float[Array, " particles"]
) -> Float[Array, " particles"]:
    """Return the log weights of the particles under an energy with these values at them."""
    return particles.log_weights + particles.energies - energies


def resample(particles: Particles, key: Key) -> Particles:
    """Resample systematically if the effective sample size is below one half, else do nothing."""
    num = particles.x.shape[0]
    positions = (jnp.arange(num) + jr.uniform(key)) / num
    cumulative = jnp.cumsum(jax.nn.softmax(particles.log_weights))
    indices = jnp.minimum(jnp.searchsorted(cumulative, positions), num - 1)
    log_z = particles.log_z + log_mean(particles.log_weights)
    new = Particles(particles.x[indices], particles.energies[indices], jnp.zeros(num), log_z)
    is_degenerate = ess_fraction(particles.log_weights) < _MIN_ESS_FRACTION
    return jax.tree.map(lambda a, b: jnp.where(is_degenerate, a, b), new, particles)


def log_z(particles: Particles, energy: Energy) -> Scalar:
    """Estimate log Z of an energy close to the one that the particles follow."""
    return particles.log_z + log_mean(reweight(particles, jax.vmap(energy)(particles.x)))


def log_mean(a: Float[Array, " n"]) -> Scalar:
    """Return the logarithm of the mean of exp(a)."""
    return jax.nn.logsumexp(a) - jnp.log(a.shape[0])


def ess_fraction(log_weights: Float[Array, " n"]) -> Scalar:
    """Return the normalized effective sample size (mean w)^2 / mean w^2, in [1/n, 1]."""
    return jnp.exp(2 * log_mean(log_weights) - log_mean(2 * log_weights))
