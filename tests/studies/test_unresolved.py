"""Unresolved log Z: KL and NLL count as infinite wherever they are written or printed."""

import math
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from ebmark.cli import terminal_tables
from ebmark.datasets import SyntheticDataset, UserDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.estimator import _training, is_better
from ebmark.methods import METHODS
from ebmark.partition_function import LogZ, _normalize, normalize_values_on_grid
from ebmark.studies import density_scores
from ebmark.studies.scores import NO_SCORES
from ebmark.studies.tuning.search import score

POINTS = np.random.default_rng(0).normal(size=(200, 2))


def energy(z):
    return 0.5 * jnp.sum(z**2)


def train(source, test_x):
    """What the stages of a run read of a training."""
    return SimpleNamespace(
        source=source,
        test_x=test_x,
        standardizer=Standardizer.fit(test_x),
        spec={"num_samples": 40, "num_metric_samples": 40},
        num_metric_samples=40,
        keys={"exact": None},
        train_z=test_x,
        last_step=1,
        recipe=METHODS["nce"],
        fit=SimpleNamespace(energy=energy, snapshots=[SimpleNamespace(energy=energy, step=1)]),
    )


@pytest.mark.parametrize(
    "source",
    [UserDataset("mine", POINTS), SyntheticDataset("half_moons")],
    ids=["user", "built-in"],
)
@pytest.mark.parametrize("error", [1e-6, 0.5, math.nan])
def test_unresolved_density_has_infinite_nll(source, error, monkeypatch, unchecked_shapes):
    """Of user data in 2-D as of built-in datasets, in tables and in a search."""
    grid = source.grid()
    density = normalize_values_on_grid(lambda x: 0.5 * np.sum(x**2, axis=1), grid, attempts=1)
    density = density._replace(log_z_error=error)
    monkeypatch.setattr(density_scores, "_normalize", lambda trained, snapshot: density)
    trained = train(source, POINTS)
    values = density_scores._density_values(trained, trained.fit.snapshots[0], density)
    assert math.isinf(values["nll"]) == (error != 1e-6)
    assert math.isinf(density_scores.final_objective(trained)) == (error != 1e-6)


@pytest.mark.parametrize("error", [0.1, 0.5, math.inf], ids=str)
def test_unresolved_log_z_has_infinite_kl(error, monkeypatch, unchecked_shapes):
    """For d > 2, if the error exceeds both 0.3 nats and 5% of KL; the interval holds KL."""
    source = SyntheticDataset("many_well_4")
    x = np.random.default_rng(0).normal(size=(160, source.dim))
    log_z = LogZ(0.5 * source.dim * math.log(2 * math.pi), error, 0.0, x.reshape(2, 80, -1))
    monkeypatch.setattr(density_scores, "estimate_log_z", lambda *args, **settings: log_z)
    trained = train(source, x)
    scores = NO_SCORES._replace(arrays={"langevin": x})
    rows = density_scores.annealed_scores(trained, scores, lambda stage, fraction: None).rows
    values = {metric: value for _, metric, value in rows}
    is_resolved = error == 0.1
    assert math.isfinite(values["kl"]) == math.isfinite(values["nll"]) == is_resolved
    assert math.isfinite(density_scores.final_objective(trained)) == is_resolved
    assert math.isfinite(values["fisher_divergence"]) and values["log_z_error"] == error
    assert values["kl_lower"] >= 0 and math.isfinite(values["kl_upper"]) == math.isfinite(error)


@pytest.mark.parametrize(("error", "kl"), [(0.29, 0.0), (0.31, 10.0), (0.6, 13.0), (0.6, 11.0)])
def test_log_z_resolves_within_either_bound(error, kl):
    """0.3 nats or 5% of KL, whichever is larger."""
    assert LogZ(0.0, error, 0.0, np.zeros((1, 1, 3))).resolves(kl) == (error <= max(0.3, kl / 20))


def test_search_counts_unresolved_trials_as_worst():
    assert score({"values": [0.1, None, None]}) == score({"values": [None]}) == math.inf


@pytest.mark.parametrize("error", [1e-6, 0.5])
def test_fit_gives_unresolved_log_z_an_infinite_error(error, monkeypatch, unchecked_shapes):
    """In 2-D, where the quadrature of the trained energy is unresolved."""
    source = UserDataset("mine", POINTS)
    density = normalize_values_on_grid(lambda x: 0.5 * np.sum(x**2, axis=1), source.grid())
    density = density._replace(log_z_error=error)
    monkeypatch.setattr(_normalize, "normalize_on_grid", lambda *args, **options: density)
    model = SimpleNamespace(energy=energy, units=None)
    log_z, _ = _training._normalize(model, METHODS["nce"], source, POINTS, None)
    assert math.isinf(log_z.error) == (error == 0.5)


@pytest.mark.parametrize(
    ("lead", "error", "expected"),
    [(1.0, 0.0, True), (1.0, 1.0, False), (-1.0, 0.0, False), (-1.0, math.inf, True)],
)
def test_unresolved_likelihood_counts_as_the_worst(lead, error, expected, capsys):
    """A baseline that leads by less than the errors is not better."""
    model = np.random.default_rng(0).normal(size=1_000)
    noise = 0.1 * np.random.default_rng(1).normal(size=1_000)
    better = is_better(model + lead + noise, model, error)
    assert better == expected
    likelihood = terminal_tables.Likelihood
    others = [likelihood("Gaussian", lead, is_better=better)]
    terminal_tables.print_likelihoods(likelihood("nce", -2.0, error), others, "1,000 points")
    printed = capsys.readouterr().out
    assert ("unresolved" in printed) == math.isinf(error)
    assert ("-2 ± 1" in printed) == (error == 1.0)
    assert ("Gaussian has a higher log-likelihood than nce" in printed) == expected


def test_terminal_table_names_what_has_no_value(capsys):
    """Medians of which most runs are unresolved, or diverged; nothing is printed as `inf`."""
    rows = []
    for method, values in (
        ("a", [0.1, 0.2, 0.3]),
        ("b", [0.1, np.inf, np.inf]),
        ("c", [np.nan] * 3),
    ):
        for seed, value in enumerate(values):
            status = "diverged" if math.isnan(value) else "done"
            row = {"dataset": "d", "method": method, "seed": seed, "step": 1, "metric": "kl"}
            rows.append(row | {"value": value, "status": status, "run_id": f"{method}{seed}"})
    table = terminal_tables._summary_table(
        "d", pd.DataFrame(rows), list("abc"), {}, "data units", ["kl"]
    )
    terminal_tables.show(table)
    printed = capsys.readouterr().out
    assert "0.2" in printed and "unresolved" in printed and "inf" not in printed
    assert printed.count("diverged") == 2
