"""Null ranges: the shipped file, and their scaling with the sample size."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ebmark
from ebmark.datasets import DATASETS, SyntheticDataset, UserDataset
from ebmark.metrics import MANY_POINTS, SAMPLE_METRICS
from ebmark.metrics import null_ranges as module
from ebmark.metrics.null_ranges import null_ranges
from ebmark.statistics import other_level
from ebmark.studies.collect import _compared_samples
from ebmark.studies.trained import Trained

# From independent code, with n = 2,000: mean and standard deviation of 5 draws of W1 and W2.
INDEPENDENT = {
    "eight_gaussians": {"w1": (0.156, 0.031), "w2": (0.246, 0.065)},
    "half_moons": {"w1": (0.051, 0.007), "w2": (0.067, 0.011)},
}
SHIPPED = Path(ebmark.__file__).parent / "metrics" / "null_ranges.json"


@pytest.fixture(scope="module")
def shipped():
    return json.loads(SHIPPED.read_text())["null_ranges"]


def num_draws(null_range):
    """Ranges that were measured before draws were stored have only their number."""
    draws = null_range["draws"]
    return len(draws) if isinstance(draws, list) else draws


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
                assert num_draws(null_range) >= 100
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


@pytest.mark.parametrize("num_draws", [2, 5, 19, 20, 38, 39, 40, 57, 99, 100, 1_000])
def test_range_holds_its_level(num_draws):
    """With the order statistics of uniform draws at their means, i / (m + 1), the range is as long
    as the fraction of new draws that it holds on average."""
    draws = (np.arange(1, num_draws + 1) / (num_draws + 1)).tolist()
    null_range = module._summarize(draws, 7)
    assert null_range["high"] - null_range["low"] == pytest.approx(null_range["level"], abs=1e-3)
    assert null_range["level"] == pytest.approx(
        min(0.95, (num_draws - 1) / (num_draws + 1)), abs=1e-3
    )
    assert (other_level(null_range["level"]) == "") == (num_draws >= 39)
    assert null_range["draws"] == pytest.approx(draws, rel=1e-4) and null_range["n"] == 7


def test_measured_ranges_state_their_draws():
    source = UserDataset("mine", np.random.default_rng(0).normal(size=(90, 2)))
    null_range = null_ranges(source, 500, ["sliced_w2"])["sliced_w2"]
    assert (null_range["n"], len(null_range["draws"]), null_range["level"]) == (45, 39, 0.95)
    assert null_range["low"] == min(null_range["draws"])
    assert null_range["high"] == max(null_range["draws"])


@pytest.mark.parametrize(("num_points", "num"), [(30, 2_000), (100, 15), (1_000, 2_000)])
def test_null_compares_as_many_points_as_runs(num_points, num, tmp_path, monkeypatch):
    """Runs on user data compare as many samples with as many held-out points as the null."""
    points = np.random.default_rng(0).normal(size=(num_points, 2))
    source = UserDataset("mine", points)
    monkeypatch.setattr("ebmark.studies.collect.load_source", lambda spec, folder: source)
    spec = {"dataset": "mine", "num_metric_samples": num}
    ((_, num_null),) = _compared_samples(tmp_path, {"run": spec})
    trained = SimpleNamespace(spec=spec, test_x=points[: source.num_held_out])
    assert Trained.num_metric_samples.fget(trained) == num_null <= source.num_held_out
