"""Anybody's energy, from any framework, scored on laws that are known."""

import math

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
CENTRES = 4 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
WEIGHTS = np.arange(1, 9) / 36


def ring(x, weights=np.full(8, 1 / 8)):
    squares = ((x[:, None] - CENTRES) ** 2).sum(-1)
    return 5 - np.logaddexp.reduce(np.log(weights) - squares / (2 * 0.25**2), axis=1)


def tilted(x):
    return ring(x, WEIGHTS).astype(np.float32)


def boxed(x):
    return np.where(np.abs(x).max(1) < 5, ring(x), np.inf)
"""


@pytest.fixture
def scores(tmp_path):
    (tmp_path / "mine.py").write_text(RING)

    def of(name):
        energies = load_energy(f"{tmp_path / 'mine.py'}:{name}", 2)
        rows, _ = score_energy(energies, SyntheticDataset("eight_gaussians_separated"), 0)
        return {metric: value for metric, value, _ in rows}, {m: f for m, _, f in rows}

    return of


def test_the_truth_has_no_error_and_its_log_z_is_the_constant_it_lacks(scores):
    found, floor = scores("ring")
    assert abs(found["kl"]) < 1e-5 and found["tv"] < 1e-4
    # -5 and the Gaussian's own 2 pi s^2
    assert found["log_z"] == pytest.approx(-5 + math.log(2 * math.pi * 0.25**2), abs=1e-4)
    assert floor["w1_exact"]["low"] * 0.7 < found["w1_exact"] < floor["w1_exact"]["high"] * 1.3


def test_wrong_weights_cost_what_their_kl_says_and_all_of_it_is_masses(scores):
    found, _ = scores("tilted")
    weights = np.arange(1, 9) / 36
    kl = -np.mean(np.log(8 * weights))  # the modes are 12 deviations apart: they do not overlap
    assert found["kl"] == pytest.approx(kl, abs=1e-4)
    assert found["kl_mode_weights"] == pytest.approx(kl, rel=0.01)
    assert found["mode_weight_tv"] == pytest.approx(np.abs(weights - 1 / 8).sum() / 2, abs=1e-3)


def test_an_energy_that_is_infinite_where_the_truth_has_mass_has_an_infinite_kl(scores):
    found, _ = scores("boxed")  # it leaves out what lies 4 deviations away: some 1e-4
    assert math.isinf(found["kl"]) and found["tv"] < 1e-3 and np.isfinite(found["log_z"])


@pytest.mark.full  # the floors of another law
def test_our_own_laws_from_jax_have_no_error(tmp_path):
    law = DATASETS["rings"]

    def energies(points):
        return np.asarray(jax.vmap(law.log_prob)(jnp.asarray(points, jnp.float32))) * -1.0

    rows, num = score_energy(energies, SyntheticDataset("rings"), 1)
    found = {metric: value for metric, value, _ in rows}
    assert abs(found["kl"]) < 1e-4 and abs(found["log_z"]) < 1e-3 and num == 2_000
