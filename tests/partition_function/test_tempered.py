"""Where no grid goes: tempered chains, log Z between bounds, and what they say of a law.

Random tests have fixed seeds; with fresh ones each would fail at the rate that is told beside it.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import mode_frequency_tv, sample_metrics, wasserstein
from ebmark.partition_function import reference


def well(x):
    """The many well of methods.md in 4 dimensions: log Z = 2 x 10.29348."""
    a, b = x[::2], x[1::2]
    return jnp.sum(a**4 - 6 * a**2 - 0.5 * a + 0.5 * b**2)


def test_the_reference_knows_log_z_and_the_masses_of_wells_that_no_chain_crosses():
    """The masses: 4 standard errors of two draws a chain, 1 seed in 5,000; log Z: the bracket's."""
    found = reference(well, 200, 4, jr.key(0), step_size=0.02)
    assert not found.failed
    assert found.bracket.lower - 0.1 < 2 * 10.29348 < found.bracket.upper + 0.1
    assert found.x.shape == (400, 4) and [half.shape for half in found.halves] == [(400, 4)] * 2
    for points, draws in ((found.x, 400), *((half, 200) for half in found.halves)):
        right = float(np.mean(points[:, ::2] > 0))
        assert right == pytest.approx(0.84431, abs=4 * np.sqrt(0.844 * 0.156 / draws))


@pytest.mark.full
def test_a_reference_whose_chains_cannot_mix_says_that_it_failed():
    """Two wells 60 deviations apart: no temperature of ours crosses."""
    two = lambda x: -jnp.logaddexp(-5e3 * (x[0] - 1) ** 2, -5e3 * (x[0] + 1) ** 2) + x[1] ** 2
    assert reference(two, 100, 2, jr.key(0), step_size=1e-4).failed


def shares(*counts):
    """Log-components of points that are each surely in one of the modes."""
    rows = np.repeat(np.eye(len(counts)), counts, axis=0)
    return np.where(rows > 0, 0.0, -50.0)


def test_mode_frequency_tv_is_tv_of_counts():
    assert mode_frequency_tv(shares(5, 5), shares(5, 5)) == 0
    assert mode_frequency_tv(shares(10, 0), shares(5, 5)) == pytest.approx(0.5)
    assert mode_frequency_tv(shares(1, 2, 7), shares(4, 4, 2)) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["eight_gaussians", "gaussian_mixture_8"])
def test_true_points_are_of_quality_99_and_in_the_right_modes_and_others_are_not(name):
    """4 standard errors each way: 1 seed in 10,000."""
    law = SyntheticDataset(name)
    metrics, x, y = sample_metrics(law), law.draw(2_000, jr.key(1)), law.draw(2_000, jr.key(2))
    assert metrics["high_quality_fraction"](x, y) == pytest.approx(
        0.99, abs=4 * np.sqrt(2 * 0.0099 / 2_000)
    )
    assert metrics["mode_frequency_tv"](x, y) < 0.08
    far = x + 3 * x.std(axis=0)
    assert metrics["high_quality_fraction"](far, y) < 0.1
    half = x[x[:, 0] > np.median(x[:, 0])]
    assert metrics["mode_frequency_tv"](half, y) > 0.2


def test_the_kl_of_a_gaussian_in_eight_dimensions_is_the_closed_form(tmp_path):
    """A study's cell of the Gaussian fit: KL against that of its own mean and covariance."""
    import dataclasses
    import json

    from ebmark.studies.builtin import STUDIES
    from ebmark.studies.run import execute_run
    from ebmark.studies.spec import run_specs

    study = dataclasses.replace(
        STUDIES["smoke"], methods=("gaussian",), num_train=2_000, num_samples=2_000
    )
    law = SyntheticDataset("gaussian_mixture_8")
    spec = run_specs(study, [law], None)[0]
    (tmp_path / "runs").mkdir()
    execute_run(tmp_path, "one", spec)
    rows = json.loads((tmp_path / "runs" / "one" / "result.json").read_text())["rows"]
    last = {metric: value for _, metric, value in rows}
    arrays = np.load(tmp_path / "runs" / "one" / "samples.npz")
    mean, covariance = arrays["train"].mean(axis=0), np.cov(arrays["train"].T, ddof=0)
    d = arrays["reference"] - mean
    energies = 0.5 * np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)
    log_z = 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    assert last["nll"] == pytest.approx(energies.mean() + log_z, abs=1e-3)  # its Z is known
    truth = np.logaddexp.reduce(law.component_log_probs(arrays["reference"]), axis=1).mean()
    assert last["kl"] == pytest.approx(last["nll"] + truth, abs=1e-6)
    drawn = np.random.default_rng(0).multivariate_normal(mean, covariance, size=100)
    slopes = -d @ np.linalg.inv(covariance)  # of the fit; the law's by central differences
    ends = [law.component_log_probs(arrays["reference"] + s * 0.02 * np.eye(8)[0]) for s in (1, -1)]
    first = np.subtract(*(np.logaddexp.reduce(end, axis=1) for end in ends)) / 0.04
    scores = law.scores(arrays["reference"])
    assert scores[:, 0] == pytest.approx(first, abs=0.02 * np.abs(scores).max())
    fisher = np.mean(np.sum((slopes - scores) ** 2, axis=1))
    assert last["fisher_divergence"] == pytest.approx(fisher, rel=1e-3)
    num = study.num_metric_samples  # as two draws of the fit itself
    again = wasserstein(arrays["tempered"][:num], drawn[:num], order=1)
    assert again == pytest.approx(last["w1_sampling_error_null"], rel=0.1)
    assert last["log_z_gap"] == 0 and last["rhat_tempered"] == 1
    assert last["w1_tempered"] == pytest.approx(
        wasserstein(arrays["tempered"][:num], arrays["reference"][:num], order=1)
    )
