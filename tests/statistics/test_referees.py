"""Statistics without `scipy.stats`, which takes long to import, against it as the referee."""

import numpy as np
import pytest
import scipy.stats

from ebmark.statistics import bca, success, summary
from ebmark.statistics._null import _mann_whitney
from ebmark.statistics._paired import _signed_rank_p

SIZES = [(2, 5), (3, 100), (6, 8), (8, 9), (9, 9), (10, 100)]


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("digits", [0, 1, 9])
def test_mann_whitney(n, m, digits):
    """With many ties, few and none."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(0.5, size=n).round(digits), rng.normal(size=m).round(digits)
        if len(np.unique([*x, *y])) > 1:
            assert _mann_whitney(x, y) == pytest.approx(scipy.stats.mannwhitneyu(x, y))


@pytest.mark.parametrize(
    ("n", "digits"), [(1, 9), (5, 9), (6, 1), (13, 9), (20, 1), (50, 9), (60, 9)]
)
def test_signed_rank(n, digits):
    for seed in range(20):
        d = np.random.default_rng(seed).normal(0.3, size=n).round(digits)
        d = d[d != 0]
        if len(d):
            assert _signed_rank_p(d) == pytest.approx(scipy.stats.wilcoxon(d).pvalue, rel=1e-12)


@pytest.mark.parametrize("n", [3, 10, 40])
def test_bca(n):
    """The same resamples, but for one that scipy leaves out of the jackknife."""
    for seed in range(5):
        x = np.random.default_rng(seed).lognormal(size=n)
        settings = {"n_resamples": 2_000, "method": "BCa", "rng": np.random.default_rng(0)}
        expected = scipy.stats.bootstrap((x,), np.mean, **settings).confidence_interval
        assert bca(x)[1:] == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_success():
    for n in (1, 7, 30):
        for k in range(n + 1):
            values = [1.0] * k + [np.nan] * (n - k)
            interval = scipy.stats.binomtest(k, n).proportion_ci(0.95, method="exact")
            assert success(values)[2:] == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("n", [2, 6, 9, 20, 31])
def test_intervals_of_mean_and_median(n):
    """Student's t, and the order statistics of the binomial distribution."""
    x = np.random.default_rng(n).normal(3.0, size=n)
    found = summary(x, is_geometric=False)
    expected = scipy.stats.t.interval(0.95, n - 1, x.mean(), scipy.stats.sem(x))
    assert (found.low, found.high) == pytest.approx(expected)
    if n < 6:
        assert np.isnan(found.median_low)
    else:
        k = int(scipy.stats.binom.ppf(0.025, n, 0.5))
        ordered = np.sort(x)
        assert (found.median_low, found.median_high) == (ordered[k - 1], ordered[n - k])
