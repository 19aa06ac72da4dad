"""Scores of a run for d > 2, against closed forms."""

import dataclasses
import json

import numpy as np
import pytest

from ebmark.datasets import SyntheticDataset
from ebmark.metrics import wasserstein
from ebmark.partition_function import study_effort
from ebmark.studies import density_scores
from ebmark.studies.builtin import STUDIES
from ebmark.studies.run import execute_run
from ebmark.studies.spec import run_specs


@pytest.mark.full
def test_gaussian_run_in_8d_matches_closed_form(tmp_path):
    """KL, Fisher divergence and W1 of a run of the Gaussian fit, from its mean and covariance."""
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
    num = study_effort(8, study.num_metric_samples).num_particles
    exact = np.random.default_rng(0).multivariate_normal(mean, covariance, size=num)
    model_scores = -d @ np.linalg.inv(covariance)  # the target's by central differences
    ends = [source.component_log_probs(arrays["test"] + s * 0.02 * np.eye(8)[0]) for s in (1, -1)]
    first = np.subtract(*(np.logaddexp.reduce(end, axis=1) for end in ends)) / 0.04
    scores = source.scores(arrays["test"])
    assert scores[:, 0] == pytest.approx(first, abs=0.02 * np.abs(scores).max())
    fisher = np.mean(np.sum((model_scores - scores) ** 2, axis=1))
    assert last["fisher_divergence"] == pytest.approx(fisher, rel=1e-3)
    null = wasserstein(arrays["smc"][:num], exact, order=1)  # two samples of the fit
    assert null == pytest.approx(last["w1_sampling_error_null"], rel=0.1)
    assert last["log_z"] == last["log_z_error"] == 0
    num = study.num_metric_samples
    assert last["w1_smc"] == pytest.approx(
        wasserstein(arrays["smc"][:num], arrays["test"][:num], order=1)
    )


@pytest.mark.slow
def test_sampling_error_compares_samples_of_one_size(tmp_path, monkeypatch):
    """As W1 of two samples falls with their size; the chains are fewer than the particles."""
    sizes = []

    def record(trained, langevin, first, pair):
        sizes.append({len(x) for x in (langevin, first, *pair)})
        return {}

    monkeypatch.setattr(density_scores, "sampling_error", record)
    study = dataclasses.replace(STUDIES["smoke"], methods=("gaussian",), num_samples=100)
    spec = run_specs(study, [SyntheticDataset("gaussian_mixture_8")], None)[0]
    (tmp_path / "runs").mkdir()
    execute_run(tmp_path, "one", spec)
    assert sizes == [{100}]
