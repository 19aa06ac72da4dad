"""Seconds of single functions of ebmark, to compare with another day or commit.

    pip install '.[speed]'
    python -m pytest benchmarks --benchmark-autosave
    python -m pytest benchmarks --benchmark-compare --benchmark-compare-fail=min:20%

Use an idle machine. Not part of `./dev test`.
"""

import os

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import SyntheticDataset, local_scale
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Confined, FourierMLP
from ebmark.methods import METHODS
from ebmark.metrics import SAMPLE_METRICS, density_metrics, target
from ebmark.partition_function import exact_samples, normalize_on_grid
from ebmark.samplers import Langevin, run_chains
from ebmark.system import threads
from ebmark.training import updates

# Before any library counts the processors.
os.environ.update(threads.single(dict(os.environ)))

pytest.importorskip("pytest_benchmark")

MOONS = SyntheticDataset("half_moons")
POINTS = MOONS.draw(10_000, jr.key(0))
SCALER = Standardizer.fit(POINTS)
DATA = jnp.asarray(SCALER.transform(POINTS), jnp.float32)
ENERGY = Confined(FourierMLP(2, key=jr.key(1)))


@pytest.mark.parametrize("name", ["cd", "pcd", "dsm", "ed", "nce", "mle"])
def test_ten_updates(benchmark, name):
    recipe = METHODS[name]
    trainable = recipe.method.build_trainable(ENERGY, DATA, jr.key(2))
    params, static = eqx.partition(trainable, eqx.is_inexact_array)
    traced = updates.traced(recipe)
    carry = updates.start(params, traced, DATA, jr.key(3))

    def advance():
        stop = jnp.array(10)
        return updates.advance(carry, static, traced, DATA, jr.key(4), stop)

    after, losses = benchmark(lambda: jax.block_until_ready(advance()))
    assert int(after.step) == 10 and np.isfinite(losses[:10]).all()


@pytest.mark.parametrize("chains", [256, 2_000])
def test_ten_langevin_steps(benchmark, chains):
    x = jr.normal(jr.key(5), (chains, 2))

    def run():
        return jax.block_until_ready(run_chains(Langevin(1e-3), ENERGY, x, 10, jr.key(6)).x)

    assert jnp.isfinite(benchmark(run)).all()


def test_density_metrics(benchmark):
    def evaluate():
        density = normalize_on_grid(ENERGY, MOONS.grid(), SCALER)
        return density_metrics(target(MOONS, density.grid), density.log_density, density.grid)

    assert benchmark(evaluate)["kl"] > 0


def test_exact_samples(benchmark):
    scaler = Standardizer(np.zeros(2), np.ones(2))
    density = normalize_on_grid(lambda x: x @ x / 2, MOONS.grid(), scaler)
    assert benchmark(exact_samples, density, 2_000, jr.key(7)).shape == (2_000, 2)


@pytest.mark.parametrize("metric", SAMPLE_METRICS)
def test_metric_of_2000_points(benchmark, metric):
    x, y = POINTS[:2_000], POINTS[2_000:4_000]
    assert benchmark(SAMPLE_METRICS[metric], x, y) >= 0


def test_local_scale(benchmark):
    scale = jax.jit(local_scale)
    assert benchmark(lambda: float(scale(DATA, jr.key(8)))) > 0
