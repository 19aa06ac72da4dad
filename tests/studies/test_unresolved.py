"""Unresolved log Z: KL and NLL count as infinite wherever they are written or printed."""

import math
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from ebmark.partition_function._ais import Bracket

from ebmark.cli import _fit, terminal_tables
from ebmark.datasets import SyntheticDataset, UserDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.methods import METHODS
from ebmark.partition_function import exact_reference, normalize_values_on_grid
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


@pytest.mark.parametrize(
    ("rhat", "upper"), [(1.0, 0.1), (2.0, 0.1), (1.0, 3.0), (1.0, -2.0)], ids=str
)
def test_unresolved_chains_have_infinite_kl(rhat, upper, monkeypatch, unchecked_shapes):
    """For d > 2, if chains have not converged or the bounds of log Z disagree."""
    source = SyntheticDataset("many_well_4")
    x = np.random.default_rng(0).normal(size=(160, source.dim))
    bracket = Bracket(0.0, 0.0, upper)
    reference = exact_reference(jnp.asarray(x))._replace(rhat=rhat, bracket=bracket)
    monkeypatch.setattr(density_scores, "reference", lambda *args, **settings: reference)
    trained = train(source, x)
    scores = NO_SCORES._replace(arrays={"langevin": x})
    rows = density_scores.tempered_scores(trained, scores, lambda stage, fraction: None).rows
    values = {metric: value for _, metric, value in rows}
    is_resolved = (rhat, upper) == (1.0, 0.1)
    assert math.isfinite(values["kl"]) == math.isfinite(values["nll"]) == is_resolved
    assert math.isfinite(density_scores.final_objective(trained)) == is_resolved
    assert math.isfinite(values["fisher_divergence"]) and values["log_z_gap"] == upper


def test_search_counts_unresolved_trials_as_worst():
    assert score({"values": [0.1, None, None]}) == score({"values": [None]}) == math.inf


def test_fit_prints_unresolved_nll(monkeypatch, capsys, unchecked_shapes):
    """In 2-D, where the quadrature of the trained energy is unresolved."""
    source = UserDataset("mine", POINTS)
    density = normalize_values_on_grid(lambda x: 0.5 * np.sum(x**2, axis=1), source.grid())
    density = density._replace(log_z_error=0.5)
    monkeypatch.setattr(_fit, "normalize_on_grid", lambda *args: density)
    monkeypatch.setattr(_fit, "exact_samples", lambda density, num, key: POINTS[:num])
    monkeypatch.setattr(_fit, "score_samples", lambda *args: [])
    model = SimpleNamespace(energy=energy, units=None, mean_energy=lambda x: 1.0)
    scores, _ = _fit._evaluate(model, METHODS["nce"].method, source, POINTS[:40], None, None)
    terminal_tables.print_scores(scores, "held-out points", "nats")
    assert "unresolved" in capsys.readouterr().out


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
    table = terminal_tables._summary_table("d", pd.DataFrame(rows), list("abc"), {}, "data units")
    terminal_tables.show(table)
    printed = capsys.readouterr().out
    assert "0.2" in printed and "unresolved" in printed and "inf" not in printed
    assert printed.count("diverged") == 2
