r"""Draws from the conditionals of an energy, one per row, with log Z of each.

Each row has particles of its own, which follow the geometric path from a Gaussian to the energy by
sequential Monte Carlo. Its levels and step sizes are adapted to the row within the compiled
program: so rows of all patterns of free coordinates share one program.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Scalar

from ebmark.energies import Energy, Key, Point
from ebmark.partition_function._annealing import (
    MAX_STEPS,
    Walk,
    evaluate_both_ends,
    move_particles,
    resample_walk,
)
from ebmark.system.devices import full_matmul_precision
from ebmark.system.random_numbers import normal, split

# rows of one call of the compiled program
_BATCH_SIZE = 32
# of the weights from one level to the next, a fraction of the particles
_ESS = 0.5
_ACCEPTANCE = 0.8
# at the energy itself, after the last level
_NUM_MOVES = 12
_NUM_BISECTIONS = 25


class RowMaps(NamedTuple):
    r"""The free coordinates of each row as an affine function of $u \sim N(0, I)$.

    $$ z = s + B u $$

    Attributes:
        shifts: s.
        matrices: B, whose columns are zero where `is_free` is false.
        is_free: which entries of u move z.
    """

    shifts: Float[np.ndarray, "rows dim"]
    matrices: Float[np.ndarray, "rows dim dim"]
    is_free: Bool[np.ndarray, "rows dim"]


class RowDraws(NamedTuple):
    r"""Draws by row.

    Attributes:
        z: the draws.
        log_z: estimates of $\log \int e^{-E(s + B u)} du$ over the free entries of u, in nats.
        is_finished: whether the particles of a row have reached the energy.
    """

    z: Float[np.ndarray, "rows particles dim"]
    log_z: Float[np.ndarray, " rows"]
    is_finished: Bool[np.ndarray, " rows"]


def draw_rows(energy: Energy, maps: RowMaps, key: Key, *, num_particles: int = 64) -> RowDraws:
    r"""Draw from the density proportional to $e^{-E(s + B u)}$ in u, for each row.

    Args:
        energy: maps one point, shape (dim,), to a scalar.
        maps: s and B by row. With u from N(0, I), z should have about the mean and the covariance
            of the conditional.
        key: PRNG key.
        num_particles: draws per row.

    References: Del Moral, Doucet & Jasra (2006), Sequential Monte Carlo samplers.
    """
    num_rows = len(maps.shifts)
    num_batches = -(-num_rows // _BATCH_SIZE)
    filled = np.resize(np.arange(num_rows), num_batches * _BATCH_SIZE)
    batches = []
    for indices, batch_key in zip(
        np.split(filled, num_batches), split(key, num_batches), strict=True
    ):
        shifts, matrices = (np.asarray(a[indices], np.float32) for a in maps[:2])
        start_key, path_key = split(batch_key)
        u = normal(start_key, (_BATCH_SIZE, num_particles, shifts.shape[1]))
        keys = jr.split(path_key, _BATCH_SIZE)
        draws = _draw_batch(energy, shifts, matrices, maps.is_free[indices], u, keys)
        batches.append([np.asarray(a) for a in draws])
    z, log_z, is_finished = (np.concatenate(a)[:num_rows] for a in zip(*batches, strict=True))
    return RowDraws(z.astype(np.float64), log_z.astype(np.float64), is_finished)


class _StandardNormal(eqx.Module):
    def log_prob(self, x: Point) -> Scalar:
        return -0.5 * jnp.sum(x**2) - 0.5 * len(x) * jnp.log(2 * jnp.pi)


class _State(NamedTuple):
    key: Key
    walk: Walk
    beta: Scalar
    step_size: Scalar
    num_levels: Int[Array, ""]
    num_moves: Int[Array, ""]


@full_matmul_precision
@eqx.filter_jit
def _draw_batch(
    energy: Energy, shifts: Array, matrices: Array, is_free: Array, starts: Array, keys: Array
) -> tuple[Array, Array, Array]:
    def draw(shift: Array, matrix: Array, free: Array, u: Array, key: Key) -> tuple:
        def row_energy(u: Point) -> Scalar:
            # the other entries stay N(0, I), so that the density is proper
            return energy(shift + matrix @ u) + 0.5 * jnp.sum(jnp.where(free, 0.0, u) ** 2)

        walk, beta = _anneal(row_energy, u, key)
        log_z = walk.log_z - 0.5 * jnp.sum(~free) * jnp.log(2 * jnp.pi)
        return shift + walk.particles.x @ matrix.T, log_z, beta >= 1

    return jax.vmap(draw)(shifts, matrices, is_free, starts, keys)


def _anneal(energy: Energy, x: Float[Array, "particles dim"], key: Key) -> tuple[Walk, Scalar]:
    """Follow the path from draws of N(0, I), then move on; return the walk and its last beta."""
    base = _StandardNormal()
    num, dim = x.shape

    def is_going(state: _State) -> Bool[Array, ""]:
        return (state.num_moves < _NUM_MOVES) & (state.num_levels < MAX_STEPS)

    def take(state: _State) -> _State:
        key, resample_key, move_key = jr.split(state.key, 3)
        gap = state.walk.particles.gap()
        increment = _next_increment(gap, 1 - state.beta)
        # the rest of the way is taken at once; without a step, infinite energies would give NaN
        change = jnp.where(increment == 0, 0.0, increment * gap)
        walk = resample_walk(state.walk._replace(log_weights=-change), resample_key)
        beta = jnp.where(increment == 1 - state.beta, 1.0, state.beta + increment)
        level = jnp.stack([1 - beta, beta])
        particles, acceptance = move_particles(
            base, energy, walk.particles, level, state.step_size, move_key
        )
        return _State(
            key,
            walk._replace(particles=particles, acceptance=acceptance),
            beta,
            state.step_size * jnp.exp(acceptance - _ACCEPTANCE),
            state.num_levels + 1,
            state.num_moves + (state.beta >= 1),
        )

    walk = Walk(evaluate_both_ends(base, energy, x), jnp.zeros(num), jnp.array(0.0), jnp.array(0.0))
    zero = jnp.array(0)
    start = _State(key, walk, jnp.array(0.0), jnp.array(dim**-0.25), zero, zero)
    end = jax.lax.while_loop(is_going, take, start)
    return end.walk, end.beta


def _next_increment(gap: Float[Array, " particles"], longest: Scalar) -> Scalar:
    """Return the increment of beta at which the effective sample size is the fraction `_ESS`."""
    num = len(gap)

    def is_above(increment: Scalar) -> Bool[Array, ""]:
        log_weights = -increment * gap
        log_ess = 2 * jax.nn.logsumexp(log_weights) - jax.nn.logsumexp(2 * log_weights)
        return log_ess >= jnp.log(_ESS * num)

    def halve(_: Array, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        middle = (ends[0] + ends[1]) / 2
        above = is_above(middle)
        return jnp.where(above, middle, ends[0]), jnp.where(above, ends[1], middle)

    _, high = jax.lax.fori_loop(0, _NUM_BISECTIONS, halve, (jnp.zeros_like(longest), longest))
    return jnp.where(is_above(longest), longest, high)
