"""Metrics of two samples: inputs, classifier, neighbors, Sinkhorn divergence, modes.

Random tests have fixed seeds; the stated rates of failure are those with other seeds.
"""

import doctest
import importlib

import jax.random as jr
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import (
    ADDITIONAL_SAMPLE_METRICS,
    SAMPLE_METRICS,
    classifier_accuracy,
    coverage,
    density,
    high_quality_fraction,
    precision,
    recall,
    sinkhorn_divergence,
)

METRICS = {**SAMPLE_METRICS, **ADDITIONAL_SAMPLE_METRICS}


def normal(num, dim=2, seed=0):
    return np.random.default_rng(seed).normal(size=(num, dim))


def draw(num, seed, name="eight_gaussians"):
    return SyntheticDataset(name).draw(num, jr.key(seed))


def without_mode(x):
    """The points of eight_gaussians outside its mode on the first axis."""
    return x[~((x[:, 0] > 2) & (abs(x[:, 1]) < 1.1))]


@pytest.mark.parametrize("name", METRICS)
def test_metric_is_float_independent_of_order(name):
    """C2ST depends on the order by its folds. Input with NaN gives NaN."""
    metric = METRICS[name]
    x, y = normal(200, seed=1), normal(200, seed=2) + 0.5
    value = metric(x, y)
    assert isinstance(value, float) and np.isfinite(value)
    if name != "c2st":
        assert metric(x[::-1], y[::-1]) == pytest.approx(value, rel=1e-6)
    x[3, 1] = np.nan
    assert np.isnan(metric(x, y))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("x", [np.zeros(5), np.zeros((5, 3)), np.zeros((0, 2))])
def test_metric_rejects_other_shapes(name, x, unchecked_shapes):
    with pytest.raises(ValueError, match="'x'.* must have"):
        METRICS[name](x, normal(5))


def test_sinkhorn_of_translation_is_squared_shift():
    x = normal(200)
    assert sinkhorn_divergence(x, x) == pytest.approx(0, abs=1e-9)
    shift = np.array([0.6, -0.8])
    assert sinkhorn_divergence(x, x + shift) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.full
def test_classifier_accuracy_is_within_tv_bound():
    """At most 1/2 + TV / 2: 0.611 for weights 1 to 8 (TV 0.2222), 0.5625 for a missing mode (TV
    1/8)."""
    target = draw(2_000, 1)
    same = classifier_accuracy(draw(2_000, 2), target)
    assert same == pytest.approx(0.5, abs=0.03)
    unequal = classifier_accuracy(draw(2_000, 3, "eight_gaussians_unequal"), target)
    assert 0.56 < unequal < 0.5 + 0.2222 / 2 + 0.03
    incomplete = without_mode(draw(2_600, 4))[:2_000]
    assert 0.53 < classifier_accuracy(incomplete, target) < 0.5625 + 0.03


def test_neighbor_metrics_match_brute_force():
    x, y = normal(80, 3, seed=1), 1.2 * normal(60, 3, seed=2)
    between = cdist(x, y)
    radius_y = np.sort(cdist(y, y), axis=1)[:, 5]
    radius_x = np.sort(cdist(x, x), axis=1)[:, 5]
    assert precision(x, y) == np.mean((between <= radius_y).any(axis=1))
    assert recall(x, y) == np.mean((between <= radius_x[:, None]).any(axis=0))
    assert density(x, y) == pytest.approx((between <= radius_y).sum() / (5 * 80))
    assert coverage(x, y) == np.mean(between.min(axis=0) <= radius_y)


def test_coverage_decreases_by_weight_of_missing_mode():
    """1 - 2^-5 for samples of equal size; the standard error of 2,000 points is about 0.004."""
    target = draw(2_000, 1)
    x = draw(2_000, 2)
    assert coverage(x, target) == pytest.approx(1 - 2**-5, abs=0.02)
    assert coverage(x, target) - coverage(without_mode(x), target) == pytest.approx(1 / 8, abs=0.03)


def test_high_quality_fraction_is_99_percent_for_target():
    """Standard error 0.003 at 2,000 points; it is 1 for samples at the modes."""
    source = SyntheticDataset("eight_gaussians")
    y = source.component_log_probs(draw(2_000, 1))
    x = source.component_log_probs(draw(2_000, 2))
    assert high_quality_fraction(x, y) == pytest.approx(0.99, abs=0.012)
    assert high_quality_fraction(np.repeat(y.max(axis=0)[None], 9, axis=0), y) == 1.0


@pytest.mark.parametrize("module", ["_modes", "_wasserstein"])
def test_examples_run(module):
    name = f"ebmark.metrics.{module}"
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("distance", [0.0, 1.0, 1e3, 1e8])
def test_sinkhorn_of_collapsed_sample_has_no_warning(distance):
    """Warnings are errors here; the value is a number and the squared distance far away."""
    y = np.random.default_rng(0).normal(size=(40, 2))
    value = sinkhorn_divergence(np.full((30, 2), distance), y)
    assert np.isfinite(value) and value > 0
