"""Orders of samplers in the step size; reversibility and invariance of parallel tempering.

Random tests have fixed seeds; the rate at which each would fail with other seeds is stated.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from samplers.test_langevin import from_skewed, skewed

from ebmark.samplers import HMC, MALA, ParallelTempering, UnderdampedLangevin, run_chains
from ebmark.samplers._underdamped import UnderdampedState

_run = jax.jit(run_chains, static_argnums=(1, 3))
NUM = 400_000


def rejection_rate(sampler):
    """Fraction of proposals from the target that are rejected."""
    x = jnp.asarray(from_skewed(NUM, seed=3), jnp.float32)
    return 1 - np.asarray(_run(sampler, skewed, x, 1, jr.key(1)).accepted).mean()


@pytest.mark.full
def test_hmc_rejection_rate_is_second_order():
    """Twice as many leapfrog steps of half the size: a quarter. 3% are six standard errors.

    The lengths are uniform on 8 to 16 steps, and on 16 to 32 half steps: the same range.
    """
    coarse = rejection_rate(HMC(0.02, num_leapfrogs=16))
    fine = rejection_rate(HMC(0.005, num_leapfrogs=32))
    assert coarse > 0.01
    assert coarse / fine == pytest.approx(4, rel=0.15)


@pytest.mark.full
def test_mala_rejection_rate_is_order_1_5():
    """The energy error of one leapfrog of sqrt(2 h) is O(h^(3/2)): an eighth at h / 4."""
    coarse = rejection_rate(MALA(0.08))
    fine = rejection_rate(MALA(0.02))
    assert coarse > 0.01
    assert coarse / fine == pytest.approx(8, rel=0.15)


def moments_after(time, num_steps):
    """Mean map and covariance after steps of BAOAB on E = 2 x^2, where they are linear."""
    sampler = UnderdampedLangevin((time / num_steps) ** 2 / 2, friction=0.7)
    narrow = lambda x: 2 * x @ x

    def step(place, noise):
        state = UnderdampedState(place[:1], place[1:], jax.grad(narrow)(place[:1]))
        new = sampler.move(narrow, state, noise)
        return jnp.concatenate([new.x, new.momentum])

    with jax.enable_x64(True):
        jacobians = jax.jacobian(step, argnums=(0, 1))(jnp.zeros(2), jnp.zeros(1))
    drift, diffusion = (np.asarray(jacobian) for jacobian in jacobians)
    covariance = np.zeros((2, 2))
    for _ in range(num_steps):
        covariance = drift @ covariance @ drift.T + diffusion @ diffusion.T
    return np.linalg.matrix_power(drift, num_steps), covariance


@pytest.mark.slow
def test_baoab_has_weak_order_two():
    """Errors of mean and covariance at time 1 decrease to a quarter at half the step size."""
    drift = np.array([[0.0, 1.0], [-4.0, -0.7]])
    stationary = np.diag([1 / 4, 1.0])
    mean_map = scipy.linalg.expm(drift)
    expected = mean_map, stationary - mean_map @ stationary @ mean_map.T
    for exact, coarse, fine in zip(
        expected, moments_after(1.0, 10), moments_after(1.0, 20), strict=True
    ):
        np.testing.assert_allclose((coarse - exact) / (fine - exact), 4, rtol=0.1)
    # the stationary variance of the positions is exact
    long = moments_after(40.0, 100)[1]
    epsilon = 0.4
    assert long[0, 0] == pytest.approx(1 / 4, rel=1e-5)
    assert long[1, 1] == pytest.approx(1 - epsilon**2, rel=1e-5)  # 1 - 4 epsilon^2 / 4


def tempered_pairs(temperature, num=NUM):
    """Independent samples of two replicas: exp(-E) and exp(-E / temperature)."""
    x = np.linspace(-9, 9, 400_001)
    energy = x**4 / 4 - x**2 + 0.5 * x
    rng = np.random.default_rng(5)
    replicas = []
    for t in (1.0, temperature):
        cumulative = np.cumsum(np.exp(-energy / t))
        replicas.append(np.interp(rng.uniform(size=num), cumulative / cumulative[-1], x))
    return np.stack(replicas, axis=1)[:, :, None]


def tempering_step(step_size, start):
    """Replicas after one step from given points, and the swap rate."""
    sampler = ParallelTempering(step_size, num_replicas=2, temperature=6.0)

    @jax.jit
    def step(points, key):
        state = sampler.init(skewed, points[0])
        replicas = jax.vmap(MALA(step_size).init, in_axes=(None, 0))(skewed, points)
        return sampler.step(skewed, state._replace(x=points[0], replicas=replicas), key)

    points = jnp.asarray(start, jnp.float32)
    state = jax.jit(jax.vmap(step))(points, jr.split(jr.key(4), len(start)))
    return np.asarray(state.replicas.x, np.float64)[..., 0], float(np.mean(state.swapped))


@pytest.mark.full
def test_tempering_swaps_are_reversible():
    """Detailed balance of the pair, with a negligible step size.

    Four functions of both replicas at 4.5 standard errors: fails once in 40,000.
    """
    start = tempered_pairs(6.0)
    moved, swap_rate = tempering_step(1e-12, start)
    a, b = start[..., 0].T
    c, d = moved.T
    assert 0.1 < swap_rate < 0.9
    assert np.mean(np.isclose(a, c, atol=1e-3) | np.isclose(a, d, atol=1e-3)) > 0.999
    pairs = [
        (lambda x, y: x, lambda x, y: y),
        (lambda x, y: x**2, lambda x, y: np.cos(y)),
        (lambda x, y: x * y, lambda x, y: np.ones_like(y)),
        (lambda x, y: np.ones_like(x), lambda x, y: x**2),
    ]
    for f, g in pairs:
        gap = f(a, b) * g(c, d) - f(c, d) * g(a, b)
        assert abs(gap.mean()) < 4.5 * gap.std() / np.sqrt(len(gap))
    # power: swaps that are always accepted would be detected
    assert abs(np.mean(a**2) - np.mean(b**2)) > 0.1


@pytest.mark.full
def test_tempering_step_is_invariant():
    """Kolmogorov-Smirnov against independent samples, p > 1e-3 twice: fails once in 500."""
    moved, swap_rate = tempering_step(0.15, tempered_pairs(6.0, 100_000))
    expected = tempered_pairs(6.0, 130_000)[30_000:, :, 0]
    assert swap_rate > 0.1
    for k in range(2):
        assert scipy.stats.ks_2samp(moved[:, k], expected[:, k]).pvalue > 1e-3
    assert scipy.stats.ks_2samp(moved[:, 0], expected[:, 1]).pvalue < 1e-6  # power
