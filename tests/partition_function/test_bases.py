"""The base of an annealing path: a Gaussian mixture that is normalized and sampled exactly.

Random tests have fixed seeds and tolerances of 5 standard errors.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.stats import norm

from ebmark.partition_function import _bases
from ebmark.partition_function._bases import MixtureBase

NUM = 20_000


def clusters(dim, num=900):
    """Points of two clusters of unequal width, and their energies, 1/2 |x|^2."""
    points = np.random.default_rng(0).normal(size=(num, dim))
    points[: num // 3] = 4 + 0.5 * points[: num // 3]
    return points, 0.5 * np.sum(points**2, axis=1)


def draw(base):
    return np.asarray(base.sample(NUM, jr.key(1)), np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("std", [1.0, 3.0])
def test_normal_base(std):
    """Its density, and the moments of its samples within five standard errors."""
    x = std * jr.normal(jr.key(0), (100, 5))
    log_probs = jax.vmap(MixtureBase.normal(5, std).log_prob)(x)
    expected = norm(scale=std).logpdf(np.asarray(x, np.float64)).sum(axis=1)
    np.testing.assert_allclose(log_probs, expected, rtol=1e-5)
    z = draw(MixtureBase.normal(5, std)) / std
    assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(NUM)
    assert np.abs(np.cov(z.T) - np.eye(5)).max() < 5 * np.sqrt(2 / NUM)


def test_fitted_base_integrates_to_one():
    r"""$\int p_0 = 1$ by the midpoint rule in 2-D."""
    base = MixtureBase.fit(*clusters(2))
    axis = np.linspace(-8, 12, 401)
    grid = jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = jnp.exp(jax.vmap(base.log_prob)(grid.astype(jnp.float32)))
    assert float(jnp.sum(density) * 0.05**2) == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 7])
def test_fitted_base_has_moments_of_points(dim):
    """The same mean; the covariance within clusters is shrunk."""
    points, energies = clusters(dim)
    base = MixtureBase.fit(points, energies)
    mean = np.exp(base.log_weights) @ np.asarray(base.means)
    np.testing.assert_allclose(mean, points.mean(axis=0), atol=1e-4)
    x = draw(base)
    assert np.abs(x.mean(axis=0) - mean).max() < 5 * points.std() / np.sqrt(NUM)
    np.testing.assert_allclose(np.cov(x.T), np.cov(points.T), atol=0.15)


@pytest.mark.parametrize("dim", [2, 7])
def test_base_samples_follow_its_density(dim):
    r"""$E[q(x) / p_0(x)] = 1$ for the density q of N(0, 0.64 I), within the wider cluster."""
    base = MixtureBase.fit(*clusters(dim))
    x = draw(base)
    log_q = -0.5 * np.sum((x / 0.8) ** 2, axis=1) - dim * np.log(0.8 * np.sqrt(2 * np.pi))
    ratios = np.exp(log_q - np.asarray(jax.vmap(base.log_prob)(jnp.asarray(x, jnp.float32))))
    assert ratios.mean() == pytest.approx(1, abs=5 * ratios.std() / np.sqrt(NUM))


@pytest.mark.parametrize("dim", [8, 64])
def test_base_covers_a_small_far_cluster(dim):
    """2% of the points, 30 standard deviations away: a component of its own, of its proportion."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(1_000, dim))
    center = np.full(dim, 30 / np.sqrt(dim))
    points[:20] = center + 0.3 * points[:20]
    energies = 0.5 * np.minimum(
        np.sum(points**2, axis=1), np.sum(((points - center) / 0.3) ** 2, axis=1)
    )
    base = MixtureBase.fit(points, energies)
    distances = np.linalg.norm(np.asarray(base.means) - center, axis=1)
    is_near = (distances < 1) & np.isfinite(base.log_weights)
    assert np.exp(base.log_weights[is_near]).sum() == pytest.approx(0.02, abs=1e-6)


def test_narrow_mode_of_fewer_points_than_dimensions():
    """40 of 1,000 points in 100 dimensions, at the center of the others and half as wide."""
    rng = np.random.default_rng(2)
    stds = np.where(np.arange(1_000) < 40, 0.5, 1.0)
    points = stds[:, None] * rng.normal(size=(1_000, 100))

    def log_prob(x):
        modes = [
            np.log(w) + norm(scale=s).logpdf(x).sum(axis=1) for w, s in ((0.04, 0.5), (0.96, 1.0))
        ]
        return np.logaddexp(*modes)

    base = MixtureBase.fit(points, -log_prob(points))
    x = 0.5 * rng.normal(size=(200, 100))
    log_ratios = jax.vmap(base.log_prob)(jnp.asarray(x, jnp.float32)) - log_prob(x)
    assert np.mean(log_ratios) > -10  # of a component as wide as the others: -28


def test_mixture_that_lost_a_component_is_normalized():
    points = np.random.default_rng(0).normal(size=(50, 3))
    responsibilities = np.tile([0.99, 0.01], (50, 1))
    mixture = _bases._fit(points, responsibilities)
    assert len(mixture.means) == 1 and mixture.log_weights[0] == 0


@pytest.mark.parametrize("num", [1, 2, 15])
def test_base_of_few_points_is_proper(num):
    """Even of one point, and of copies of one point."""
    points = np.random.default_rng(0).normal(size=(num, 3))
    for rows in (points, np.repeat(points[:1], 40, axis=0)):
        base = MixtureBase.fit(rows, np.zeros(len(rows)))
        assert np.isfinite(base.log_prob(jnp.asarray(rows[0], jnp.float32)))
        assert np.isfinite(base.sample(3, jr.key(0))).all()
