"""Kendall's tau against scipy, and unresolved values as the worst."""

import math

import numpy as np
import pytest
import scipy.stats

from ebmark.statistics import agreement


def test_tau_matches_scipy():
    for seed in range(20):
        a, b = np.random.default_rng(seed).normal(size=(2, 6))
        expected = scipy.stats.kendalltau(a, b).statistic
        found = agreement(a.tolist(), b.tolist())
        assert found.tau == pytest.approx(expected)
        assert found.num_same == round((1 + expected) / 2 * found.num_pairs)


def test_unresolved_values_are_worst_and_tied():
    """Of the pairs of (1, nan, inf): two in the same order as (1, 2, 3), one tied."""
    assert agreement([1.0, math.nan, math.inf], [1.0, 2.0, 3.0]) == (2 / 3, 2, 3)
