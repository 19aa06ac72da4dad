"""Baselines: density estimators, compared with scipy and scikit-learn."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from helpers.costs import full_unless
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KernelDensity

from ebmark.datasets import Grid, SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Confined, FourierMLP, Quadratic
from ebmark.methods import METHODS, KernelDensityEstimate
from ebmark.methods._kde import leave_one_out_score
from ebmark.partition_function import evaluate
from ebmark.training.loop import train

BASELINES = ["gaussian", "mixture", "kde", "flow"]


@pytest.fixture(scope="module")
def data():
    x = SyntheticDataset("half_moons").draw(2_000, jr.key(0))
    return jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)


@pytest.fixture(scope="module")
def fits(data):
    """The fitted baselines; the flow is untrained, as its fit takes seconds."""
    energy = Quadratic(jnp.array(1.0), jnp.zeros(2))
    return {
        name: eqx.filter_jit(METHODS[name].method.build_trainable)(energy, data, jr.key(1))
        for name in BASELINES
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", BASELINES)
def test_baseline_log_z_is_0(name, fits):
    grid = Grid((-8.0, -8.0), (8.0, 8.0), 200)
    total = np.exp(-evaluate(fits[name], grid.points())).sum() * grid.cell
    assert math.log(total) == pytest.approx(0, abs=0.01 if name == "flow" else 1e-3)


@pytest.mark.parametrize("name", full_unless("flow".__ne__, BASELINES))
def test_baseline_samples_match_entropy(name, fits):
    """E[-log q] over samples is the entropy by quadrature; within 4.5 standard errors."""
    sample = eqx.filter_jit(METHODS[name].method.sample)
    samples = np.asarray(sample(fits[name], None, 20_000, jr.key(2)))
    grid = Grid((-8.0, -8.0), (8.0, 8.0), 200)
    grid_energies = evaluate(fits[name], grid.points())
    entropy = np.sum(np.exp(-grid_energies) * grid_energies) * grid.cell
    energies = evaluate(fits[name], samples)
    error = energies.std() / math.sqrt(len(samples))
    assert energies.mean() == pytest.approx(entropy, abs=4.5 * error)


@pytest.mark.parametrize("name", ["gaussian", "kde"])
def test_baseline_ignores_network(name, data, fits):
    network = Confined(FourierMLP(2, num_features=4, width=4, key=jr.key(0)))
    fit = train(METHODS[name], network, data, key=jr.key(1))
    assert fit.divergence_reason is None and len(fit.losses) == 0
    assert jax.tree.structure(fit.energy) == jax.tree.structure(fits[name])


def test_gaussian_matches_scipy(data, fits):
    x = np.asarray(data, np.float64)
    expected = scipy.stats.multivariate_normal(x.mean(axis=0), np.cov(x.T))
    points = x[:100]
    np.testing.assert_allclose(
        -evaluate(fits["gaussian"], points), expected.logpdf(points), atol=1e-3
    )


@pytest.mark.parametrize("log_gap", [0, -1, -2, -3, -4])
@pytest.mark.parametrize("dim", [2, 5])
def test_gaussian_of_nearly_collinear_columns(log_gap, dim):
    """Energy gaps and the NLL are those of the covariance in float64; samples have its width."""
    rng = np.random.default_rng(20)
    a = rng.normal(size=(4_000, 1))
    x = a + 10.0**log_gap * rng.normal(size=(4_000, dim))
    z = Standardizer.fit(x).transform(x)
    data = jnp.asarray(z, jnp.float32)
    fit = eqx.filter_jit(METHODS["gaussian"].method.build_trainable)(None, data, jr.key(0))
    expected = -scipy.stats.multivariate_normal(z.mean(axis=0), np.cov(z.T)).logpdf(z)
    found = evaluate(fit, z)
    # float32 points resolve the gap of 1e-4 to three digits
    assert found.mean() == pytest.approx(expected.mean(), abs=0.02)
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.1)
    drawn = np.asarray(fit.sample(4_000, jr.key(1)), np.float64)
    widths = [np.std(points[:, 0] - points[:, 1]) for points in (drawn, z)]
    assert widths[0] == pytest.approx(widths[1], rel=0.06)


def test_gaussian_maximizes_likelihood(data):
    """Its NLL is d / 2 log(2 pi e) + log |C| / 2; other widths are less likely."""
    from ebmark.methods.noises import FactoredGaussian as Gaussian

    nlls = [
        evaluate(Gaussian.fit(data, scale, jr.key(0)), np.asarray(data)).mean()
        for scale in (0.98, 1.0, 1.02)
    ]
    assert nlls[1] < min(nlls[0], nlls[2])
    entropy = math.log(2 * math.pi * math.e) + np.linalg.slogdet(np.cov(np.asarray(data).T))[1] / 2
    assert nlls[1] == pytest.approx(entropy, abs=1e-3)


def test_kde_matches_scikit_learn(fits):
    kernels = fits["kde"]
    # A single leaf, as sums over many leaves are inexact in the tails.
    sklearn_kde = KernelDensity(bandwidth=float(kernels.bandwidth), leaf_size=10_000)
    sklearn_kde.fit(np.asarray(kernels.centers))
    x = np.random.default_rng(0).normal(size=(200, 2))
    expected = sklearn_kde.score_samples(x)
    np.testing.assert_allclose(-evaluate(kernels, x), expected, atol=2e-3, rtol=1e-3)


def test_leave_one_out_score_matches_scikit_learn(data):
    points = np.asarray(data[:80], np.float64)
    bandwidths = np.geomspace(0.05, 1, 8)
    expected = [
        cross_val_score(KernelDensity(bandwidth=b), points, cv=LeaveOneOut()).mean()
        for b in bandwidths
    ]
    score_all = jax.jit(jax.vmap(leave_one_out_score, in_axes=(None, 0)))
    scores = np.asarray(score_all(data[:80], jnp.asarray(bandwidths)))
    # The constant that does not depend on the bandwidth is left out of the score.
    constant = math.log(79) + math.log(2 * math.pi)
    np.testing.assert_allclose(scores - constant, expected, atol=1e-3)


@pytest.mark.full
def test_kde_bandwidth_maximizes_score(data):
    """The bandwidth lies inside its grid, and 10% more or less has a lower score."""
    method = KernelDensityEstimate(num_centers=300)
    kernels = eqx.filter_jit(method.build_trainable)(None, data, jr.key(1))
    assert kernels.centers.shape == (300, 2)
    scores = [
        float(leave_one_out_score(kernels.centers, kernels.bandwidth * k)) for k in (0.9, 1.0, 1.1)
    ]
    assert scores[1] == max(scores) and 0.03 < float(kernels.bandwidth) < 0.9


def test_kde_more_centers_narrower_bandwidth(data):
    """Silverman's rule: proportional to n^(-1/6) in 2-D; here only the order is tested."""
    wide, narrow = (
        eqx.filter_jit(KernelDensityEstimate(num_centers=num).build_trainable)(
            None, data, jr.key(1)
        ).bandwidth
        for num in (100, 1_500)
    )
    assert float(narrow) < 0.9 * float(wide)


@pytest.mark.full
def test_trained_flow_likelier_than_gaussian(data, fits):
    recipe = dataclasses.replace(METHODS["flow"], num_updates=250, batch_size=128)
    fit = train(recipe, Quadratic(jnp.array(1.0), jnp.zeros(2)), data, key=jr.key(1))
    flow_nll = evaluate(fit.energy, np.asarray(data)).mean()
    gaussian_nll = evaluate(fits["gaussian"], np.asarray(data)).mean()
    assert fit.divergence_reason is None
    assert flow_nll < gaussian_nll - 0.4


@pytest.mark.full
def test_flow_loss_is_nll():
    r"""$\log N(z; 0, I) + \log|\det \partial z / \partial x|$, the Jacobian by autodiff."""
    method = METHODS["flow"].method
    batch = 1.5 * jr.normal(jr.key(3), (200, 2))
    flow = method.build_trainable(None, batch, jr.key(4))
    loss, _ = eqx.filter_jit(method.loss)(flow, batch, None, jr.key(5))
    inverse = flow.bijection.inverse
    z = np.asarray(jax.vmap(inverse)(batch), np.float64)
    jacobians = np.asarray(jax.vmap(jax.jacfwd(inverse))(batch), np.float64)
    log_q = scipy.stats.norm.logpdf(z).sum(axis=1) + np.linalg.slogdet(jacobians)[1]
    assert float(loss) == pytest.approx(-log_q.mean(), abs=1e-4)
    assert abs(np.linalg.slogdet(jacobians)[1]).max() > 0.1  # power: the flow is not the identity
