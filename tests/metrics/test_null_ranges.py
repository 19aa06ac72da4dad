"""Null ranges: the shipped file, and their scaling with the sample size."""

import json
import math
from pathlib import Path

import pytest

import ebmark
from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.metrics import MANY_POINTS, SAMPLE_METRICS
from ebmark.metrics.null_ranges import null_ranges

# From independent code, with n = 2,000: mean and standard deviation of 5 draws of W1 and W2.
INDEPENDENT = {
    "eight_gaussians": {"w1": (0.156, 0.031), "w2": (0.246, 0.065)},
    "half_moons": {"w1": (0.051, 0.007), "w2": (0.067, 0.011)},
}
SHIPPED = Path(ebmark.__file__).parent / "metrics" / "null_ranges.json"


@pytest.fixture(scope="module")
def shipped():
    return json.loads(SHIPPED.read_text())["null_ranges"]


@pytest.mark.parametrize("name", INDEPENDENT)
def test_shipped_ranges_match_independent_code(name, shipped):
    """Within three standard errors of 5 draws."""
    for metric, (mean, std) in INDEPENDENT[name].items():
        shipped_mean = shipped[name]["2000"][metric]["mean"]
        assert shipped_mean == pytest.approx(mean, abs=3 * std / math.sqrt(5)), metric


def test_shipped_ranges_decrease_with_sample_size(shipped):
    """By about sqrt(4) or somewhat less, except for the squared MMD, whose mean is 0."""
    assert {"eight_gaussians", "half_moons"} <= shipped.keys() <= DATASETS.keys()
    for by_size in shipped.values():
        for metric in SAMPLE_METRICS:
            small = by_size["500"][metric]
            large = by_size["2000"][metric]
            for null_range in (small, large):
                assert null_range["low"] < null_range["mean"] < null_range["high"]
                assert null_range["draws"] >= 100
            if metric != "mmd_sq":
                assert 1.2 < small["mean"] / large["mean"] < 2.6


@pytest.mark.parametrize("name", ["half_moons", "eight_gaussians"])
def test_ranges_of_u_statistics_decrease_as_1_by_n(name):
    """The shipped range of the squared MMD at 2,000 points is a quarter of that at 500 points."""
    source = SyntheticDataset(name)
    small = null_ranges(source, 500, ["mmd_sq"])["mmd_sq"]
    large = null_ranges(source, 2_000, ["mmd_sq"])["mmd_sq"]
    assert (large["high"] - large["low"]) * 4 == pytest.approx(
        small["high"] - small["low"], rel=0.4
    )
    num = 4 * MANY_POINTS
    scaled = null_ranges(source, num, ["mmd_sq"])["mmd_sq"]
    assert scaled["high"] == pytest.approx(large["high"] * 2_000 / num)
    assert scaled["n"] == num
