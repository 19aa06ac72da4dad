"""Energy Matching's parts: pairs by transport, straight flows, and chains that warm up."""

import dataclasses

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.optimize

from ebmark.methods import EnergyMatching
from ebmark.methods._em import EnergyMatchingState
from ebmark.methods.families._flow_matching import flow_matching, pair

X = jr.normal(jr.key(0), (128, 2))


def test_pair_far_points_with_neighbors():
    """The corners of a square, each moved a little: another's pair is e^-20 as likely."""
    corners = 100.0 * jnp.array([[1, 1], [1, -1], [-1, -1], [-1, 1]], jnp.float32)
    order = jnp.array([2, 0, 3, 1])
    np.testing.assert_allclose(pair(corners, (corners + 1)[order], jr.key(3)), corners + 1)


def test_pair_cost_near_optimal_assignment():
    """Within a fifth of scipy's least cost, where pairs at random cost five times as much."""
    x, y = X[:64], jr.normal(jr.key(4), (64, 2)) + 1.0
    costs = np.square(x[:, None] - y).sum(axis=-1)
    best = costs[scipy.optimize.linear_sum_assignment(costs)].mean()
    found = np.mean(
        [np.square(x - pair(x, y, key)).sum(axis=-1).mean() for key in jr.split(jr.key(5), 50)]
    )
    assert found < 1.2 * best < 0.6 * costs.mean()


@pytest.mark.parametrize("num", [64, 128, 33, 1])
def test_pair_returns_rows(num):
    y = jr.normal(jr.key(6), (num, 2))
    partners = np.asarray(pair(X[:num], y, jr.key(7)))
    assert {tuple(row) for row in partners} <= {tuple(row) for row in np.asarray(y)}


def test_flow_loss_0_for_straight_flow_only():
    """All noise goes to m: v(x) at time t is (m - x_0), whatever x_0; as data, m many times."""
    m = jnp.array([3.0, -1.0])
    noise, data = X, jnp.broadcast_to(m, X.shape)

    def loss(velocity):
        return float(flow_matching(velocity, noise, data, jr.key(8), path_std=0.0))

    # on the way x_t - m = (1 - t)(x_0 - m): the direction is known, the length is 1 - t's
    toward = loss(lambda x: (m - x) * 2)
    away = loss(lambda x: x - m)
    still = loss(lambda x: 0 * x)
    assert toward < still < away
    one = jnp.zeros((256, 2))  # a single start: the speed is constant
    exact = flow_matching(lambda x: m, one, jnp.broadcast_to(m, one.shape), jr.key(9), path_std=0.0)
    assert float(exact) == pytest.approx(0, abs=1e-10)


def test_flow_weight_decays_after_decay_start():
    """A velocity that is wrong by c everywhere costs |c|^2 times the weight's mean, .9."""
    zeros, m, c = jnp.zeros((40_000, 2)), jnp.array([3.0, -1.0]), jnp.array([0.6, 0.8])
    data = jnp.broadcast_to(m, zeros.shape)
    found = float(flow_matching(lambda x: m + c, zeros, data, jr.key(10)))
    error = 4 * np.sqrt((0.8 + 0.2 / 3 - 0.9**2) / 40_000)
    assert found == pytest.approx(0.9, abs=error)
    late = flow_matching(lambda x: m + c, zeros, data, jr.key(10), decay_start=0.0)
    assert float(late) == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 40_000))


def test_sampler_reaches_gaussian_at_temperature():
    """V = e |x|^2 / 2: the noise falls in while it is cold, then warms up to exp(-V / e), any e."""
    method = EnergyMatching(temperature=0.5, sampler_steps=1_000)
    state = EnergyMatchingState(jnp.array(0.02), jnp.array(0), jnp.zeros(2))
    draw = jax.jit(
        lambda method, key: method.sample(lambda x: 0.5 * x @ x, state, 4_000, key),
        static_argnums=0,
    )
    h = 0.5 * 0.02  # the step, in E's units: its stationary variance is 1 / (1 - h / 2)
    end = draw(method, jr.key(11))
    assert np.var(end, axis=0) == pytest.approx([1 / (1 - h / 2)] * 2, rel=0.1)
    cold = draw(dataclasses.replace(method, sampler_steps=40), jr.key(11))  # t = .8, still cold
    assert np.var(cold, axis=0) == pytest.approx([(1 - h) ** 80] * 2, rel=0.1)


@pytest.mark.parametrize("precision", [0.7, 1.0, 1.4])
def test_contrastive_gap_closed_form(precision):
    """From N(0, I), chains of E = L |x|^2 / 2 end at N(0, v I), and the gap is L (1 - v): 0 where E
    is the law's own, else more than its error from 0. It alone is seen: without a weight the loss
    is less by temperature times the gap."""
    state = EnergyMatchingState(jnp.array(0.02), jnp.array(10**6), jnp.zeros(2))
    batch = jr.normal(jr.key(12), (20_000, 2))  # half of them have chains
    one, none = EnergyMatching(weight=1.0), EnergyMatching(weight=0.0)

    @jax.jit
    def gap(precision):
        energy = lambda x: 0.5 * precision * x @ x
        both = [method.loss(energy, batch, state, jr.key(13))[0] for method in (one, none)]
        return (both[0] - both[1]) / one.temperature

    h = 0.02 * one.temperature
    a2 = (1 - h * precision) ** (2 * one.num_steps)  # what is left of the start's variance
    s2 = 2 * h * (1 - a2) / (1 - (1 - h * precision) ** 2)  # what the noise has brought
    wanted = precision * (1 - a2 - s2)
    error = precision * np.sqrt((1 - a2) ** 2 + 2 * a2 * s2 + s2**2) / np.sqrt(10_000)
    assert float(gap(precision)) == pytest.approx(wanted, abs=4.5 * error)  # once in 150,000
    assert (abs(wanted) > 4.5 * error) == (precision != 1.0)
