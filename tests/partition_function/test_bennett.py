"""Bennett's acceptance ratio against pymbar, and identities that hold for any weights."""

import doctest

import numpy as np
import pytest

from ebmark.partition_function import _bennett
from ebmark.partition_function._bennett import bennett_acceptance_ratio


def gaussian_weights(num_forward, num_reverse, dissipated, seed=0):
    r"""Log weights of two Gaussians: $f \sim N(\Delta - D, 2D)$ and $r \sim N(-\Delta - D, 2D)$."""
    rng = np.random.default_rng(seed)
    scale = np.sqrt(2 * dissipated)
    forward = 1.7 - dissipated + scale * rng.normal(size=num_forward)
    return forward, -1.7 - dissipated + scale * rng.normal(size=num_reverse)


@pytest.mark.parametrize("numbers", [(200, 200), (50, 700), (700, 50)], ids=str)
@pytest.mark.parametrize("dissipated", [0.1, 2.0, 8.0])
def test_bennett_agrees_with_pymbar(numbers, dissipated, pymbar):
    """Works are minus log weights, and free energies minus log Z."""
    forward, reverse = gaussian_weights(*numbers, dissipated)
    ratio = bennett_acceptance_ratio(forward, reverse)
    expected = pymbar.bar(-forward, -reverse, method="self-consistent-iteration")
    assert ratio.value == pytest.approx(-expected["Delta_f"], abs=1e-6)
    assert ratio.standard_error == pytest.approx(expected["dDelta_f"], rel=1e-4)


@pytest.mark.parametrize("dissipated", [0.5, 3.0])
def test_bennett_error_is_that_of_repetitions(dissipated):
    """300 repetitions: the standard deviation within 4 of its errors (4%), no bias."""
    ratios = [
        bennett_acceptance_ratio(*gaussian_weights(100, 400, dissipated, seed))
        for seed in range(300)
    ]
    values = np.array([ratio.value for ratio in ratios])
    errors = np.array([ratio.standard_error for ratio in ratios])
    assert values.std() == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.17)
    assert values.mean() == pytest.approx(1.7, abs=4 * values.std() / np.sqrt(300) + 0.01)


@pytest.mark.parametrize("numbers", [(10, 10), (3, 40)], ids=str)
def test_bennett_is_antisymmetric_and_shifts(numbers):
    r"""Exchanged directions: $-\Delta$. All energies higher by c: $\Delta - c$."""
    forward, reverse = gaussian_weights(*numbers, 2.0)
    ratio = bennett_acceptance_ratio(forward, reverse)
    swapped = bennett_acceptance_ratio(reverse, forward)
    assert swapped.value == pytest.approx(-ratio.value, abs=1e-8)
    assert swapped.standard_error == pytest.approx(ratio.standard_error, rel=1e-6)
    shifted = bennett_acceptance_ratio(forward - 1e4, reverse + 1e4)
    assert shifted.value == pytest.approx(ratio.value - 1e4, abs=1e-6)


@pytest.mark.parametrize("numbers", [(5, 5), (2, 9), (9, 2)], ids=str)
def test_bennett_of_constant_weights_is_exact(numbers):
    """As on a path of infinitely many levels."""
    ratio = bennett_acceptance_ratio(np.full(numbers[0], 2.5), np.full(numbers[1], -2.5))
    assert ratio == pytest.approx((2.5, 0.0), abs=1e-6)


def test_bennett_without_overlap_has_large_error():
    """Weights of e^-1000 in both directions; float64 holds e^-745."""
    rng = np.random.default_rng(0)
    ratio = bennett_acceptance_ratio(*(-1000 + 30 * rng.normal(size=(2, 20))))
    assert abs(ratio.value) < 200 and ratio.standard_error > 0.9


@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
def test_bennett_of_invalid_weights_is_nan(bad):
    good = np.array([1.0, 2.0])
    for weights in ((np.array([0.0, bad]), good), (good, np.array([0.0, bad]))):
        assert np.isnan(bennett_acceptance_ratio(*weights)).all()
    nothing = np.full(2, -np.inf)
    for weights in ((nothing, good), (good, nothing)):
        assert np.isnan(bennett_acceptance_ratio(*weights)).all()


def test_zero_weights_lower_the_estimate():
    """A path that reaches an infinite energy has weight 0."""
    forward, reverse = gaussian_weights(100, 100, 0.5)
    ratio = bennett_acceptance_ratio(np.append(forward, -np.inf), reverse)
    assert (
        np.isfinite(ratio).all() and ratio.value < bennett_acceptance_ratio(forward, reverse).value
    )


def test_examples_run():
    assert doctest.testmod(_bennett).failed == 0
