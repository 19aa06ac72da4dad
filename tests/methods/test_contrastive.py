"""Noise-contrastive methods and energy discrepancy: optima, limits and gradients.

Random tests have fixed seeds; their tolerances are at least four standard errors.
"""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers.costs import full_unless

from ebmark.datasets import Grid
from ebmark.energies import Offset, Quadratic, gaussian_log_z
from ebmark.errors import UserError
from ebmark.methods import (
    ABOVE_2D,
    METHODS,
    ConditionalNoiseContrastiveEstimation,
    EnergyDiscrepancy,
    ExponentialNoiseContrastiveEstimation,
    FlowContrastiveEstimation,
    NoiseContrastiveEstimation,
    RankingNoiseContrastiveEstimation,
    SelfNormalisedLikelihood,
)
from ebmark.methods._fce import FCEState
from ebmark.methods.noises import NOISES, CouplingFlow
from ebmark.partition_function import evaluate
from ebmark.training import recipes

VARIANCE = 1.7
LOG_Z = gaussian_log_z(1 / VARIANCE, 2)


@pytest.fixture(scope="module")
def gaussian():
    """40,000 points of N(0, 1.7 I), whitened to exactly that covariance and mean 0."""
    return whitened(2)


def whitened(dim):
    x = np.random.default_rng(0).normal(size=(40_000, dim))
    x = x - x.mean(axis=0)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(x.T, bias=True)))
    return jnp.asarray(math.sqrt(VARIANCE) * x @ np.linalg.inv(root).T, jnp.float32)


def quadratic(precision, dim=2):
    return Quadratic(jnp.array(precision), jnp.zeros(dim))


@eqx.filter_jit
def loss_and_slope(method, energy, data, state, keys):
    """The loss and its gradient in the energy, for each key."""
    both = eqx.filter_value_and_grad(lambda e, key: method.loss(e, data, state, key)[0])
    return jax.lax.map(lambda key: both(energy, key), keys)


def mean_and_error(values):
    values = np.asarray(values, np.float64)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(len(values))


def slopes(method, energy, data, state, num=8):
    """Loss and gradient in the precision, each as mean and standard error over `num` keys."""
    loss, slope = loss_and_slope(method, energy, data, state, jr.split(jr.key(3), num))
    inner = slope.energy if isinstance(slope, Offset) else slope
    return mean_and_error(loss), mean_and_error(inner.precision), slope


@pytest.mark.parametrize("noise", full_unless("box".__eq__, ["mixture", "box"]))
def test_nce_fixed_point_for_any_noise(noise, gaussian):
    method = NoiseContrastiveEstimation(noise=noise, scale=2.0)
    state = eqx.filter_jit(method.init)(gaussian, jr.key(0))
    data = gaussian[:10_000]
    energy = Offset(quadratic(1 / VARIANCE), jnp.array(LOG_Z))
    _, (precision, error), slope = slopes(method, energy, data, state, num=4)
    assert abs(precision) < 4 * error + 0.01
    assert abs(float(jnp.mean(slope.constant))) < 0.01
    wrong = Offset(quadratic(1.5 / VARIANCE), jnp.array(LOG_Z))
    assert slopes(method, wrong, data, state, num=4)[1][0] > 0.05


@pytest.mark.parametrize("noise", full_unless(("gaussian", "box").__contains__, NOISES))
def test_nce_minimum_is_jensen_shannon(noise, gaussian):
    r"""$\log 4 - 2\, JS(p, q)$, by quadrature, for data distribution p and noise q.

    0.01 is over two standard errors of 40,000 points. The flow is not fitted, and twice as wide.
    """
    method = NoiseContrastiveEstimation(noise=noise, scale=2.0)
    key = jr.key(3)
    if noise == "flow":
        state = dataclasses.replace(CouplingFlow.untrained(2, jr.key(0)), scale=jnp.array(2.0))
    else:
        state = eqx.filter_jit(method.init)(gaussian[:2_000], jr.key(0))
    energy = Offset(quadratic(1 / VARIANCE), jnp.array(LOG_Z))
    loss = eqx.filter_jit(method.loss)(energy, gaussian, state, key)[0]
    # The noise "self" moves before it is sampled.
    q = eqx.filter_jit(state.follow)(energy, jr.fold_in(key, 1))
    # The density of the flow has jumps at the ends of its splines.
    num = 600 if noise == "flow" else 240
    grid = Grid((-12.0, -12.0), (12.0, 12.0), num)
    log_p = evaluate(lambda x: -energy(x), grid.points())
    log_q = evaluate(q.log_prob, grid.points())
    log_m = np.logaddexp(log_p, log_q) - math.log(2)
    js = 0.5 * sum(np.sum(np.exp(a) * np.where(a > -80, a - log_m, 0)) for a in (log_p, log_q))
    assert float(loss) == pytest.approx(math.log(4) - 2 * js * grid.cell, abs=0.01)
    # Power: the noise differs from the data.
    assert js * grid.cell > 0.02


@pytest.mark.parametrize(
    "method", [ExponentialNoiseContrastiveEstimation(), SelfNormalisedLikelihood()]
)
def test_self_normalized_losses_fixed_point(method, gaussian):
    state = method.init(gaussian, jr.key(0))
    energy = Offset(quadratic(1 / VARIANCE), jnp.array(LOG_Z))
    _, (precision, error), slope = slopes(method, energy, gaussian, state)
    assert abs(precision) < 4 * error + 5e-3
    constant, error = mean_and_error(slope.constant)
    assert abs(constant) < 4 * error + 5e-3
    wrong = Offset(quadratic(1 / VARIANCE), jnp.array(LOG_Z + 0.5))
    shifted = slopes(method, wrong, gaussian, state)[2]
    assert float(jnp.mean(shifted.constant)) > 0.1


def test_ence_minimum_is_twice_affinity(gaussian):
    """2 int sqrt(p q) = 2 (2 s r / (s^2 + r^2))^(d/2) for N(0, s^2 I) and N(0, r^2 I)."""
    method = ExponentialNoiseContrastiveEstimation(scale=1.5)
    energy = Offset(quadratic(1 / VARIANCE), jnp.array(LOG_Z))
    (loss, error), *_ = slopes(method, energy, gaussian, method.init(gaussian, jr.key(0)))
    assert loss == pytest.approx(2 * 2 * 1.5 / (1 + 1.5**2), abs=4 * error + 3e-3)


def test_snl_bound_tight_at_log_z(gaussian):
    """The loss is -KL(p || q) at b = log Z, and c + exp(-c) - 1 larger at b = log Z + c."""
    method = SelfNormalisedLikelihood(scale=1.5)
    state = method.init(gaussian, jr.key(0))
    divergence = 2 * (math.log(1.5) + 0.5 / 1.5**2 - 0.5)
    for shift in (-0.5, 0.0, 1.0):
        energy = Offset(quadratic(1 / VARIANCE), jnp.array(LOG_Z + shift))
        (loss, error), *_ = slopes(method, energy, gaussian, state)
        expected = -divergence + shift + math.exp(-shift) - 1
        assert loss == pytest.approx(expected, abs=4 * error + 3e-3)


@pytest.mark.parametrize("size", [4, pytest.param(64, marks=pytest.mark.full)])
def test_ranking_fixed_point_for_any_noise_count(size, gaussian):
    """Batches of `size` new data points with as many noise points."""
    method = RankingNoiseContrastiveEstimation(ratio=1, scale=1.5)
    state = method.init(gaussian, jr.key(0))
    num = 20_000

    @jax.jit
    def slope(precision):
        def slope_of_batch(key):
            data_key, loss_key = jr.split(key)
            batch = math.sqrt(VARIANCE) * jr.normal(data_key, (size, 2))
            return jax.grad(lambda a: method.loss(quadratic(a), batch, state, loss_key)[0])(
                precision
            )

        return jax.lax.map(slope_of_batch, jr.split(jr.key(1), num), batch_size=1_000)

    mean, error = mean_and_error(slope(1 / VARIANCE))
    assert abs(mean) < 4 * error + 1e-3
    mean, error = mean_and_error(slope(2 / VARIANCE))
    assert mean > 10 * error


@jax.jit
def slopes_of_ranking_and_of_sampled_likelihood(data, key, ratios=(4, 16, 256)):
    """Pairs of gradients with the same noise, for each ratio of noise points to data."""
    energy = quadratic(1.3)
    pairs = []
    half = 0.5 * jnp.mean(jnp.sum(data**2, axis=1))
    for ratio in ratios:
        method = RankingNoiseContrastiveEstimation(ratio=ratio)
        noise = method.init(data, key)
        slope = eqx.filter_grad(lambda e, m=method, q=noise: m.loss(e, data, q, key)[0])(energy)
        x = noise.sample(ratio * len(data), key)
        weights = jax.nn.softmax(-jax.vmap(energy)(x) - jax.vmap(noise.log_prob)(x))
        pairs.append((slope.precision, half - weights @ (0.5 * jnp.sum(x**2, axis=1))))
    return pairs


@pytest.mark.full
def test_ranking_tends_to_sampled_likelihood(gaussian):
    """The difference is of order 1 / K for K noise points; the limit is the gradient of MLE."""
    data = gaussian[:50]
    pairs = slopes_of_ranking_and_of_sampled_likelihood(data, jr.key(5))
    errors = [abs(float(a - b)) for a, b in pairs]
    assert errors[1] < errors[0] / 2 and errors[2] < errors[1] / 8
    limit = 0.5 * float(jnp.mean(jnp.sum(data**2, axis=1))) - 1 / 1.3
    assert float(pairs[-1][0]) == pytest.approx(limit, abs=4 / 1.3 / math.sqrt(12_800 * 0.3))


@pytest.mark.full
def test_fce_flow_ascends_loss(gaussian):
    """With the energy fixed at the target, the loss rises towards log 4."""
    method = FlowContrastiveEstimation(flow_learning_rate=0.01)
    data = gaussian[:256]
    flow = CouplingFlow.untrained(2, jr.key(0))
    optimizer_state = method._optimizer.init(eqx.filter(flow, eqx.is_inexact_array))
    energy = Offset(quadratic(1 / VARIANCE), jnp.array(LOG_Z))

    update = eqx.filter_jit(lambda state, key: method.loss(energy, data, state, key))
    state = FCEState(flow, optimizer_state)
    values = []
    for key in jr.split(jr.key(1), 150):
        value, state = update(state, key)
        values.append(float(value))
    before = math.log(4) - np.mean(values[:3])
    after = math.log(4) - np.mean(values[-10:])
    assert after < 0.5 * before


def test_invalid_fields_are_rejected():
    with pytest.raises(ValueError, match="one of gaussian, mixture, .*, got 'uniform'"):
        NoiseContrastiveEstimation(noise="uniform")
    with pytest.raises(UserError, match="one of gaussian, .*, got 'uniform'"):
        recipes.with_changes("nce", {"method": {"noise": "uniform"}})
    with pytest.raises(UserError, match="noise.*nce.*name.*3"):
        recipes.with_changes("nce", {"method": {"noise": 3}})
    with pytest.raises(UserError, match="must be a number"):
        recipes.with_changes("nce", {"method": {"ratio": "gaussian"}})
    assert recipes.with_changes("nce", {"method": {"noise": "box"}}).method.noise == "box"
    with pytest.raises(UserError, match="adjusted.*cd.*true or false.*1"):
        recipes.with_changes("cd", {"method": {"adjusted": 1}})
    assert not recipes.with_changes("cd", {"method": {"adjusted": False}}).method.adjusted


@pytest.mark.parametrize("name", METHODS)
def test_recipe_dict_round_trip(name):
    assert recipes.with_changes(name, recipes.as_dict(METHODS[name])) == METHODS[name]


@pytest.mark.parametrize("name", ABOVE_2D)
def test_recipe_above_2d_changes_default(name):
    """The changes hold for d > 2 only, and a user's own come last."""
    assert recipes.with_changes(name, {}, dim=2) == METHODS[name]
    recipe = recipes.with_changes(name, {}, dim=3)
    assert recipe != METHODS[name]
    assert recipes.with_changes(name, recipes.as_dict(recipe)) == recipe
    assert recipes.with_changes(name, {"batch_size": 7}, dim=3).batch_size == 7


@pytest.mark.full
def test_nce_diagnostic_is_noise_ess(gaussian):
    method = NoiseContrastiveEstimation(scale=1.5)
    state = method.init(gaussian, jr.key(0))
    energy = method.build_trainable(quadratic(1 / VARIANCE), gaussian, jr.key(0))
    diagnostics = method.diagnostics(energy, state, gaussian, jr.key(1))
    assert float(diagnostics["noise_ess"]) == pytest.approx((2 * 1.5**2 - 1) / 1.5**4, abs=0.03)


ABSCISSAS, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def conditional_loss(width, precision):
    """2 E log(1 + exp(E(x) - E(y))) in 1-D, in float64, by Gauss-Hermite quadrature."""
    x = math.sqrt(VARIANCE) * ABSCISSAS[:, None]
    y = x + width * ABSCISSAS
    difference = precision / 2 * (x**2 - y**2)
    return 2 * np.sum(np.outer(WEIGHTS, WEIGHTS) * np.logaddexp(0, difference))


def test_cnce_loss_matches_quadrature():
    method = ConditionalNoiseContrastiveEstimation(width=0.6)
    data = whitened(1)
    (loss, error), *_ = slopes(
        method, quadratic(1.1, 1), data, method.init(data, jr.key(0)), num=16
    )
    assert loss == pytest.approx(conditional_loss(0.6, 1.1), abs=4 * error + 1e-3)
    assert error < 1e-3


def test_cnce_limit_error_is_second_order():
    """(J - 2 log 2) 2 / eps^2 tends to E[E'^2 / 2 - E'']; half of eps has 1/4 of the error."""
    score_matching = 1.1**2 * VARIANCE / 2 - 1.1
    widths = np.array([0.1, 0.05, 0.025])
    scaled = np.array([(conditional_loss(w, 1.1) - 2 * math.log(2)) * 2 / w**2 for w in widths])
    assert scaled[-1] == pytest.approx(score_matching, abs=3e-3)
    np.testing.assert_allclose(
        (scaled - score_matching)[:-1] / (scaled - score_matching)[1:], 4, rtol=0.1
    )


@pytest.mark.slow
def test_cnce_limit_is_score_matching(gaussian):
    """(J - 2 log 2) 2 / eps^2 of the method, within four errors and the 2% of second order."""
    precision = 1.1
    width = 0.1
    method = ConditionalNoiseContrastiveEstimation(width=width)
    state = method.init(gaussian, jr.key(0))
    (loss, error), (slope, slope_error), _ = slopes(
        method, quadratic(precision), gaussian, state, num=64
    )
    scale = 2 / width**2
    score_matching = 2 * (precision**2 * VARIANCE / 2 - precision)
    assert (loss - 2 * math.log(2)) * scale == pytest.approx(
        score_matching, abs=4 * error * scale + 0.03
    )
    assert slope * scale == pytest.approx(
        2 * (precision * VARIANCE - 1), abs=4 * slope_error * scale + 0.03
    )


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.3, 3.0])
def test_cnce_fixed_point_for_any_width(width, gaussian):
    method = ConditionalNoiseContrastiveEstimation(width=width)
    state = method.init(gaussian, jr.key(0))
    _, (mean, error), _ = slopes(method, quadratic(1 / VARIANCE), gaussian, state)
    assert abs(mean) < 4 * error + 1e-3
    _, (mean, error), _ = slopes(method, quadratic(2 / VARIANCE), gaussian, state)
    assert mean > 10 * error


def slope_of_cd(accept, precision, width, data, num=16):
    """E[dE(x)] - E[dE(x')] after one random-walk step with acceptance `accept(ratio)`."""

    def slope(key):
        move_key, accept_key = jr.split(key)
        moved = data + width * jr.normal(move_key, data.shape)
        difference = 0.5 * jnp.sum(data**2, axis=1) - 0.5 * jnp.sum(moved**2, axis=1)
        ratio = jnp.exp(precision * difference)
        accepted = jr.uniform(accept_key, ratio.shape) < accept(ratio)
        return jnp.mean(jnp.where(accepted, difference, 0.0))

    return mean_and_error(jax.jit(jax.vmap(slope))(jr.split(jr.key(7), num)))


def barker(ratio):
    return ratio / (1 + ratio)


def metropolis(ratio):
    return jnp.minimum(1.0, ratio)


@pytest.mark.full
def test_cnce_gradient_is_cd_with_barker(gaussian):
    """Twice the gradient of CD with Barker's acceptance, not Metropolis (Yair & Michaeli 2021).

    Four standard errors: fails once in 16,000.
    """
    width = 0.8
    method = ConditionalNoiseContrastiveEstimation(width=width)
    state = method.init(gaussian, jr.key(0))
    _, (mean, error), _ = slopes(method, quadratic(1.1), gaussian, state)
    by_barker, barker_error = slope_of_cd(barker, 1.1, width, gaussian)
    assert mean == pytest.approx(2 * by_barker, abs=4 * math.hypot(error, 2 * barker_error))
    by_metropolis, metropolis_error = slope_of_cd(metropolis, 1.1, width, gaussian)
    assert abs(mean - 2 * by_metropolis) > 10 * math.hypot(error, 2 * metropolis_error)
    # At the target both gradients are 0.
    for accept in (barker, metropolis):
        mean, error = slope_of_cd(accept, 1 / VARIANCE, width, gaussian)
        assert abs(mean) < 4 * error + 1e-3


class Tilted(eqx.Module):
    """Two modes 8 sd apart; `tilt` is how much lower the energy of the right one is."""

    tilt: jax.Array

    def __call__(self, x):
        logs = jnp.array([-0.5 * (x[0] - 4) ** 2, -0.5 * (x[0] + 4) ** 2])
        return -jax.nn.logsumexp(logs) - self.tilt * jax.nn.sigmoid(4 * x[0])


@pytest.mark.slow
@pytest.mark.parametrize(("width", "is_sensitive"), [(0.3, False), (None, True)])
def test_cnce_mode_weights_need_wide_moves(width, is_sensitive):
    """Data of equal weights, an energy with weights e^2 to 1; the default draws all widths."""
    rng = np.random.default_rng(0)
    x = np.where(rng.uniform(size=(10_000, 1)) < 0.5, 4.0, -4.0) + rng.normal(size=(10_000, 1))
    data = jnp.asarray(x, jnp.float32)
    method = ConditionalNoiseContrastiveEstimation(width=width, widest=8.0)
    state = eqx.filter_jit(method.init)(data, jr.key(0))
    _, slope = loss_and_slope(method, Tilted(jnp.array(2.0)), data, state, jr.split(jr.key(3), 8))
    mean, error = mean_and_error(slope.tilt)
    assert (mean > max(0.02, 10 * error)) == is_sensitive
    if not is_sensitive:
        assert abs(mean) < 1e-3


def discrepancy(precision, time, dim=2):
    """Energy discrepancy of the population, N(0, s^2 I), and a Gaussian energy, in closed form."""
    growth = 1 + precision * time
    return (
        0.5
        * dim
        * (precision * VARIANCE - math.log(growth) - precision * (VARIANCE + time) / growth)
    )


@pytest.mark.parametrize("time", [0.01, 0.25, 1.0, 25.0])
def test_ed_population_minimum_for_any_time(time):
    around = [discrepancy(k / VARIANCE, time) for k in (0.999, 1.0, 1.001)]
    assert around[1] < around[0] and around[1] < around[2]


@pytest.mark.slow
@pytest.mark.parametrize("time", full_unless((0.25).__eq__, [0.01, 0.25, 1.0]))
def test_ed_many_samples_match_population(time, gaussian):
    """Up to a bias of order 1 / M in the loss and its optimum."""
    data = gaussian[:2_000]
    data = data * jnp.sqrt(VARIANCE / jnp.mean(data**2))
    method = EnergyDiscrepancy(samples=256, time=time)
    for precision in (0.4, 1 / VARIANCE, 1.0):
        (loss, error), (slope, slope_error), _ = slopes(method, quadratic(precision), data, None)
        expected = discrepancy(precision, time)
        assert loss == pytest.approx(expected, abs=4 * error + 0.01)
        step = 1e-4
        expected = (discrepancy(precision + step, time) - expected) / step
        assert slope == pytest.approx(expected, abs=4 * slope_error + 0.015)


@pytest.mark.full
def test_ed_stabilizer_removes_bias():
    """In 1-D with M = 16 and t = 1, the fixed point is 0.669 instead of 0.588 without it."""
    data = whitened(1)[:20_000]
    num = 24
    data = data * jnp.sqrt(VARIANCE / jnp.mean(data**2))
    unstable = EnergyDiscrepancy(samples=16, time=1.0, stabilizer=0.0)
    _, (mean, error), _ = slopes(unstable, quadratic(0.669, 1), data, None, num)
    assert abs(mean) < 4 * error + 2e-3
    _, (mean, error), _ = slopes(unstable, quadratic(1 / VARIANCE, 1), data, None, num)
    assert mean < -10 * error
    stable = EnergyDiscrepancy(samples=16, time=1.0)
    low, high = (
        slopes(stable, quadratic(k / VARIANCE, 1), data, None, num)[1][0] for k in (0.97, 1.03)
    )
    assert low < 0 < high


class Linear(eqx.Module):
    """E(x) = a x."""

    slope: jax.Array

    def __call__(self, x):
        return self.slope * x[0]


@pytest.mark.slow
def test_ed_time_is_variance():
    """E = a x: log E exp(-a sqrt(t) (xi + xi_j)) is a^2 t / 2 on average, not a^2 t^2 / 2."""
    method = EnergyDiscrepancy(samples=512, time=4.0, stabilizer=0.0)
    data = jnp.zeros((2_000, 1))
    loss, _ = loss_and_slope(method, Linear(jnp.array(0.3)), data, None, jr.split(jr.key(0), 16))
    loss, error = mean_and_error(loss)
    assert loss == pytest.approx(0.3**2 * 4 / 2, abs=4 * error + 2e-3)
    assert error < 0.02


@pytest.mark.full
def test_nce_recipes_differ_in_noise_only():
    for name in ("nce_mixture", "nce_kde", "nce_box", "nce_flow", "nce_self"):
        method = METHODS[name].method
        assert method.noise == name.removeprefix("nce_")
        assert dataclasses.replace(method, noise="gaussian", scale=1.2) == METHODS["nce"].method
