"""Metrics of large samples: agreement with the exact ones, bias, and memory."""

import subprocess
import sys

import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import (
    _energy_distance,
    _mmd,
    _wasserstein,
    energy_distance,
    minibatch_wasserstein,
    mmd,
    sinkhorn_divergence,
    sinkhorn_on_the_fly,
    sliced_wasserstein,
    wasserstein,
)
from ebmark.metrics.null_ranges import measure_null_ranges


def draw(seed: int, num: int) -> np.ndarray:
    return SyntheticDataset("half_moons").draw(num, jr.key(seed))


@pytest.mark.parametrize(("n", "m", "dim"), [(300, 200, 3), (150, 150, 2)])
def test_sinkhorn_on_the_fly_matches_pot(n, m, dim):
    rng = np.random.default_rng(n)
    x = 7 + rng.normal(size=(n, dim))
    y = 7.3 + rng.normal(size=(m, dim)) * np.array([1, 3, 0.1])[:dim]
    assert sinkhorn_on_the_fly(x, y) == pytest.approx(sinkhorn_divergence(x, y), rel=1e-4)


@pytest.mark.full
def test_sinkhorn_on_the_fly_starts_from_subset():
    """3,000 points start from 1,500; the small value for equal distributions is within 10%."""
    x = draw(0, 3_000)
    y = draw(1, 3_000)
    assert sinkhorn_on_the_fly(x, y) == pytest.approx(sinkhorn_divergence(x, y), rel=0.1)


def test_minibatch_wasserstein_is_mean_over_batches():
    x = draw(0, 400)
    y = draw(1, 400)
    assert minibatch_wasserstein(x, y, batch_size=400) == wasserstein(x, y)
    distances = [wasserstein(x[i::2], y[i::2]) for i in range(2)]
    assert minibatch_wasserstein(x, y, batch_size=200) == pytest.approx(np.mean(distances))


def test_minibatch_wasserstein_has_bias_of_batch():
    """The mean over 10 batches of 100 points is the null mean for 100 points, not for 1,000.

    W2 of 100 points has a relative standard deviation of about 15%, the mean of 10 about 5%.
    """
    x = draw(2, 1_000)
    y = draw(3, 1_000)
    distance = minibatch_wasserstein(x, y, batch_size=100)
    null_range = measure_null_ranges(SyntheticDataset("half_moons"), 100, ["w2"], 20)["w2"]
    assert distance == pytest.approx(null_range["mean"], rel=0.2)
    assert distance > 1.7 * wasserstein(x, y)


@pytest.mark.parametrize("metric", [mmd, energy_distance, sliced_wasserstein])
def test_metric_is_independent_of_block_size(metric, monkeypatch):
    """Blocks above the diagonal count twice."""
    x = draw(0, 300)
    y = draw(1, 250)
    expected = metric(x, y)
    for module in (_mmd, _energy_distance):
        monkeypatch.setattr(module, "_BLOCK", 64)
    monkeypatch.setattr(_wasserstein, "_DIRECTIONS", 7)
    assert metric(x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.full
def test_metrics_of_20000_points_use_little_memory():
    """A matrix of the distances would be 3.2 GB; the process stays below 0.7 GB.

    The peak is read from /proc, as getrusage includes that of the parent.
    """
    code = """
import numpy as np
from pathlib import Path
from ebmark.metrics import *
x, y = np.random.default_rng(0).normal(size=(2, 20_000, 2))
values = [metric(x, y) for metric in (mmd, energy_distance, sliced_wasserstein)]
values.append(minibatch_wasserstein(x, y, max_batches=3))
assert np.isfinite(values).all()
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) / 2**20 < 0.7
