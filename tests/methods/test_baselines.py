"""Anchors: laws that need no energy-based training, against scipy and scikit-learn."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KernelDensity

from ebmark.datasets import Grid, SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Confined, FourierMLP, Quadratic
from ebmark.methods import METHODS, KernelDensityEstimate
from ebmark.methods._kde import leave_one_out_score
from ebmark.partition_function import evaluate
from ebmark.training.loop import train

ANCHORS = ["gaussian", "kde", "flow"]


@pytest.fixture(scope="module")
def data():
    x = SyntheticDataset("half_moons").draw(2_000, jr.key(0))
    return jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)


@pytest.fixture(scope="module")
def fits(data):
    """The flow untrained: a law like any other, and the fit takes seconds."""
    energy = Quadratic(jnp.array(1.0), jnp.zeros(2))
    return {
        name: eqx.filter_jit(METHODS[name].method.build_trainable)(energy, data, jr.key(1))
        for name in ANCHORS
    }


@pytest.mark.parametrize("name", ANCHORS)
def test_baseline_log_z_is_0(name, fits):
    grid = Grid((-8.0, -8.0), (8.0, 8.0), 200)
    total = np.exp(-evaluate(fits[name], grid.points())).sum() * grid.cell
    assert math.log(total) == pytest.approx(0, abs=0.01 if name == "flow" else 1e-3)


@pytest.mark.parametrize("name", ANCHORS)
def test_baseline_samples_match_entropy(name, fits):
    """E[-log q] over its draws is its entropy by quadrature; within 4.5 standard errors."""
    method, law = METHODS[name].method, fits[name]
    drawn = np.asarray(eqx.filter_jit(method.sample)(law, None, 20_000, jr.key(2)))
    grid = Grid((-8.0, -8.0), (8.0, 8.0), 200)
    surprise = evaluate(law, grid.points())
    entropy = np.sum(np.exp(-surprise) * surprise) * grid.cell
    found = evaluate(law, drawn)
    assert found.mean() == pytest.approx(entropy, abs=4.5 * found.std() / math.sqrt(len(drawn)))


@pytest.mark.parametrize("name", ["gaussian", "kde"])
def test_baseline_ignores_network(name, data, fits):
    network = Confined(FourierMLP(2, num_features=4, width=4, key=jr.key(0)))
    fit = train(METHODS[name], network, data, key=jr.key(1))
    assert fit.divergence_reason is None and len(fit.losses) == 0
    assert jax.tree.structure(fit.energy) == jax.tree.structure(fits[name])


def test_gaussian_matches_scipy(data, fits):
    x = np.asarray(data, np.float64)
    referee = scipy.stats.multivariate_normal(x.mean(axis=0), np.cov(x.T))
    points = x[:100]
    np.testing.assert_allclose(
        -evaluate(fits["gaussian"], points), referee.logpdf(points), atol=1e-3
    )


def test_gaussian_maximizes_likelihood(data):
    """Its mean surprise is d / 2 log(2 pi e) + log |C| / 2; other widths are less likely."""
    from ebmark.methods.noises import Gaussian

    surprises = [
        evaluate(Gaussian.fit(data, scale, jr.key(0)), np.asarray(data)).mean()
        for scale in (0.98, 1.0, 1.02)
    ]
    assert surprises[1] < min(surprises[0], surprises[2])
    entropy = math.log(2 * math.pi * math.e) + np.linalg.slogdet(np.cov(np.asarray(data).T))[1] / 2
    assert surprises[1] == pytest.approx(entropy, abs=1e-3)


def test_kde_matches_scikit_learn(fits):
    law = fits["kde"]
    # one leaf: sums over its tree's many lose the far tails
    referee = KernelDensity(bandwidth=float(law.bandwidth), leaf_size=10_000)
    referee.fit(np.asarray(law.centers))
    x = np.random.default_rng(0).normal(size=(200, 2))
    np.testing.assert_allclose(-evaluate(law, x), referee.score_samples(x), atol=2e-3, rtol=1e-3)


def test_leave_one_out_score_matches_scikit_learn(data):
    points, grid = np.asarray(data[:80], np.float64), np.geomspace(0.05, 1, 8)
    scores = [
        cross_val_score(KernelDensity(bandwidth=b), points, cv=LeaveOneOut()).mean() for b in grid
    ]
    ours = jax.jit(jax.vmap(leave_one_out_score, in_axes=(None, 0)))(data[:80], jnp.asarray(grid))
    constant = math.log(79) + math.log(2 * math.pi)  # which no bandwidth changes
    np.testing.assert_allclose(np.asarray(ours) - constant, scores, atol=1e-3)


def test_kde_bandwidth_maximizes_score(data):
    method = KernelDensityEstimate(num_centers=300)
    law = eqx.filter_jit(method.build_trainable)(None, data, jr.key(1))
    assert law.centers.shape == (300, 2)
    near = [float(leave_one_out_score(law.centers, law.bandwidth * k)) for k in (0.9, 1.0, 1.1)]
    assert near[1] == max(near) and 0.03 < float(law.bandwidth) < 0.9


def test_kde_more_centers_narrower_bandwidth(data):
    """Silverman's n^(-1/6) in two dimensions; here only the order of two far numbers."""
    wide, narrow = (
        eqx.filter_jit(KernelDensityEstimate(num_centers=num).build_trainable)(
            None, data, jr.key(1)
        ).bandwidth
        for num in (100, 1_500)
    )
    assert float(narrow) < 0.9 * float(wide)


@pytest.mark.full
def test_trained_flow_likelier_than_gaussian(data, fits):
    short = dataclasses.replace(METHODS["flow"], num_updates=250, batch_size=128)
    fit = train(short, Quadratic(jnp.array(1.0), jnp.zeros(2)), data, key=jr.key(1))
    fresh = np.asarray(data)
    by_flow, by_gaussian = (evaluate(law, fresh).mean() for law in (fit.energy, fits["gaussian"]))
    assert fit.divergence_reason is None and by_flow < by_gaussian - 0.4


def test_flow_loss_is_nll():
    r"""$\log N(z; 0, I) + \log|\det \partial z / \partial x|$, the Jacobian by autodiff."""
    method, batch = METHODS["flow"].method, 1.5 * jr.normal(jr.key(3), (200, 2))
    flow = method.build_trainable(None, batch, jr.key(4))
    loss, _ = eqx.filter_jit(method.loss)(flow, batch, None, jr.key(5))
    inverse = flow.bijection.inverse
    z = np.asarray(jax.vmap(inverse)(batch), np.float64)
    slopes = np.asarray(jax.vmap(jax.jacfwd(inverse))(batch), np.float64)
    log_q = scipy.stats.norm.logpdf(z).sum(axis=1) + np.linalg.slogdet(slopes)[1]
    assert float(loss) == pytest.approx(-log_q.mean(), abs=1e-4)
    assert abs(np.linalg.slogdet(slopes)[1]).max() > 0.1  # it bends space, trained or not
