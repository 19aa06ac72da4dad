"""Several devices, forced upon one processor: the same numbers, and a share of the work each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.energies import Quadratic
from ebmark.methods import METHODS, NoiseContrastiveEstimation, Recipe
from ebmark.partition_function import evaluate, log_z_bracket
from ebmark.samplers import MALA, Langevin, adapt, run_chains
from ebmark.training.loop import train

TRAINED = [name for name, recipe in METHODS.items() if recipe.num_updates]


def run(devices: int, *arguments) -> dict:
    """What `several_devices.py` prints in a process with so many devices."""
    flags = os.environ.get("XLA_FLAGS", "")
    ended = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).parents[1] / "helpers" / "several_devices.py"),
            *arguments,
        ],
        env=os.environ
        | {"XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count={devices}"}
        | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    found = json.loads(ended.stdout)
    assert found.pop("devices") == devices
    return found


@pytest.mark.parametrize(
    ("names", "batch_size", "devices"),
    [
        ("nce", 64, 4),
        pytest.param("pcd", 64, 4, marks=pytest.mark.full),
        pytest.param("cd,dsm,mle,jarzynski,ed", 64, 4, marks=pytest.mark.full),
        pytest.param("nce,cd", 100, 3, marks=pytest.mark.full),  # 3 does not divide 100
    ],
)
def test_training_on_several_devices_is_training_on_one(names, batch, devices):
    """Up to the order of the sums over a batch, 60 times; and a constant, which is nobody's.

    Its gradient is 0 where Z is known, and Adam makes steps of what rounding leaves of that.
    """
    one, several = (run(n, "train", names, str(batch)) for n in (1, devices))
    for name in names.split(","):
        np.testing.assert_allclose(several[name]["losses"], one[name]["losses"], atol=2e-5)
        gaps = np.subtract(several[name]["energies"], one[name]["energies"])
        assert np.abs(gaps - gaps.mean()).max() < 1e-4


@pytest.mark.full
def test_chains_on_several_devices_are_those_on_one():
    """Each has its own key, and no sum crosses them: here they are equal bit by bit."""
    one, several = (run(n, "chains") for n in (1, 4))
    assert several["rows on a device"] == 26 and one["rows on a device"] == 104
    np.testing.assert_allclose(several["x"], one["x"], atol=1e-5)


@pytest.mark.full
def test_each_of_four_devices_does_a_quarter_of_every_methods_work():
    """By XLA's own count of operations; what is not in the batch is done by each."""
    one, four = (run(n, "work", ",".join(TRAINED)) for n in (1, 4))
    shares = {name: four[name] / one[name] for name in TRAINED}
    assert max(shares.values()) < 0.33, shares


DOORS = {
    "quadrature": lambda energy, x: evaluate(energy, x),
    "chains": lambda energy, x: run_chains(Langevin(0.1), energy, x, 2, jr.key(0)),
    "adaptation": lambda energy, x: adapt(MALA(0.1), energy, x, 2, jr.key(0)),
    "log Z": lambda energy, x: log_z_bracket(energy, x, jr.key(0), num_levels=3),
    "training": lambda energy, x: train(
        Recipe(method=NoiseContrastiveEstimation(), num_updates=1, batch_size=8),
        energy,
        x,
        key=jr.key(0),
    ),
}


@pytest.mark.parametrize("chosen", [None, "tensorfloat32"])
@pytest.mark.parametrize("door", DOORS)
def test_a_gpu_multiplies_in_full_float32_unless_told_otherwise(door, chosen, monkeypatch):
    """Its own choice has three digits, and log Z of a kernel estimate was off by .014 nats."""
    seen = []

    class Probe(Quadratic):
        def __call__(self, x):
            seen.append(jax.config.jax_default_matmul_precision)
            return super().__call__(x)

    x = jr.normal(jr.key(1), (16, 2))
    with jax.default_matmul_precision(chosen):
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        DOORS[door](Probe(jnp.array(1.0), jnp.zeros(2)), x)
    assert set(seen) == {chosen or "float32"}


def test_a_processor_is_told_nothing():
    seen = []
    evaluate(
        lambda x: seen.append(jax.config.jax_default_matmul_precision) or x @ x, np.ones((3, 2))
    )
    assert seen == [None] or jax.default_backend() != "cpu"
