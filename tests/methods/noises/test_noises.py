"""Noises: each is a law that integrates to 1, is drawn as it says, and is as wide as was asked.

Random tests have fixed seeds; their tolerances are at least four standard errors.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from sklearn.mixture import GaussianMixture as Referee

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


def fitted(name, data, scale=1.2):
    """The noise; the flow unfitted, but bent at random, for its fit takes seconds."""
    if name != "flow":
        return eqx.filter_jit(NOISES[name].fit)(data, scale, jr.key(1))
    flow = CouplingFlow.untrained(data.shape[1], jr.key(1))
    arrays, rest = eqx.partition(flow.arrays, eqx.is_inexact_array)
    bent = jax.tree.map(lambda a: a + 0.05 * jnp.sin(jnp.arange(a.size)).reshape(a.shape), arrays)
    return CouplingFlow(eqx.combine(bent, rest), data.shape[1], scale)


@pytest.mark.parametrize("name", NOISES)
def test_a_noise_integrates_to_one_and_its_draws_have_its_moments(name, data):
    noise = fitted(name, data)
    grid = Grid((-8.0, -8.0), (8.0, 8.0), 240)
    points = grid.points()
    mass = np.exp(evaluate(noise.log_prob, points)) * grid.cell
    # a box's edge cuts through cells: a part in its width over theirs, a side
    assert mass.sum() == pytest.approx(1, abs=0.03 if name == "box" else 2e-3)
    drawn = np.asarray(eqx.filter_jit(noise.sample)(40_000, jr.key(2)), np.float64)
    assert drawn.shape == (40_000, 2)
    for k in (1, 2):
        of_draws = drawn**k
        error = 4 * of_draws.std(axis=0) / math.sqrt(len(drawn))
        of_law = mass @ points**k / mass.sum()
        np.testing.assert_allclose(of_draws.mean(axis=0), of_law, atol=error.max() + 0.01)
    log_q = evaluate(noise.log_prob, drawn)
    entropy = -np.sum(np.where(mass > 0, mass * np.log(np.maximum(mass, 1e-300) / grid.cell), 0.0))
    error = 4 * log_q.std() / math.sqrt(len(drawn))
    assert -log_q.mean() == pytest.approx(entropy, abs=error + 0.03 * entropy)


@pytest.mark.parametrize("name", NOISES)
def test_a_noise_is_an_energy_whose_log_z_is_zero(name, data):
    noise = fitted(name, data)
    at = jnp.array([0.3, -0.2])
    assert float(noise(at)) == -float(noise.log_prob(at))


@pytest.mark.full
@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("dim", [1, 3])
def test_noises_know_any_number_of_dimensions(name, dim):
    noise = fitted(name, jr.normal(jr.key(3), (300, dim)))
    drawn = eqx.filter_jit(noise.sample)(5, jr.key(0))
    assert drawn.shape == (5, dim) and np.isfinite(evaluate(noise.log_prob, drawn)).all()


def test_scale_widens_the_gaussian_the_mixture_and_the_box_about_their_centres(data):
    narrow, wide = (fitted("gaussian", data, scale) for scale in (1.0, 2.0))
    np.testing.assert_allclose(wide.covariance, 4 * narrow.covariance, rtol=1e-4)
    narrow, wide = (fitted("mixture", data, scale) for scale in (1.0, 2.0))
    np.testing.assert_allclose(wide.covariances, 4 * narrow.covariances, rtol=1e-4)
    narrow, wide = (fitted("box", data, scale) for scale in (1.0, 2.0))
    np.testing.assert_allclose(
        wide.upper - wide.lower, 2 * (narrow.upper - narrow.lower), rtol=1e-5
    )
    np.testing.assert_allclose(narrow.lower, data.min(axis=0), atol=1e-6)


def test_a_box_is_flat_inside_and_empty_outside():
    box = Box(jnp.array([-1.0, 0.0]), jnp.array([1.0, 3.0]))
    assert float(box.log_prob(jnp.array([0.9, 2.9]))) == pytest.approx(-math.log(6))
    assert float(box.log_prob(jnp.array([1.1, 1.0]))) == -math.inf


def test_em_finds_as_likely_a_mixture_as_scikit_learn(data):
    """The two start elsewhere and end in other optima: .03 nats a point apart at most."""
    ours = fitted("mixture", data, 1.0)
    referee = Referee(16, random_state=0, reg_covar=1e-4, max_iter=200).fit(np.asarray(data))
    found = evaluate(ours.log_prob, np.asarray(data)).mean()
    assert found > referee.score(np.asarray(data)) - 0.03
    # and the density is scikit-learn's, for the same weights, means and covariances
    referee.weights_ = np.exp(np.asarray(ours.log_weights, np.float64))
    referee.means_ = np.asarray(ours.means, np.float64)
    precisions = np.linalg.inv(np.asarray(ours.covariances, np.float64))
    referee.precisions_cholesky_ = np.linalg.cholesky(precisions)
    assert found == pytest.approx(referee.score(np.asarray(data)), abs=1e-3)


def test_em_stands_still_at_its_own_solution_with_one_component():
    """One component's optimum is the mean and the covariance, found in one iteration."""
    x = jr.normal(jr.key(0), (500, 2)) @ jnp.array([[1.0, 0.4], [0.0, 0.6]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_mixture, "MAX_COMPONENTS", 1)
        mixture = jax.jit(lambda x: GaussianMixture.fit(x, 1.0, jr.key(1)))(x)
    covariance = np.cov(np.asarray(x).T, bias=True) + 1e-4 * np.eye(2)
    np.testing.assert_allclose(mixture.means[0], x.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(mixture.covariances[0], covariance, rtol=1e-3, atol=1e-5)


@eqx.filter_jit
def follow_chains(noise, energy, num, key):
    def step(noise, key):
        return noise.follow(energy, key), None

    return jax.lax.scan(step, noise, jr.split(key, num))[0]


def test_the_noise_that_follows_the_model_ends_as_the_model_blurred(data):
    """Langevin's variance s^2 / (1 - h / 2 s^2), and b^2 of the blur; 512 chains, two dimensions.

    Four standard errors: fails once in 8,000.
    """
    start, s2 = fitted("self", data, 0.5), 0.25
    energy = Quadratic(jnp.array(1 / s2), jnp.array([2.0, 0.0]))
    noise = follow_chains(start, energy, 2_000, jr.key(4))
    centers, h = np.asarray(noise.kernels.centers), float(noise.step_size)
    assert noise.kernels.bandwidth == start.kernels.bandwidth
    variance, num = s2 / (1 - h / (2 * s2)), len(centers)
    np.testing.assert_allclose(centers.mean(axis=0), [2, 0], atol=4 * math.sqrt(variance / num))
    np.testing.assert_allclose(centers.var(axis=0), variance, atol=4 * variance * (2 / num) ** 0.5)


@pytest.mark.parametrize("name", [name for name in NOISES if name not in ("self", "flow")])
def test_other_noises_follow_nothing(name, data):
    noise = fitted(name, data)
    assert noise.follow(Quadratic(jnp.array(1.0), jnp.zeros(2)), jr.key(0)) is noise


@pytest.mark.parametrize("width", [0.9, 1.3, 2.0])
def test_overlap_of_two_gaussians_is_known_and_blind_to_a_constant(width):
    """(sqrt(2 s^2 - 1) / s^2)^2 in two dimensions, for p = N(0, I) and q = N(0, s^2 I)."""
    noise = Gaussian(jnp.zeros(2), width**2 * jnp.eye(2))
    energy = Quadratic(jnp.array(1.0), jnp.zeros(2))
    expected = (2 * width**2 - 1) / width**4
    found = [
        float(noise_ess(Offset(energy, jnp.array(c)), noise, 100_000, jr.key(0)))
        for c in (0.0, 7.0)
    ]
    assert found[0] == pytest.approx(expected, rel=0.02)
    assert found[1] == pytest.approx(found[0], rel=1e-3)


def test_overlap_is_one_for_the_noise_itself_and_small_far_away():
    noise = Gaussian(jnp.zeros(2), jnp.eye(2))
    assert float(noise_ess(noise, noise, 1_000, jr.key(0))) == pytest.approx(1, abs=1e-5)
    far = Gaussian(jnp.array([8.0, 0.0]), jnp.eye(2))
    assert float(noise_ess(far, noise, 4_096, jr.key(0))) < 0.01


def test_kernels_keep_their_digits_where_the_squares_are_multiplied_out():
    """Against differences in float64, at the narrowest bandwidth that data may have."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(300, 2)).astype(np.float32)
    x = (centers[:50] + 0.02 * rng.normal(size=(50, 2))).astype(np.float32)
    found = jax.vmap(Kernels(jnp.asarray(centers), jnp.array(0.02)).log_prob)(jnp.asarray(x))
    squares = ((x[:, None].astype(float) - centers) ** 2).sum(axis=-1) / 0.02**2
    exact = np.log(np.exp(-squares / 2).mean(axis=1) / (2 * math.pi * 0.02**2))
    np.testing.assert_allclose(found, exact, atol=5e-3)


@pytest.mark.full
def test_a_fitted_flow_is_closer_to_the_moons_than_their_gaussian(data):
    flow = eqx.filter_jit(CouplingFlow.fit)(data, 1.0, jr.key(0))
    fresh = SyntheticDataset("half_moons").draw(4_000, jr.key(5))
    fresh = Standardizer.fit(SyntheticDataset("half_moons").draw(2_000, jr.key(0))).transform(fresh)
    by_flow = evaluate(flow.log_prob, fresh).mean()
    by_gaussian = evaluate(fitted("gaussian", data, 1.0).log_prob, fresh).mean()
    assert by_flow > by_gaussian + 0.7  # .90 between the law and its Gaussian
