"""Noise distributions: normalized densities, samples that follow them, and the right width.

Random tests have fixed seeds; their tolerances are at least four standard errors.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers.costs import full_unless
from sklearn.mixture import GaussianMixture as SklearnMixture

from ebmark.datasets import Grid, SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Offset, Quadratic
from ebmark.methods.noises import (
    NOISES,
    Box,
    CouplingFlow,
    Gaussian,
    GaussianMixture,
    Kernels,
    _mixture,
)
from ebmark.methods.noises import noise_ess as eager_noise_ess
from ebmark.partition_function import evaluate

noise_ess = eqx.filter_jit(eager_noise_ess)


@pytest.fixture(scope="module")
def data():
    x = SyntheticDataset("half_moons").draw(2_000, jr.key(0))
    return jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)


def fit_noise(name, data, scale=1.2):
    """The noise; the flow is randomly perturbed instead of fitted, which takes seconds."""
    if name != "flow":
        return eqx.filter_jit(NOISES[name].fit)(data, scale, jr.key(1))
    flow = CouplingFlow.untrained(data.shape[1], jr.key(1))
    arrays, rest = eqx.partition(flow.arrays, eqx.is_inexact_array)
    bent = jax.tree.map(lambda a: a + 0.05 * jnp.sin(jnp.arange(a.size)).reshape(a.shape), arrays)
    return CouplingFlow(eqx.combine(bent, rest), data.shape[1], scale)


CLOSED_FORMS = ("gaussian", "box")  # without components or networks


@pytest.mark.slow
@pytest.mark.parametrize("name", full_unless(CLOSED_FORMS.__contains__, NOISES))
def test_noise_normalized_and_samples_match(name, data):
    noise = fit_noise(name, data)
    grid = Grid((-8.0, -8.0), (8.0, 8.0), 240)
    points = grid.points()
    mass = np.exp(evaluate(noise.log_prob, points)) * grid.cell
    # The edges of the box cut through cells of the grid.
    assert mass.sum() == pytest.approx(1, abs=0.03 if name == "box" else 2e-3)
    drawn = np.asarray(eqx.filter_jit(noise.sample)(40_000, jr.key(2)), np.float64)
    assert drawn.shape == (40_000, 2)
    for k in (1, 2):
        powers = drawn**k
        error = 4 * powers.std(axis=0) / math.sqrt(len(drawn))
        expected = mass @ points**k / mass.sum()
        np.testing.assert_allclose(powers.mean(axis=0), expected, atol=error.max() + 0.01)
    log_q = evaluate(noise.log_prob, drawn)
    entropy = -np.sum(np.where(mass > 0, mass * np.log(np.maximum(mass, 1e-300) / grid.cell), 0.0))
    error = 4 * log_q.std() / math.sqrt(len(drawn))
    assert -log_q.mean() == pytest.approx(entropy, abs=error + 0.03 * entropy)


@pytest.mark.parametrize("name", full_unless(CLOSED_FORMS.__contains__, NOISES))
def test_noise_is_energy_with_log_z_0(name, data):
    noise = fit_noise(name, data)
    at = jnp.array([0.3, -0.2])
    assert float(noise(at)) == -float(noise.log_prob(at))


@pytest.mark.full
@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("dim", [1, 3])
def test_noises_work_in_any_dimension(name, dim):
    noise = fit_noise(name, jr.normal(jr.key(3), (300, dim)))
    drawn = eqx.filter_jit(noise.sample)(5, jr.key(0))
    assert drawn.shape == (5, dim) and np.isfinite(evaluate(noise.log_prob, drawn)).all()


@pytest.mark.full
def test_scale_widens_noise_about_center(data):
    narrow, wide = (fit_noise("gaussian", data, scale) for scale in (1.0, 2.0))
    np.testing.assert_allclose(wide.covariance, 4 * narrow.covariance, rtol=1e-4)
    narrow, wide = (fit_noise("mixture", data, scale) for scale in (1.0, 2.0))
    np.testing.assert_allclose(wide.covariances, 4 * narrow.covariances, rtol=1e-4)
    narrow, wide = (fit_noise("box", data, scale) for scale in (1.0, 2.0))
    np.testing.assert_allclose(
        wide.upper - wide.lower, 2 * (narrow.upper - narrow.lower), rtol=1e-5
    )
    np.testing.assert_allclose(narrow.lower, data.min(axis=0), atol=1e-6)


def test_box_density():
    box = Box(jnp.array([-1.0, 0.0]), jnp.array([1.0, 3.0]))
    assert float(box.log_prob(jnp.array([0.9, 2.9]))) == pytest.approx(-math.log(6))
    assert float(box.log_prob(jnp.array([1.1, 1.0]))) == -math.inf


@pytest.mark.slow
def test_mixture_as_likely_as_scikit_learn(data):
    """Different starts reach different optima: at most 0.03 nats per point apart."""
    mixture = fit_noise("mixture", data, 1.0)
    sklearn_mixture = SklearnMixture(16, random_state=0, reg_covar=1e-4, max_iter=200).fit(
        np.asarray(data)
    )
    mean_log_prob = evaluate(mixture.log_prob, np.asarray(data)).mean()
    assert mean_log_prob > sklearn_mixture.score(np.asarray(data)) - 0.03
    # The density is that of scikit-learn, at the same weights, means and covariances.
    sklearn_mixture.weights_ = np.exp(np.asarray(mixture.log_weights, np.float64))
    sklearn_mixture.means_ = np.asarray(mixture.means, np.float64)
    precisions = np.linalg.inv(np.asarray(mixture.covariances, np.float64))
    sklearn_mixture.precisions_cholesky_ = np.linalg.cholesky(precisions)
    assert mean_log_prob == pytest.approx(sklearn_mixture.score(np.asarray(data)), abs=1e-3)


def test_mixture_one_component_is_gaussian():
    """With one component the optimum is the mean and covariance of the data."""
    x = jr.normal(jr.key(0), (500, 2)) @ jnp.array([[1.0, 0.4], [0.0, 0.6]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_mixture, "MAX_COMPONENTS", 1)
        mixture = jax.jit(lambda x: GaussianMixture.fit(x, 1.0, jr.key(1)))(x)
    covariance = np.cov(np.asarray(x).T, bias=True) + 1e-4 * np.eye(2)
    np.testing.assert_allclose(mixture.means[0], x.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(mixture.covariances[0], covariance, rtol=1e-3, atol=1e-5)


def test_mixture_shrinks_covariances_above_2d():
    """Of 16 components in 8 dimensions and 200 points, none is singular."""
    data = jr.normal(jr.key(3), (200, 8))
    mixture = fit_noise("mixture", data, 1.0)
    smallest = np.linalg.eigvalsh(np.asarray(mixture.covariances))[:, 0]
    assert smallest.min() > 10 * _mixture.RIDGE


@pytest.mark.slow
def test_defensive_mixture_is_mixture_and_wide_gaussians(data):
    """q = 3/4 of the mixture plus 1/12 of each of three Gaussians, at any point and width."""
    mixture, both = (fit_noise(name, data, 1.3) for name in ("mixture", "defensive"))
    wide = [fit_noise("gaussian", data, 1.3 * width) for width in (1.0, 1.5, 2.25)]
    points = 3 * np.asarray(data[:50])
    log_probs = [evaluate(mixture.log_prob, points) + math.log(0.75)]
    log_probs += [evaluate(gaussian.log_prob, points) - math.log(12) for gaussian in wide]
    expected = np.logaddexp.reduce(log_probs)
    np.testing.assert_allclose(evaluate(both.log_prob, points), expected, atol=2e-3)


@eqx.filter_jit
def follow_chains(noise, energy, num, key):
    def step(noise, key):
        return noise.follow(energy, key), None

    return jax.lax.scan(step, noise, jr.split(key, num))[0]


@pytest.mark.slow
def test_noisy_chains_converge_to_noisy_model(data):
    """Centers of variance s^2 / (1 - h / 2 s^2), bandwidth unchanged; 512 chains, 2-D.

    Four standard errors: fails once in 8,000.
    """
    start = fit_noise("self", data, 0.5)
    s2 = 0.25
    energy = Quadratic(jnp.array(1 / s2), jnp.array([2.0, 0.0]))
    noise = follow_chains(start, energy, 2_000, jr.key(4))
    centers = np.asarray(noise.kernels.centers)
    h = float(noise.step_size)
    assert noise.kernels.bandwidth == start.kernels.bandwidth
    variance = s2 / (1 - h / (2 * s2))
    num = len(centers)
    np.testing.assert_allclose(centers.mean(axis=0), [2, 0], atol=4 * math.sqrt(variance / num))
    np.testing.assert_allclose(centers.var(axis=0), variance, atol=4 * variance * (2 / num) ** 0.5)


@pytest.mark.parametrize("name", [name for name in NOISES if name not in ("self", "flow")])
def test_other_noises_stay_the_same(name, data):
    noise = fit_noise(name, data)
    assert noise.follow(Quadratic(jnp.array(1.0), jnp.zeros(2)), jr.key(0)) is noise


@pytest.mark.parametrize("width", [0.9, 1.3, 2.0])
def test_noise_ess_of_gaussians_closed_form(width):
    """(sqrt(2 s^2 - 1) / s^2)^2 in 2-D, for p = N(0, I) and q = N(0, s^2 I), whatever Z."""
    noise = Gaussian(jnp.zeros(2), width**2 * jnp.eye(2))
    energy = Quadratic(jnp.array(1.0), jnp.zeros(2))
    expected = (2 * width**2 - 1) / width**4
    values = [
        float(noise_ess(Offset(energy, jnp.array(c)), noise, 100_000, jr.key(0)))
        for c in (0.0, 7.0)
    ]
    assert values[0] == pytest.approx(expected, rel=0.02)
    assert values[1] == pytest.approx(values[0], rel=1e-3)


@pytest.mark.slow
def test_noise_ess_limits():
    """1 for the noise itself, near 0 for distant noise."""
    noise = Gaussian(jnp.zeros(2), jnp.eye(2))
    assert float(noise_ess(noise, noise, 1_000, jr.key(0))) == pytest.approx(1, abs=1e-5)
    far = Gaussian(jnp.array([8.0, 0.0]), jnp.eye(2))
    assert float(noise_ess(far, noise, 4_096, jr.key(0))) < 0.01


def test_kernels_keep_precision():
    """Squares multiplied out in float32 against differences in float64, at a small bandwidth."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(300, 2)).astype(np.float32)
    x = (centers[:50] + 0.02 * rng.normal(size=(50, 2))).astype(np.float32)
    log_probs = jax.vmap(Kernels(jnp.asarray(centers), jnp.array(0.02)).log_prob)(jnp.asarray(x))
    squares = ((x[:, None].astype(float) - centers) ** 2).sum(axis=-1) / 0.02**2
    exact = np.log(np.exp(-squares / 2).mean(axis=1) / (2 * math.pi * 0.02**2))
    np.testing.assert_allclose(log_probs, exact, atol=5e-3)


@pytest.mark.full
def test_fitted_flow_likelier_than_gaussian(data):
    flow = eqx.filter_jit(CouplingFlow.fit)(data, 1.0, jr.key(0))
    test_points = SyntheticDataset("half_moons").draw(4_000, jr.key(5))
    standardizer = Standardizer.fit(SyntheticDataset("half_moons").draw(2_000, jr.key(0)))
    test_points = standardizer.transform(test_points)
    by_flow = evaluate(flow.log_prob, test_points).mean()
    by_gaussian = evaluate(fit_noise("gaussian", data, 1.0).log_prob, test_points).mean()
    # The target and its Gaussian differ by 0.90 nats.
    assert by_flow > by_gaussian + 0.7
