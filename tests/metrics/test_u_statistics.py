"""MMD, energy distance and KSD: definitions, means, and memory.

Random tests have fixed seeds; the stated rates of failure are those with other seeds.
"""

import math
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats
from scipy.spatial.distance import cdist

from ebmark.metrics import energy_distance, kernel_stein_discrepancy, mmd


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(num, dim=2, seed=0):
    return np.random.default_rng(seed).normal(size=(num, dim))


def naive_mmd(x, y):
    """The double sums, term by term."""
    median = np.median(scipy.spatial.distance.pdist(y))

    def kernel(a, b):
        square = np.sum((a - b) ** 2)
        widths = median * np.array([0.1, 0.3, 1.0, 3.0])
        return np.mean(np.exp(-square / (2 * widths**2)))

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    between = sum(kernel(a, b) for a in x for b in y)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m)


def test_mmd_matches_naive_double_sum():
    """For an odd number of pairs, the median distance is the root of the median squared one."""
    x = rng().normal(size=(30, 3))
    y = rng(1).normal(0.5, 1, size=(23, 3))
    assert mmd(x, y) == pytest.approx(naive_mmd(x, y), abs=1e-12)


def test_mmd_by_blocks_matches_full_matrix():
    x, y = rng().normal(size=(1_500, 2)), rng(1).normal(0.2, 1, size=(900, 2))
    kernels = [
        scipy.spatial.distance.cdist(a, b, "sqeuclidean") for a, b in ((x, x), (y, y), (x, y))
    ]
    median = np.median(kernels[1][np.triu_indices(900, 1)])
    xx, yy, xy = (
        np.mean([np.exp(-k / (2 * w**2 * median)) for w in (0.1, 0.3, 1, 3)], axis=0)
        for k in kernels
    )
    expected = (xx.sum() - 1_500) / (1_500 * 1_499) + (yy.sum() - 900) / (900 * 899) - 2 * xy.mean()
    assert mmd(x, y) == pytest.approx(expected, abs=1e-12)


def test_mmd_of_equal_distributions_has_mean_zero():
    """200 pairs of samples, four standard errors: fails once in 16,000. A V-statistic would never
    be negative."""
    draws = [mmd(*rng(seed).normal(size=(2, 60, 2))) for seed in range(200)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / math.sqrt(200)
    assert min(draws) < 0 < max(draws)


def test_mmd_increases_with_shift():
    x, y = rng().normal(size=(2, 400, 2))
    values = [mmd(x + shift, y) for shift in (0.0, 0.3, 0.6, 1.2, 2.4)]
    assert all(a < b for a, b in zip(values, values[1:], strict=False))


@pytest.mark.parametrize("seed", range(3))
def test_mmd_is_independent_of_units_and_origin(seed):
    """A million standard deviations away, such as dates in seconds."""
    x, y = rng(seed).normal(size=(2, 300, 2)) + [[[0.1, 0]], [[0, 0]]]
    assert mmd(50 * x, 50 * y) == pytest.approx(mmd(x, y), abs=1e-9)
    assert mmd(x + 1e6, y + 1e6) == pytest.approx(mmd(x, y), abs=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_mmd_is_nan_for_nonfinite_samples(bad):
    x, y = rng().normal(size=(2, 20, 2))
    x[3, 1] = bad
    assert math.isnan(mmd(x, y)) and math.isnan(mmd(y, x))


def test_mmd_of_constant_points_is_zero():
    assert mmd(np.ones((20, 2)), np.ones((30, 2))) == pytest.approx(0, abs=1e-12)


def test_energy_distance_in_1d_matches_scipy():
    """scipy's is the root of the V-statistic, which counts pairs of a point with itself."""
    x, y = normal(300, 1, seed=1), 0.7 * normal(400, 1, seed=2) + 0.2
    within = [cdist(z, z).sum() / (len(z) ** 2 * (len(z) - 1)) for z in (x, y)]
    expected = scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2 - sum(within)
    assert energy_distance(x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("metric", [energy_distance, mmd])
def test_u_statistic_has_mean_zero(metric):
    """60 draws, four standard errors: fails once in 16,000."""
    values = [metric(normal(150, seed=2 * k), normal(150, seed=2 * k + 1)) for k in range(60)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(60)
    assert min(values) < 0


@pytest.mark.full
def test_u_statistics_use_little_memory():
    """Less than 60% of a matrix of n^2 doubles."""
    x, y = normal(10_000, seed=1), normal(10_000, seed=2)
    for metric in (mmd, energy_distance):
        tracemalloc.start()
        assert abs(metric(x, y)) < 5e-3
        assert tracemalloc.get_traced_memory()[1] < 0.6 * 8 * len(x) * len(y)
        tracemalloc.stop()


@pytest.mark.slow
def test_ksd_matches_autodiff_of_definition():
    x, scores = normal(12), normal(12, seed=3)
    gaps = ((x[:, None] - x) ** 2).sum(-1)
    c2 = np.median(gaps[np.triu_indices(12, 1)])
    kernel = lambda a, b: (1 + jnp.sum((a - b) ** 2) / c2) ** -0.5

    def stein(a, b, s, t):
        cross = jnp.trace(jax.jacfwd(jax.grad(kernel, 1), 0)(a, b))
        to, of = jax.grad(kernel, (1, 0))(a, b)
        return s @ t * kernel(a, b) + s @ to + t @ of + cross

    pairs = jax.vmap(jax.vmap(stein, (None, 0, None, 0)), (0, None, 0, None))(x, x, scores, scores)
    expected = (pairs.sum() - jnp.trace(pairs)) / (12 * 11)
    assert kernel_stein_discrepancy(x, scores) == pytest.approx(float(expected), rel=1e-4)


def test_ksd_has_mean_zero_for_own_density_only():
    """40 draws, four standard errors: fails once in 16,000."""
    draws = [normal(200, seed=k) for k in range(40)]
    own = [kernel_stein_discrepancy(x, -x) for x in draws]
    assert abs(np.mean(own)) < 4 * np.std(own) / np.sqrt(40)
    wider = [kernel_stein_discrepancy(1.3 * x, -1.3 * x) for x in draws]
    assert np.mean(wider) > 8 * np.std(wider) / np.sqrt(40)


def test_ksd_rejects_other_shape(unchecked_shapes):
    with pytest.raises(ValueError, match="'x' and 'scores' must have the same shape"):
        kernel_stein_discrepancy(normal(3), normal(4))
