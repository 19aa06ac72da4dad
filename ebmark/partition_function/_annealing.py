r"""Particles that follow the geometric path from a base density to exp(-E) / Z.

$$ E_\beta(x) = -(1 - \beta) \log p_0(x) + \beta E(x), \quad 0 \le \beta \le 1 $$

The path is linear in $\beta$, so the two energies and the two gradients of a particle give those of
every level: passing to the next level evaluates nothing. Annealed importance sampling in both
directions, sequential Monte Carlo, plain HMC and its quench are one program, `follow`, with other
`Steps`.

References: Neal (2001), Annealed importance sampling; Del Moral, Doucet & Jasra (2006), Sequential
Monte Carlo samplers.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Scalar

from ebmark.energies import Energy, Key
from ebmark.partition_function._bases import Base, MixtureBase
from ebmark.system.devices import full_matmul_precision, replicate, shard
from ebmark.system.random_numbers import normal

# arrays of steps have this length, so that one compiled program serves all schedules
MAX_STEPS = 512
_NUM_LEAPFROGS = 5


class Particles(NamedTuple):
    """Points with the energies of the path's two ends, -log p_0 and E, and their gradients."""

    x: Float[Array, "particles dim"]
    energies: Float[Array, "particles 2"]
    gradients: Float[Array, "particles 2 dim"]

    def gap(self) -> Float[Array, " particles"]:
        """Return E + log p_0, the derivative of E_beta by beta."""
        return self.energies[:, 1] - self.energies[:, 0]


class Steps(NamedTuple):
    """What particles do: reweight by an increment of beta, move, reweight again.

    A move leaves exp(-a E_0 - b E) invariant, where (a, b) are its `levels` and E_0 = -log p_0.
    """

    before: Float[np.ndarray, " steps"]
    levels: Float[np.ndarray, "steps 2"]
    after: Float[np.ndarray, " steps"]
    step_sizes: Float[np.ndarray, " steps"]

    @classmethod
    def at(cls, inverse_temperature: float, step_sizes: Float[np.ndarray, " steps"]) -> "Steps":
        """Move at the target's energy times an inverse temperature; reweight nowhere."""
        zeros = np.zeros(len(step_sizes))
        levels = np.stack([zeros, np.full(len(step_sizes), inverse_temperature)], axis=1)
        return cls(zeros, levels, zeros, step_sizes)


class Schedule(NamedTuple):
    """The levels of a path: inverse temperatures from 0 to 1, and the step size at each but 0."""

    betas: Float[np.ndarray, " levels_and_1"]
    step_sizes: Float[np.ndarray, " levels"]

    def forward(self) -> Steps:
        """From the base: reweight to the next level, then move there."""
        increments = np.diff(self.betas)
        return Steps(increments, self._levels(), np.zeros(len(increments)), self.step_sizes)

    def reverse(self) -> Steps:
        """From the target: move at a level, then reweight to the one below."""
        increments = np.diff(self.betas)[::-1]
        zeros = np.zeros(len(increments))
        return Steps(zeros, self._levels()[::-1], -increments, self.step_sizes[::-1])

    def _levels(self) -> Float[np.ndarray, "levels 2"]:
        return np.stack([1 - self.betas[1:], self.betas[1:]], axis=1)


class Walk(NamedTuple):
    """Particles after some steps, with what the weights say.

    Attributes:
        particles: the particles.
        log_weights: log weights since the last resampling.
        log_z: the part of log Z that resampling has moved out of the weights.
        acceptance: the mean acceptance rate of the moves.
    """

    particles: Particles
    log_weights: Float[Array, " particles"]
    log_z: Scalar
    acceptance: Scalar


@full_matmul_precision
@eqx.filter_jit
def evaluate_particles(
    base: MixtureBase, energy: Energy, x: Float[Array, "particles dim"]
) -> Particles:
    """Evaluate both energies and their gradients at points."""
    return replicate(evaluate_both_ends(base, energy, shard(x)))


def follow(
    base: MixtureBase,
    energy: Energy,
    particles: Particles,
    steps: Steps,
    key: Key,
    *,
    resampled: bool = False,
) -> Walk:
    r"""Let particles follow the path.

    $$ \log w = -\sum_k (\beta_{k+1} - \beta_k)\, (E(x_k) + \log p_0(x_k)) $$

    Args:
        base: the distribution at beta = 0.
        energy: maps one point, shape (dim,), to a scalar: the distribution at beta = 1.
        particles: where they start.
        steps: what they do, at most `MAX_STEPS`.
        key: PRNG key.
        resampled: whether to resample after each reweighting (SMC) or never (AIS).

    Raises:
        ValueError: If there are more than `MAX_STEPS` steps.
    """
    num = len(steps.step_sizes)
    if num > MAX_STEPS:
        raise ValueError(f"'steps' must have at most {MAX_STEPS} steps, got {num}.")

    def pad(array: np.ndarray) -> np.ndarray:
        widths = [(0, MAX_STEPS - num)] + [(0, 0)] * (array.ndim - 1)
        return np.pad(array, widths).astype(np.float32)

    padded = Steps(*map(pad, steps))
    return _follow(base, energy, particles, padded, np.int32(num), np.bool_(resampled), key)


@full_matmul_precision
@eqx.filter_jit
def _follow(
    base: MixtureBase,
    energy: Energy,
    particles: Particles,
    steps: Steps,
    num: Int[Array, ""],
    resampled: Bool[Array, ""],
    key: Key,
) -> Walk:
    def reweight(walk: Walk, increment: Scalar) -> Walk:
        # without a step, an infinite energy would give 0 * inf
        change = jnp.where(increment == 0, 0.0, increment * walk.particles.gap())
        return walk._replace(log_weights=walk.log_weights - change)

    def take(step: Array, walk: Walk) -> Walk:
        resample_key, move_key = jr.split(jr.fold_in(key, step))
        walk = reweight(walk, steps.before[step])
        walk = jax.lax.cond(resampled, resample_walk, lambda walk, _: walk, walk, resample_key)
        level, step_size = steps.levels[step], steps.step_sizes[step]
        particles, acceptance = move_particles(
            base, energy, walk.particles, level, step_size, move_key
        )
        mean = walk.acceptance + (acceptance - walk.acceptance) / (step + 1)
        walk = walk._replace(particles=particles, acceptance=mean)
        return reweight(walk, steps.after[step])

    particles = jax.tree.map(shard, particles)
    start = Walk(particles, jnp.zeros(len(particles.x)), jnp.array(0.0), jnp.array(0.0))
    # every process reads the result
    return replicate(jax.lax.fori_loop(0, num, take, start))


def resample_walk(walk: Walk, key: Key) -> Walk:
    """Copy particles in proportion to their weights, systematically."""
    num = len(walk.log_weights)
    positions = (jnp.arange(num) + jr.uniform(key)) / num
    cumulative = jnp.cumsum(jax.nn.softmax(walk.log_weights))
    indices = jnp.minimum(jnp.searchsorted(cumulative, positions), num - 1)
    return walk._replace(
        particles=jax.tree.map(lambda leaf: leaf[indices], walk.particles),
        log_weights=jnp.zeros(num),
        log_z=walk.log_z + jax.nn.logsumexp(walk.log_weights) - jnp.log(num),
    )


def move_particles(
    base: Base,
    energy: Energy,
    particles: Particles,
    level: Float[Array, " 2"],
    step_size: Scalar,
    key: Key,
) -> tuple[Particles, Scalar]:
    """Take one HMC transition at a level; return the particles and the acceptance rate.

    Each particle's step size is uniform on 0.6 to 1.4 times `step_size`: trajectories of one length
    resonate.
    """
    momentum_key, accept_key, jitter_key = jr.split(key, 3)
    num, dim = particles.x.shape
    momentum = normal(momentum_key, (num, dim))
    epsilon = step_size * jr.uniform(jitter_key, (num, 1), minval=0.6, maxval=1.4)

    def gradient(particles: Particles) -> Float[Array, "particles dim"]:
        return jnp.einsum("b,nbd->nd", level, particles.gradients)

    def leapfrog(_: Array, phase: tuple) -> tuple:
        particles, p = phase
        p = p - epsilon / 2 * gradient(particles)
        particles = evaluate_both_ends(base, energy, particles.x + epsilon * p)
        return particles, p - epsilon / 2 * gradient(particles)

    proposal, p = jax.lax.fori_loop(0, _NUM_LEAPFROGS, leapfrog, (particles, momentum))
    log_ratio = (particles.energies - proposal.energies) @ level
    log_ratio = log_ratio + 0.5 * jnp.sum(momentum**2 - p**2, axis=1)
    # NaN compares false, so such a proposal is rejected
    accepted = jnp.log(jr.uniform(accept_key, (num,))) < log_ratio

    def choose(new: Array, old: Array) -> Array:
        return jnp.where(accepted.reshape((num,) + (1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, proposal, particles), jnp.mean(accepted)


def evaluate_both_ends(base: Base, energy: Energy, x: Float[Array, "particles dim"]) -> Particles:
    base_energy, base_gradient = jax.vmap(jax.value_and_grad(lambda x: -base.log_prob(x)))(x)
    model_energy, model_gradient = jax.vmap(jax.value_and_grad(energy))(x)
    return Particles(
        x,
        jnp.stack([base_energy, model_energy], axis=1),
        jnp.stack([base_gradient, model_gradient], axis=1),
    )
