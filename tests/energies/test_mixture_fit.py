"""Gaussian mixtures in float64: EM against its theory and against the density in JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from ebmark.energies import Mixture, MixtureDensity, Moments


@pytest.fixture
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 1.0]])
    return rng.normal(size=(500, 3)) + centers[rng.integers(2, size=500)]


def maximize(points, responsibilities) -> Mixture:
    moments = Moments.of(points, responsibilities)
    covariances = moments.shrunk(np.eye(points.shape[1]), 0.0)
    return Mixture.from_covariances(moments.counts / len(points), moments.means, covariances)


def random_mixture(points, num: int) -> Mixture:
    rng = np.random.default_rng(1)
    return maximize(points, rng.dirichlet(np.full(num, 0.1), size=len(points)))


def test_one_component_has_the_moments_of_its_points(points):
    mixture = maximize(points, np.ones((len(points), 1)))
    gaussian = multivariate_normal(points.mean(axis=0), np.cov(points.T, bias=True))
    np.testing.assert_allclose(mixture.log_prob(points), gaussian.logpdf(points))


def test_likelihood_grows_with_each_step(points):
    mixture = random_mixture(points, 3)
    likelihoods = []
    for _ in range(100):
        responsibilities, log_prob = mixture.e_step(points)
        likelihoods.append(log_prob.mean())
        mixture = maximize(points, responsibilities)
    # small responsibilities are left out of covariances, hence the tolerance
    assert np.diff(likelihoods).min() > -1e-4
    one = maximize(points, np.ones((len(points), 1)))
    assert likelihoods[-1] > one.log_prob(points).mean() + 0.1


def test_covariances_shrink_from_those_of_the_points_to_the_target(points):
    moments = Moments.of(points, np.ones((len(points), 1)))
    np.testing.assert_allclose(moments.shrunk(np.eye(3), 0.0)[0], moments.within)
    np.testing.assert_allclose(moments.shrunk(np.eye(3), 1e12)[0], np.eye(3), atol=1e-6)


def test_padding_leaves_the_density_as_it_is(points):
    mixture = random_mixture(points, 3)
    density = MixtureDensity(*map(jnp.asarray, mixture.padded(8, -np.inf)))
    log_probs = jax.vmap(density.log_prob)(jnp.asarray(points, jnp.float32))
    assert len(density.means) == 8
    np.testing.assert_allclose(log_probs, mixture.log_prob(points), atol=1e-4)
