"""Several devices, simulated on one CPU: equal numbers, and an equal part of the work each."""

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
from helpers.costs import full_unless

from ebmark.energies import Quadratic
from ebmark.methods import METHODS, NoiseContrastiveEstimation, Recipe
from ebmark.partition_function import Effort, estimate_log_z, evaluate
from ebmark.samplers import MALA, Langevin, adapt, run_chains
from ebmark.training.loop import train

TRAINED = [name for name, recipe in METHODS.items() if recipe.num_updates]


HELPER = Path(__file__).parents[1] / "helpers" / "several_devices.py"


def run(num_devices: int, *arguments) -> dict:
    """Return what `several_devices.py` prints in a process with so many devices."""
    flags = os.environ.get("XLA_FLAGS", "")
    flags += f" --xla_force_host_platform_device_count={num_devices}"
    completed = subprocess.run(
        [sys.executable, str(HELPER), *arguments],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert completed.returncode == 0, completed.stderr[-2000:]
    results = json.loads(completed.stdout)
    assert results.pop("devices") == num_devices
    return results


@pytest.mark.full
@pytest.mark.parametrize(
    ("names", "batch_size", "num_devices"),
    [
        ("nce", 64, 4),
        ("pcd", 64, 4),
        ("cd,dsm,mle,jarzynski,ed", 64, 4),
        ("nce,cd", 100, 3),  # 3 does not divide 100
    ],
)
def test_training_does_not_depend_on_devices(names, batch_size, num_devices):
    """Up to the order of sums over a batch, 60 times, and a constant that the loss does not see.

    The gradient of the constant is 0 if Z is known; Adam amplifies its rounding errors.
    """
    one = run(1, "train", names, str(batch_size))
    several = run(num_devices, "train", names, str(batch_size))
    for name in names.split(","):
        np.testing.assert_allclose(several[name]["losses"], one[name]["losses"], atol=2e-5)
        gaps = np.subtract(several[name]["energies"], one[name]["energies"])
        assert np.abs(gaps - gaps.mean()).max() < 1e-4


@pytest.mark.full
def test_chains_do_not_depend_on_devices():
    """Each chain has its own key, and no sum involves several chains."""
    one = run(1, "chains")
    several = run(4, "chains")
    assert several["rows per device"] == 26 and one["rows per device"] == 104
    np.testing.assert_allclose(several["x"], one["x"], atol=1e-5)


@pytest.mark.full
def test_each_of_four_devices_does_a_quarter():
    """Of the operations of each method, by XLA's count; work outside the batch is replicated."""
    one = run(1, "work", ",".join(TRAINED))
    four = run(4, "work", ",".join(TRAINED))
    fractions = {name: four[name] / one[name] for name in TRAINED}
    assert max(fractions.values()) < 0.33, fractions


ENTRY_POINTS = {
    "quadrature": lambda energy, x: evaluate(energy, x),
    "chains": lambda energy, x: run_chains(Langevin(0.1), energy, x, 2, jr.key(0)),
    "adaptation": lambda energy, x: adapt(MALA(0.1), energy, x, 2, jr.key(0)),
    "log Z": lambda energy, x: estimate_log_z(
        energy, np.asarray(x), jr.key(0), effort=Effort(num_particles=16, num_seeds=1, ess=0.5)
    ),
    "training": lambda energy, x: train(
        Recipe(method=NoiseContrastiveEstimation(), num_updates=1, batch_size=8),
        energy,
        x,
        key=jr.key(0),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("setting", [None, "tensorfloat32"])
@pytest.mark.parametrize("entry_point", full_unless("log Z".__ne__, ENTRY_POINTS))
def test_gpu_multiplies_in_float32(entry_point, setting, monkeypatch):
    """Unless JAX is set otherwise. TF32 shifted log Z of a kernel estimate by 0.014 nats."""
    precisions = []

    class Probe(Quadratic):
        def __call__(self, x):
            precisions.append(jax.config.jax_default_matmul_precision)
            return super().__call__(x)

    x = jr.normal(jr.key(1), (16, 2))
    with jax.default_matmul_precision(setting):
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        ENTRY_POINTS[entry_point](Probe(jnp.array(1.0), jnp.zeros(2)), x)
    assert set(precisions) == {setting or "float32"}


def test_cpu_keeps_default_precision():
    precisions = []

    def energy(x):
        precisions.append(jax.config.jax_default_matmul_precision)
        return x @ x

    evaluate(energy, np.ones((3, 2)))
    assert precisions == [None] or jax.default_backend() != "cpu"
