"""Metrics of many points: what they share with the exact ones, their bias, and their memory."""

import subprocess
import sys

import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import (
    MANY_POINTS,
    energy_distance,
    minibatch_wasserstein,
    mmd,
    null_ranges,
    sinkhorn_divergence,
    sinkhorn_on_the_fly,
    sliced_wasserstein,
    wasserstein,
)


def law(seed: int, n: int) -> np.ndarray:
    return SyntheticDataset("half_moons").draw(n, jr.key(seed))


@pytest.mark.parametrize(("n", "m", "columns"), [(300, 200, 3), (150, 150, 2)])
def test_sinkhorn_on_the_fly_is_pots(n, m, columns):
    rng = np.random.default_rng(n)
    x = 7 + rng.normal(size=(n, columns))
    y = 7.3 + rng.normal(size=(m, columns)) * np.array([1, 3, 0.1])[:columns]
    assert sinkhorn_on_the_fly(x, y) == pytest.approx(sinkhorn_divergence(x, y), rel=1e-4)


@pytest.mark.full
def test_sinkhorn_on_the_fly_resolves_its_own_floor_by_a_tenth_where_few_points_begin():
    """3,000 points begin with 1,500: the difference of two truths, itself small, is POT's."""
    x, y = law(0, 3_000), law(1, 3_000)
    assert sinkhorn_on_the_fly(x, y) == pytest.approx(sinkhorn_divergence(x, y), rel=0.1)


def test_one_batch_is_the_exact_distance_and_more_are_their_mean():
    x, y = law(0, 400), law(1, 400)
    assert minibatch_wasserstein(x, y, batch=400) == wasserstein(x, y)
    two = [wasserstein(x[i::2], y[i::2]) for i in range(2)]
    assert minibatch_wasserstein(x, y, batch=200) == pytest.approx(np.mean(two))


def test_the_bias_of_batches_is_the_floor_of_a_batch_and_does_not_fall_with_the_points():
    """The mean over 10 batches of 100 is near the shipped-like floor at 100, far above that of all.

    Each W2 of 100 points has a relative deviation of some 15 %, the mean of 10 one of 5 %.
    """
    x, y = law(2, 1_000), law(3, 1_000)
    batches = minibatch_wasserstein(x, y, batch=100)
    own = null_ranges.measured(SyntheticDataset("half_moons"), 100, ["w2"], 20)["w2"]["mean"]
    assert batches == pytest.approx(own, rel=0.2)
    assert batches > 1.7 * wasserstein(x, y)


@pytest.mark.parametrize("metric", [mmd, energy_distance, sliced_wasserstein])
def test_blocks_change_nothing(metric, monkeypatch):
    """What is above the diagonal counted twice is what all blocks are."""
    import ebmark.metrics as metrics

    x, y = law(0, 300), law(1, 250)
    whole = metric(x, y)
    for module in (metrics._mmd, metrics._energy_distance):
        monkeypatch.setattr(module, "_BLOCK", 64)
    monkeypatch.setattr(metrics._transport, "_DIRECTIONS", 7)
    assert metric(x, y) == pytest.approx(whole, rel=1e-9)


def test_the_floors_of_u_statistics_fall_as_1_by_n():
    """The shipped range of MMD^2 at 500 points, a quarter of it, is that at 2,000 (100 draws)."""
    for name in ("half_moons", "eight_gaussians"):
        few, many = (
            null_ranges.null_ranges(SyntheticDataset(name), n, ["mmd_sq"])["mmd_sq"]
            for n in (500, 2_000)
        )
        assert (many["high"] - many["low"]) * 4 == pytest.approx(few["high"] - few["low"], rel=0.4)
        scaled = null_ranges.null_ranges(SyntheticDataset(name), 4 * MANY_POINTS, ["mmd_sq"])[
            "mmd_sq"
        ]
        assert scaled["high"] == pytest.approx(many["high"] * 2_000 / (4 * MANY_POINTS))
        assert scaled["n"] == 4 * MANY_POINTS


@pytest.mark.full
def test_twenty_thousand_points_take_little_memory():
    """A matrix of their distances would be 3.2 GB; the whole process stays under 0.7 GB."""
    code = """
import numpy as np
from pathlib import Path
from ebmark.metrics import *
x, y = np.random.default_rng(0).normal(size=(2, 20_000, 2))
found = [f(x, y) for f in (mmd, energy_distance, sliced_wasserstein)]
found.append(minibatch_wasserstein(x, y, most=3))
assert np.isfinite(found).all()
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])  # not the parent's
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) / 2**20 < 0.7
