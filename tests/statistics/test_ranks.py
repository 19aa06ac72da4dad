"""Ranks over datasets: comparison with scipy and Demsar, level of the tests."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ebmark.statistics import ranks
from ebmark.statistics._ranks import rank

NAN = math.nan


def many(medians):
    """A table of datasets d0, d1, ... (rows) and configurations a, b, ... (columns), one seed."""
    rows = [
        (f"d{i}", chr(97 + e), 0, 1, "kl", value, "done" if math.isfinite(value) else "diverged")
        for i, row in enumerate(medians)
        for e, value in enumerate(row)
    ]
    columns = ["dataset", "method", "seed", "step", "metric", "value", "status"]
    return pd.DataFrame(rows, columns=columns)


def test_ranks_match_scipy_and_demsar():
    medians = np.random.default_rng(11).lognormal(size=(8, 5)) + np.arange(5)
    ranked = ranks(many(medians), [f"d{i}" for i in range(8)], list("abcde"), "kl")
    assert ranked.p == pytest.approx(stats.friedmanchisquare(*medians.T).pvalue)
    assert ranked.critical == pytest.approx(2.728 * math.sqrt(5 * 6 / (6 * 8)), rel=1e-3)
    expected = stats.rankdata(medians, axis=1).mean(axis=0)
    assert sorted(ranked.mean) == ranked.mean == pytest.approx(sorted(expected))
    assert ranked.cliques and all(
        ranked.mean[last] - ranked.mean[first] < ranked.critical for first, last in ranked.cliques
    )


def test_ranks_have_no_p_for_few_datasets():
    ranked = ranks(many([[1.0, NAN, 2.0]] * 5), [f"d{i}" for i in range(5)], list("abc"), "kl")
    assert ranked.entries == ["a", "c", "b"] and ranked.mean == [1.0, 2.0, 3.0]
    assert not ranked.enough and math.isnan(ranked.p) and math.isnan(ranked.critical)
    assert ranks(many([[1.0]]), ["d0"], ["a"], "kl") is None


def test_friedman_has_nominal_level():
    """300 tables of 4 equal methods on 10 datasets: 0.05 and 3.5 standard errors, 1 in 2,000."""
    rng = np.random.default_rng(12)
    p = [stats.friedmanchisquare(*rng.normal(size=(4, 10))).pvalue for _ in range(300)]
    assert np.mean(np.array(p) < 0.05) < 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / 300)


def test_ranks_of_two_methods_match_exact_sign_test():
    """With 6 to 12 datasets, of which one is a tie or none."""
    for num, num_wins, num_ties in itertools.product(range(6, 13), range(13), (0, 1)):
        if num_wins > num - num_ties:
            continue
        medians = [[1.0, 2.0]] * num_wins + [[1.0, 1.0]] * num_ties
        medians += [[2.0, 1.0]] * (num - len(medians))
        ranked = rank(np.array(medians), [f"d{i}" for i in range(num)], ["a", "b"])
        expected = stats.binomtest(num_wins, num - num_ties).pvalue
        assert ranked.p == pytest.approx(expected)
        assert (ranked.cliques == [(0, 1)]) == (expected >= 0.05)
