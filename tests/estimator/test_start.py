"""The mixture at which the energy of a table starts, and the bandwidth of its baseline."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity

from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Network, TiltedEnergy, new_energy
from ebmark.estimator._baselines import _BANDWIDTHS, _select_bandwidth
from ebmark.estimator._start import NUM_COMPONENTS, fit_start


def clusters(num, seed):
    """Two clusters of variance 1 / 10, whose total covariance is near I."""
    rng = np.random.default_rng(seed)
    means = rng.choice([-0.95, 0.95], size=(num, 1)) * np.ones(3)
    return means + 0.32 * rng.normal(size=(num, 3))


def start_of(z, seed=0):
    """The start of points that are in the units of the energy's argument already."""
    dim = z.shape[1]
    return fit_start(z, Standardizer(np.zeros(dim), np.ones(dim)), seed)


def log_probs(mixture, z):
    return np.asarray(jax.jit(jax.vmap(mixture.log_prob))(jnp.asarray(z, jnp.float32)))


def test_start_has_log_density_of_its_mixture():
    mixture = start_of(clusters(200, 0))
    z = clusters(20, 1)
    covariances = np.linalg.inv(np.einsum("kji,kjl->kil", *[np.asarray(mixture.factors)] * 2))
    joint = [
        weight + multivariate_normal(mean, covariance).logpdf(z)
        for weight, mean, covariance in zip(
            mixture.log_weights, mixture.means, covariances, strict=True
        )
    ]
    np.testing.assert_allclose(log_probs(mixture, z), logsumexp(joint, axis=0), rtol=1e-4)
    assert np.exp(np.asarray(mixture.log_weights)).sum() == pytest.approx(1, abs=1e-5)


def test_start_separates_clusters_and_not_a_gaussian():
    """The gain over the Gaussian of all rows is about log 10 - log 2; of a Gaussian, none."""
    test, mixture = clusters(500, 1), start_of(clusters(200, 0))
    gaussian = multivariate_normal(np.zeros(3), np.cov(test.T)).logpdf(test)
    assert np.mean(log_probs(mixture, test) - gaussian) > 0.5
    normal = np.random.default_rng(2).normal(size=(600, 3))
    exact = multivariate_normal(np.zeros(3)).logpdf(normal[300:])
    assert np.mean(log_probs(start_of(normal[:300]), normal[300:]) - exact) > -0.15


@pytest.mark.parametrize("num", [1, 2, 12])
def test_start_of_few_rows_is_finite(num):
    mixture = start_of(np.random.default_rng(0).normal(size=(num, 4)))
    assert np.isfinite(log_probs(mixture, np.zeros((1, 4)))).all()


def test_untrained_energy_is_that_of_its_mixture_which_is_fixed():
    settings = Network(num_components=NUM_COMPONENTS).resolve(3)
    energy = new_energy(settings, np.zeros((2, 3)), jr.key(0))
    assert isinstance(energy, TiltedEnergy)
    z = clusters(200, 0)
    energy = eqx.tree_at(lambda energy: energy.base, energy, start_of(z))
    x = jnp.asarray(z[0], jnp.float32)
    value, gradient = eqx.filter_jit(eqx.filter_value_and_grad(lambda energy: energy(x)))(energy)
    assert float(value) == pytest.approx(-log_probs(energy.base, z[:1])[0], rel=1e-5)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(gradient.base))
    assert (gradient.layers.layers[-1].bias != 0).all()


@pytest.mark.parametrize("n", [12, 103])
def test_bandwidth_is_that_of_scikit_learn(n):
    z = np.random.default_rng(n).normal(size=(n, 3))
    search = GridSearchCV(KernelDensity(), {"bandwidth": _BANDWIDTHS}, cv=5).fit(z)
    assert _select_bandwidth(z) == search.best_params_["bandwidth"]
