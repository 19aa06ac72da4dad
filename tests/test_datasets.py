"""Datasets: the declared density is one, samples follow it, and its numbers are right.

Random tests have fixed seeds; with fresh ones each would fail with the probability told beside it.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from sklearn.datasets import make_moons

from ebmark.datasets import DATASETS, HalfMoons
from ebmark.datasets import _moons as moons_module
from ebmark.quadrature import Grid, evaluate

NUM = 20_000


@pytest.fixture(scope="module", params=DATASETS)
def law(request):
    """A dataset, a grid of ten standard deviations, its log-density there, and samples."""
    dataset = DATASETS[request.param]
    mean, scale = (np.array(moment) for moment in dataset.moments())
    grid = Grid(tuple(mean - 5 * scale), tuple(mean + 5 * scale), 384)
    components = evaluate(dataset.log_components, grid.points())
    keys = jr.split(jr.key(7), NUM)
    samples = np.asarray(jax.jit(jax.vmap(dataset.sample))(keys), np.float64)
    return request.param, dataset, grid, components, samples


def test_the_density_integrates_to_one(law):
    _, _, grid, components, _ = law
    assert np.exp(components).sum() * grid.cell == pytest.approx(1, abs=2e-6)


def test_the_entropy_is_the_declared_one(law):
    _, dataset, grid, components, _ = law
    log_p = np.logaddexp.reduce(components, axis=1)
    entropy = -np.sum(np.exp(log_p) * log_p) * grid.cell
    assert entropy == pytest.approx(dataset.entropy, abs=2e-5)


def test_samples_follow_the_density(law):
    """Chi-square over 8 x 8 cells of equal area; fails once in 1,000 seeds a dataset."""
    _, _, grid, components, samples = law
    mass = np.exp(np.logaddexp.reduce(components, axis=1)).reshape(grid.nodes, grid.nodes)
    blocks = mass.reshape(8, grid.nodes // 8, 8, grid.nodes // 8).sum(axis=(1, 3)) * grid.cell
    edges = [np.linspace(lo, hi, 9) for lo, hi in zip(grid.lower, grid.upper, strict=True)]
    counts, *_ = np.histogram2d(*samples.T, bins=edges)
    seen = blocks * NUM > 5
    expected = np.append(blocks[seen], max(1 - blocks[seen].sum(), 0)) * NUM
    found = np.append(counts[seen], NUM - counts[seen].sum())
    keep = expected > 1e-3
    statistic = np.sum((found[keep] - expected[keep]) ** 2 / np.maximum(expected[keep], 1))
    assert scipy.stats.chi2.sf(statistic, keep.sum() - 1) > 1e-3


def test_each_mode_has_its_mass(law):
    """Multinomial; fails once in 1,000 seeds a dataset."""
    _, dataset, grid, components, samples = law
    masses = np.exp(components).sum(axis=0) * grid.cell
    regions = np.asarray(jax.jit(jax.vmap(dataset.region))(jnp.asarray(samples, jnp.float32)))
    # regions are the likelier component, not the one drawn from: integrate over them
    p = np.exp(np.logaddexp.reduce(components, axis=1)) * grid.cell
    expected = np.bincount(components.argmax(axis=1), p, minlength=dataset.modes) * NUM
    counts = np.bincount(regions, minlength=dataset.modes)
    assert masses.sum() == pytest.approx(1, abs=1e-5) and len(counts) == dataset.modes
    expected *= counts.sum() / expected.sum()
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3


def test_the_moments_are_those_of_the_samples(law):
    """Within 4.5 standard errors: fails once in 30,000 seeds a number."""
    _, dataset, _, _, samples = law
    mean, scale = (np.array(moment) for moment in dataset.moments())
    assert np.all(np.abs(samples.mean(axis=0) - mean) < 4.5 * scale / np.sqrt(NUM))
    assert np.all(np.abs(samples.std(axis=0) / scale - 1) < 4.5 / np.sqrt(NUM))


def test_the_score_is_the_slope_of_the_log_density(law):
    _, dataset, _, _, samples = law
    points = jnp.asarray(samples[:50], jnp.float32)
    slopes = jax.jit(jax.vmap(dataset.score))(points)
    width = 1e-2

    def difference(x):
        steps = width * jnp.eye(2)
        ends = jax.vmap(lambda s: dataset.log_prob(x + s) - dataset.log_prob(x - s))(steps)
        return ends / (2 * width)

    np.testing.assert_allclose(slopes, jax.jit(jax.vmap(difference))(points), rtol=0.02, atol=0.1)


def test_the_local_scale_is_that_of_the_closest_curvature(law):
    """Near a mode's middle the log-density bends by -1/s^2 in the direction that bends most."""
    _, dataset, _, _, samples = law
    points = jnp.asarray(samples[:500], jnp.float32)
    hessians = np.asarray(jax.jit(jax.vmap(jax.hessian(dataset.log_prob)))(points), np.float64)
    steepest = -np.linalg.eigvalsh(hessians)[:, 0]
    assert np.median(steepest) == pytest.approx(1 / dataset.local_scale**2, rel=0.05)


def test_128_nodes_are_exact_for_the_moons(monkeypatch):
    points = np.asarray(make_moons(400, noise=0.1, random_state=0)[0])
    coarse = evaluate(HalfMoons().log_prob, points)
    monkeypatch.setattr(moons_module, "_NODES", 512)
    fine = evaluate(lambda x: HalfMoons().log_prob(x), points)
    assert np.abs(coarse - fine).max() < 1e-4  # float32's digits; 1e-11 in exact arithmetic


def test_scikit_learns_moons_have_this_density():
    """Their mean NLL is the entropy within 4 standard errors: fails once in 16,000 seeds."""
    points = make_moons(NUM, noise=0.1, random_state=1)[0]
    nll = -evaluate(HalfMoons().log_prob, points)
    assert abs(nll.mean() - HalfMoons().entropy) < 4 * nll.std() / np.sqrt(NUM)


def test_entropies_are_those_of_the_literature():
    known = {  # integrated apart from this code, by numpy in float64
        "eight_gaussians": 2.831578,
        "eight_gaussians_unequal": 2.689296,
        "eight_gaussians_separated": 2.144730,
        "eight_gaussians_unequal_separated": 2.002086,
        "half_moons": 1.00758,
    }
    assert {name: dataset.entropy for name, dataset in DATASETS.items()} == known
