"""The samplers' orders in their step, and the swaps of parallel tempering: reversible, invariant.

Random tests have fixed seeds; with fresh ones each would fail at the rate that is told beside it.
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


def refused(sampler):
    """The share of moves from the target that is refused."""
    x = jnp.asarray(from_skewed(NUM, seed=3), jnp.float32)
    return 1 - np.asarray(_run(sampler, skewed, x, 1, jr.key(1)).accepted).mean()


@pytest.mark.full
def test_hmcs_refusals_are_of_the_second_order_in_its_leapfrog():
    """Of half the step, twice as many for the same path: a quarter. 3 % are six standard errors."""
    coarse, fine = refused(HMC(0.02, num_leapfrogs=4)), refused(HMC(0.005, num_leapfrogs=8))
    assert coarse > 0.01
    assert coarse / fine == pytest.approx(4, rel=0.15)


@pytest.mark.full
def test_malas_refusals_are_of_the_order_three_halves_in_its_step():
    """One leapfrog of sqrt(2 h): its energy is off by h^(3/2), so that of h / 4 an eighth is."""
    coarse, fine = refused(MALA(0.08)), refused(MALA(0.02))
    assert coarse > 0.01
    assert coarse / fine == pytest.approx(8, rel=0.15)


def after(time, num_steps):
    """Mean map and covariance after BAOAB's steps, on E = 2 x^2, where all of it is linear."""
    sampler = UnderdampedLangevin((time / num_steps) ** 2 / 2, friction=0.7)
    narrow = lambda x: 2 * x @ x

    def step(place, noise):
        state = UnderdampedState(place[:1], place[1:], jax.grad(narrow)(place[:1]))
        new = sampler.step(narrow, state, noise)
        return jnp.concatenate([new.x, new.momentum])

    with jax.enable_x64(True):
        moved, shaken = jax.jacobian(step, argnums=(0, 1))(jnp.zeros(2), jnp.zeros(1))
    moved, shaken = np.asarray(moved), np.asarray(shaken)
    covariance = np.zeros((2, 2))
    for _ in range(num_steps):
        covariance = moved @ covariance @ moved.T + shaken @ shaken.T
    return np.linalg.matrix_power(moved, num_steps), covariance


def test_baoab_is_of_weak_order_two_in_its_own_step():
    """Against the equation's own mean and covariance at time 1: half the step, a quarter."""
    drift = np.array([[0.0, 1.0], [-4.0, -0.7]])
    stationary, map_ = np.diag([1 / 4, 1.0]), scipy.linalg.expm(drift)
    exact = map_, stationary - map_ @ stationary @ map_.T
    for truth, coarse, fine in zip(exact, after(1.0, 10), after(1.0, 20), strict=True):
        np.testing.assert_allclose((coarse - truth) / (fine - truth), 4, rtol=0.1)
    long, epsilon = after(40.0, 100)[1], 0.4  # and of the positions nothing is left
    assert long[0, 0] == pytest.approx(1 / 4, rel=1e-5)
    assert long[1, 1] == pytest.approx(1 - epsilon**2, rel=1e-5)  # 1 - 4 epsilon^2 / 4


def tempered_pairs(temperature, num=NUM):
    """Independent draws of two replicas: of exp(-E), and of exp(-E / temperature)."""
    x = np.linspace(-9, 9, 400_001)
    energy, rng = x**4 / 4 - x**2 + 0.5 * x, np.random.default_rng(5)
    drawn = []
    for t in (1.0, temperature):
        cumulative = np.cumsum(np.exp(-energy / t))
        drawn.append(np.interp(rng.uniform(size=num), cumulative / cumulative[-1], x))
    return np.stack(drawn, axis=1)[:, :, None]


def stepped(step_size, start):
    """Replicas after one step, from given places."""
    sampler = ParallelTempering(step_size, num_replicas=2, temperature=6.0)

    @jax.jit
    def one(places, key):
        state = sampler.init(skewed, places[0])
        at = jax.vmap(MALA(step_size).init, in_axes=(None, 0))(skewed, places)
        return sampler.step(skewed, state._replace(x=places[0], replicas=at), key)

    places = jnp.asarray(start, jnp.float32)
    state = jax.jit(jax.vmap(one))(places, jr.split(jr.key(4), len(start)))
    return np.asarray(state.replicas.x, np.float64)[..., 0], float(np.mean(state.swapped))


@pytest.mark.full
def test_swaps_are_reversible():
    """Detailed balance of the pair, where moves are as good as none.

    Four functions of both replicas at 4.5 standard errors: fails once in 40,000.
    """
    start = tempered_pairs(6.0)
    (a, b), (moved, share) = start[..., 0].T, stepped(1e-12, start)
    c, d = moved.T
    assert 0.1 < share < 0.9
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
    # power: swaps that are always made are told at once
    assert abs(np.mean(a**2) - np.mean(b**2)) > 0.1


@pytest.mark.full
def test_a_step_of_tempering_leaves_every_replicas_law_alone():
    """Kolmogorov-Smirnov against fresh draws, p > 1e-3 twice: fails once in 500."""
    moved, share = stepped(0.15, tempered_pairs(6.0, 100_000))
    fresh = tempered_pairs(6.0, 130_000)[30_000:, :, 0]
    assert share > 0.1
    for k in range(2):
        assert scipy.stats.ks_2samp(moved[:, k], fresh[:, k]).pvalue > 1e-3
    assert scipy.stats.ks_2samp(moved[:, 0], fresh[:, 1]).pvalue < 1e-6  # it can tell
