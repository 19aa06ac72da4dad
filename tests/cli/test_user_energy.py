"""Energy functions of users, evaluated on datasets of known density."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmark.cli.user_energy import load_energy
from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.metrics.scores import score_energy

RING = """
import numpy as np

ANGLES = 2 * np.pi * np.arange(8) / 8
CENTERS = 4 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
WEIGHTS = np.arange(1, 9) / 36


def ring(x, weights=np.full(8, 1 / 8)):
    squares = ((x[:, None] - CENTERS) ** 2).sum(-1)
    return 5 - np.logaddexp.reduce(np.log(weights) - squares / (2 * 0.25**2), axis=1)


def tilted(x):
    return ring(x, WEIGHTS).astype(np.float32)


def boxed(x):
    return np.where(np.abs(x).max(1) < 5, ring(x), np.inf)
"""


@pytest.fixture
def scores(tmp_path):
    """A function from the name of an energy below to its metrics and their null ranges."""
    (tmp_path / "mine.py").write_text(RING)

    def evaluate(name):
        energies = load_energy(f"{tmp_path / 'mine.py'}:{name}", 2)
        rows, _ = score_energy(energies, SyntheticDataset("eight_gaussians_separated"), 0)
        values = {metric: value for metric, value, _ in rows}
        null_ranges = {metric: null_range for metric, _, null_range in rows}
        return values, null_ranges

    return evaluate


@pytest.mark.full
def test_exact_energy_has_zero_kl(scores):
    """log Z is the constant that the energy lacks: log(2 pi s^2) of the Gaussians, less 5."""
    values, null_ranges = scores("ring")
    assert abs(values["kl"]) < 1e-5 and values["tv"] < 1e-4
    assert values["log_z"] == pytest.approx(-5 + math.log(2 * math.pi * 0.25**2), abs=1e-4)
    null_range = null_ranges["w1_exact"]
    assert null_range["low"] * 0.7 < values["w1_exact"] < null_range["high"] * 1.3


@pytest.mark.slow
def test_wrong_weights_give_mode_weight_kl(scores):
    """The modes are 12 standard deviations apart, so that KL is that of the weights."""
    values, _ = scores("tilted")
    weights = np.arange(1, 9) / 36
    kl = -np.mean(np.log(8 * weights))
    assert values["kl"] == pytest.approx(kl, abs=1e-4)
    assert values["kl_mode_weights"] == pytest.approx(kl, rel=0.01)
    assert values["mode_weight_tv"] == pytest.approx(np.abs(weights - 1 / 8).sum() / 2, abs=1e-3)


@pytest.mark.slow
def test_energy_infinite_on_target_has_infinite_kl(scores):
    """The box excludes points 4 standard deviations away, a probability of about 1e-4."""
    values, _ = scores("boxed")
    assert math.isinf(values["kl"]) and values["tv"] < 1e-3 and np.isfinite(values["log_z"])


# Long: the null ranges of another dataset.
@pytest.mark.full
def test_density_of_built_in_dataset_has_zero_kl():
    dataset = DATASETS["rings"]

    def energies(points):
        return np.asarray(jax.vmap(dataset.log_prob)(jnp.asarray(points, jnp.float32))) * -1.0

    rows, num_samples = score_energy(energies, SyntheticDataset("rings"), 1)
    values = {metric: value for metric, value, _ in rows}
    assert abs(values["kl"]) < 1e-4 and abs(values["log_z"]) < 1e-3 and num_samples == 2_000


@pytest.mark.slow
def test_energy_above_two_dimensions_is_evaluated_by_annealing(run, tmp_path):
    (tmp_path / "jaxed.py").write_text(
        "import jax.numpy as jnp\n\ndef quadratic(x):\n    return 0.5 * jnp.sum(x**2, axis=1)\n"
    )
    status, out, err = run("evaluate", "--energy", "jaxed.py:quadratic", "--dataset", "many_well_4")
    assert status == 0, err
    assert "by annealing" in out and "kl_upper" in out
    log_z = float(re.search(r"log_z +│ +(\S+)", out)[1])
    assert log_z == pytest.approx(2 * math.log(2 * math.pi), abs=0.2)
