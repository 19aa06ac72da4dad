"""Parallel-tempering references for d > 2: samples, bounds on log Z, and metrics from them.

Random tests have fixed seeds; the rate at which each would fail with other seeds is stated.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import mode_frequency_tv, sample_metrics, wasserstein
from ebmark.partition_function import reference


def well(x):
    """The many-well energy in 4 dimensions: log Z = 2 x 10.29348 by quadrature per pair."""
    a, b = x[::2], x[1::2]
    return jnp.sum(a**4 - 6 * a**2 - 0.5 * a + 0.5 * b**2)


def test_reference_log_z_and_mode_weights():
    """Mode weights within 4 standard errors (fails once in 5,000); log Z within the bracket."""
    tempered = reference(well, 200, 4, jr.key(0), step_size=0.02)
    assert not tempered.failed
    assert tempered.bracket.lower - 0.1 < 2 * 10.29348 < tempered.bracket.upper + 0.1
    assert tempered.x.shape == (400, 4)
    assert [half.shape for half in tempered.halves] == [(400, 4)] * 2
    for points, draws in ((tempered.x, 400), *((half, 200) for half in tempered.halves)):
        right = float(np.mean(points[:, ::2] > 0))
        assert right == pytest.approx(0.84431, abs=4 * np.sqrt(0.844 * 0.156 / draws))


@pytest.mark.full
def test_reference_fails_if_chains_do_not_mix():
    """Two modes 200 standard deviations apart, which no replica connects."""
    two = lambda x: -jnp.logaddexp(-5e3 * (x[0] - 1) ** 2, -5e3 * (x[0] + 1) ** 2) + x[1] ** 2
    assert reference(two, 100, 2, jr.key(0), step_size=1e-4).failed


def log_components(*counts):
    """Component log densities of points that each belong to one mode."""
    rows = np.repeat(np.eye(len(counts)), counts, axis=0)
    return np.where(rows > 0, 0.0, -50.0)


def test_mode_frequency_tv_of_counts():
    assert mode_frequency_tv(log_components(5, 5), log_components(5, 5)) == 0
    assert mode_frequency_tv(log_components(10, 0), log_components(5, 5)) == pytest.approx(0.5)
    assert mode_frequency_tv(log_components(1, 2, 7), log_components(4, 4, 2)) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["eight_gaussians", "gaussian_mixture_8"])
def test_high_quality_and_mode_frequencies(name):
    """Target samples: 0.99 within 4 standard errors, fails once in 10,000."""
    source = SyntheticDataset(name)
    metrics = sample_metrics(source)
    x = source.draw(2_000, jr.key(1))
    y = source.draw(2_000, jr.key(2))
    assert metrics["high_quality_fraction"](x, y) == pytest.approx(
        0.99, abs=4 * np.sqrt(2 * 0.0099 / 2_000)
    )
    assert metrics["mode_frequency_tv"](x, y) < 0.08
    far = x + 3 * x.std(axis=0)
    assert metrics["high_quality_fraction"](far, y) < 0.1
    half = x[x[:, 0] > np.median(x[:, 0])]
    assert metrics["mode_frequency_tv"](half, y) > 0.2


def test_gaussian_run_in_8d_matches_closed_form(tmp_path):
    """KL, Fisher divergence and W1 of a run of the Gaussian fit, from its mean and covariance."""
    import dataclasses
    import json

    from ebmark.studies.builtin import STUDIES
    from ebmark.studies.run import execute_run
    from ebmark.studies.spec import run_specs

    study = dataclasses.replace(
        STUDIES["smoke"], methods=("gaussian",), num_train=2_000, num_samples=2_000
    )
    source = SyntheticDataset("gaussian_mixture_8")
    spec = run_specs(study, [source], None)[0]
    (tmp_path / "runs").mkdir()
    execute_run(tmp_path, "one", spec)
    rows = json.loads((tmp_path / "runs" / "one" / "result.json").read_text())["rows"]
    last = {metric: value for _, metric, value in rows}
    arrays = np.load(tmp_path / "runs" / "one" / "samples.npz")
    mean, covariance = arrays["train"].mean(axis=0), np.cov(arrays["train"].T, ddof=0)
    d = arrays["test"] - mean
    energies = 0.5 * np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)
    log_z = 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    assert last["nll"] == pytest.approx(energies.mean() + log_z, abs=1e-3)  # Z is exact
    log_target = np.logaddexp.reduce(source.component_log_probs(arrays["test"]), axis=1).mean()
    assert last["kl"] == pytest.approx(last["nll"] + log_target, abs=1e-6)
    exact = np.random.default_rng(0).multivariate_normal(mean, covariance, size=100)
    model_scores = -d @ np.linalg.inv(covariance)  # the target's by central differences
    ends = [source.component_log_probs(arrays["test"] + s * 0.02 * np.eye(8)[0]) for s in (1, -1)]
    first = np.subtract(*(np.logaddexp.reduce(end, axis=1) for end in ends)) / 0.04
    scores = source.scores(arrays["test"])
    assert scores[:, 0] == pytest.approx(first, abs=0.02 * np.abs(scores).max())
    fisher = np.mean(np.sum((model_scores - scores) ** 2, axis=1))
    assert last["fisher_divergence"] == pytest.approx(fisher, rel=1e-3)
    num = study.num_metric_samples  # two samples of the fit
    null = wasserstein(arrays["tempered"][:num], exact[:num], order=1)
    assert null == pytest.approx(last["w1_sampling_error_null"], rel=0.1)
    assert last["log_z_gap"] == 0 and last["rhat_tempered"] == 1
    assert last["w1_tempered"] == pytest.approx(
        wasserstein(arrays["tempered"][:num], arrays["test"][:num], order=1)
    )
