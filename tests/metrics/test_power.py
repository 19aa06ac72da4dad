"""The laws that the table of power is made of are wrong in the way that they say."""

import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import power

LAWS = power.wrong_laws()
TRUTH = SyntheticDataset("eight_gaussians")


def shares(x):
    modes = TRUTH.component_log_probs(x).argmax(axis=1)
    return np.bincount(modes, minlength=8) / len(x)


@pytest.mark.parametrize("name", LAWS)
def test_each_gives_as_many_points_as_the_truth_and_others_for_another_seed(name):
    x = LAWS[name](3)
    assert x.shape == TRUTH.draw(len(x), jr.key(0)).shape
    assert np.isfinite(x).all() and not np.array_equal(x, LAWS[name](4))


def test_they_are_wrong_in_what_they_say_and_right_in_the_rest():
    """Shares to 4 standard errors of 500 draws: 1 seed in 2,000."""
    assert shares(LAWS["the truth"](0)) == pytest.approx(np.full(8, 1 / 8), abs=0.06)
    assert shares(LAWS["a mode lost"](0)).min() == 0
    assert shares(LAWS["modes twice as wide"](0)) == pytest.approx(np.full(8, 1 / 8), abs=0.06)
    assert shares(LAWS["weights 1 to 8"](0)).max() > 0.17
    # 2 (x - c) + c: twice the truth's points less these are the centres, exactly
    centers = 2 * LAWS["the truth"](0) - LAWS["modes twice as wide"](0)
    assert len(np.unique(centers.round(6), axis=0)) == 8


def test_the_stein_discrepancy_sees_the_width_and_not_the_weights():
    metrics = power.metrics()
    truth, wide, unequal = (
        LAWS[n](0) for n in ("the truth", "modes twice as wide", "weights 1 to 8")
    )
    ksd = metrics["ksd_sq"]
    assert ksd(wide, truth) > 10 * abs(ksd(truth, truth))
    assert abs(ksd(unequal, truth)) < 0.1 * ksd(wide, truth)
