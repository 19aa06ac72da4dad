"""Parts of Energy Matching: pairs by optimal transport, flow matching, and chains."""

import dataclasses

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.optimize

from ebmark.methods import EnergyMatching
from ebmark.methods._em import EnergyMatchingState
from ebmark.methods.families import _flow_matching

# compiled as a whole, not operation by operation
flow_matching = jax.jit(
    _flow_matching.flow_matching,
    static_argnums=0,
    static_argnames=("decay_start", "path_std"),
)
pair = jax.jit(_flow_matching.pair)

X = jr.normal(jr.key(0), (128, 2))


def test_pair_far_points_with_neighbors():
    """The corners of a square, each moved a little: any other pair has probability e^-20."""
    corners = 100.0 * jnp.array([[1, 1], [1, -1], [-1, -1], [-1, 1]], jnp.float32)
    order = jnp.array([2, 0, 3, 1])
    np.testing.assert_allclose(pair(corners, (corners + 1)[order], jr.key(3)), corners + 1)


@pytest.mark.full
def test_pair_cost_near_optimal_assignment():
    """Within 20% of the minimum by scipy; random pairs cost more than twice as much."""
    x = X[:64]
    y = jr.normal(jr.key(4), (64, 2)) + 1.0
    costs = np.square(x[:, None] - y).sum(axis=-1)
    best = costs[scipy.optimize.linear_sum_assignment(costs)].mean()
    mean_cost = np.mean(
        [np.square(x - pair(x, y, key)).sum(axis=-1).mean() for key in jr.split(jr.key(5), 50)]
    )
    assert mean_cost < 1.2 * best < 0.6 * costs.mean()


@pytest.mark.parametrize("num", [64, 128, 33, 1])
def test_pair_returns_rows(num):
    y = jr.normal(jr.key(6), (num, 2))
    partners = np.asarray(pair(X[:num], y, jr.key(7)))
    assert {tuple(row) for row in partners} <= {tuple(row) for row in np.asarray(y)}


@pytest.mark.full
def test_flow_loss_0_for_straight_flow_only():
    """All data are at m: the velocity is m - x_0 at every time."""
    m = jnp.array([3.0, -1.0])
    data = jnp.broadcast_to(m, X.shape)

    def loss(velocity):
        return float(flow_matching(velocity, X, data, jr.key(8), path_std=0.0))

    # As x_t - m = (1 - t)(x_0 - m), the direction is known but not the length.
    toward = loss(lambda x: (m - x) * 2)
    away = loss(lambda x: x - m)
    still = loss(lambda x: 0 * x)
    assert toward < still < away
    # From a single start point the velocity is constant.
    start = jnp.zeros((256, 2))
    data = jnp.broadcast_to(m, start.shape)
    exact = flow_matching(lambda x: m, start, data, jr.key(9), path_std=0.0)
    assert float(exact) == pytest.approx(0, abs=1e-10)


@pytest.mark.full
def test_flow_weight_decays_after_decay_start():
    """A constant velocity error c costs |c|^2 times the mean weight, 0.9."""
    zeros = jnp.zeros((40_000, 2))
    m = jnp.array([3.0, -1.0])
    c = jnp.array([0.6, 0.8])
    data = jnp.broadcast_to(m, zeros.shape)
    loss = float(flow_matching(lambda x: m + c, zeros, data, jr.key(10)))
    error = 4 * np.sqrt((0.8 + 0.2 / 3 - 0.9**2) / 40_000)
    assert loss == pytest.approx(0.9, abs=error)
    late = flow_matching(lambda x: m + c, zeros, data, jr.key(10), decay_start=0.0)
    assert float(late) == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 40_000))


@pytest.mark.slow
def test_sampler_reaches_gaussian_at_temperature():
    """V = e |x|^2 / 2: variance (1 - h)^(2k) after k noiseless steps, then 1 / (1 - h / 2)."""
    method = EnergyMatching(temperature=0.5, sampler_time=20.0)
    state = EnergyMatchingState(jnp.array(0.02), jnp.array(0), jnp.zeros(2))
    draw = jax.jit(
        lambda method, key: method.sample(lambda x: 0.5 * x @ x, state, 4_000, key),
        static_argnums=0,
    )
    # The step size in units of E; its stationary variance is 1 / (1 - h / 2).
    h = 0.5 * 0.02
    end = draw(method, jr.key(11))
    assert np.var(end, axis=0) == pytest.approx([1 / (1 - h / 2)] * 2, rel=0.1)
    # At t = 0.8 the temperature is still 0.
    cold = draw(dataclasses.replace(method, sampler_time=0.8), jr.key(11))
    assert np.var(cold, axis=0) == pytest.approx([(1 - h) ** 80] * 2, rel=0.1)


def test_sampler_reaches_the_same_time_with_any_step():
    """V = |x|^2 / 4: the variance at t = 2.4, which is not stationary, within 5 standard errors."""
    method = EnergyMatching(temperature=0.5)
    variances = []
    for time_step in (0.01, 0.002):
        state = EnergyMatchingState(jnp.array(time_step), jnp.array(0), jnp.zeros(2))
        end = method.sample(lambda x: 0.5 * x @ x, state, 4_000, jr.key(11))
        variances.append(float(np.var(end)))
    assert variances[0] == pytest.approx(variances[1], rel=5 * np.sqrt(2 * 2 / 8_000))
    assert variances[0] > 0.5


@pytest.mark.full
@pytest.mark.parametrize("precision", [0.7, 1.0, 1.4])
def test_contrastive_gap_closed_form(precision):
    """From N(0, I), chains of E = L |x|^2 / 2 end at N(0, v I), and the gap is L (1 - v).

    It is 0 if E is the energy of the data. Without its weight, the loss is lower by the temperature
    times the gap.
    """
    state = EnergyMatchingState(jnp.array(0.02), jnp.array(10**6), jnp.zeros(2))
    # Half of the points have chains.
    batch = jr.normal(jr.key(12), (20_000, 2))
    weighted = EnergyMatching(weight=1.0)
    unweighted = EnergyMatching(weight=0.0)

    @jax.jit
    def gap(precision):
        energy = lambda x: 0.5 * precision * x @ x
        weighted_loss, _ = weighted.loss(energy, batch, state, jr.key(13))
        unweighted_loss, _ = unweighted.loss(energy, batch, state, jr.key(13))
        return (weighted_loss - unweighted_loss) / weighted.temperature

    h = 0.02 * weighted.temperature
    # Variance of the end points: of the start a2, of the noise s2.
    a2 = (1 - h * precision) ** (2 * weighted.num_steps)
    s2 = 2 * h * (1 - a2) / (1 - (1 - h * precision) ** 2)
    expected = precision * (1 - a2 - s2)
    error = precision * np.sqrt((1 - a2) ** 2 + 2 * a2 * s2 + s2**2) / np.sqrt(10_000)
    assert float(gap(precision)) == pytest.approx(expected, abs=4.5 * error)  # once in 150,000
    assert (abs(expected) > 4.5 * error) == (precision != 1.0)
