"""The distributions of the page on power have the errors that they are named after."""

import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import power
from ebmark.metrics.power import ERRORS

TARGET = SyntheticDataset("eight_gaussians")


def mode_frequencies(x):
    modes = TARGET.component_log_probs(x).argmax(axis=1)
    return np.bincount(modes, minlength=8) / len(x)


@pytest.mark.parametrize("error", ERRORS)
def test_errors_sample_points_from_seed(error):
    x = ERRORS[error](3)
    assert x.shape == TARGET.draw(len(x), jr.key(0)).shape
    assert np.isfinite(x).all() and not np.array_equal(x, ERRORS[error](4))


def test_errors_change_what_they_name():
    """Frequencies to 4 standard errors of 500 draws: fails for 1 seed in 2,000.

    Twice the target samples less those with wide modes, 2 (x - c) + c, are the centers exactly.
    """
    target = ERRORS["none (level)"](0)
    wide = ERRORS["modes twice as wide"](0)
    assert mode_frequencies(target) == pytest.approx(np.full(8, 1 / 8), abs=0.06)
    assert mode_frequencies(ERRORS["a missing mode"](0)).min() == 0
    assert mode_frequencies(wide) == pytest.approx(np.full(8, 1 / 8), abs=0.06)
    assert mode_frequencies(ERRORS["weights 1 to 8"](0)).max() > 0.17
    centers = 2 * target - wide
    assert len(np.unique(centers.round(6), axis=0)) == 8


def test_ksd_detects_width_but_not_weights():
    ksd = power.metrics()["ksd_sq"]
    target = ERRORS["none (level)"](0)
    wide = ERRORS["modes twice as wide"](0)
    unequal = ERRORS["weights 1 to 8"](0)
    assert ksd(wide, target) > 10 * abs(ksd(target, target))
    assert abs(ksd(unequal, target)) < 0.1 * ksd(wide, target)
