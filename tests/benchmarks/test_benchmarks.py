"""Arithmetic of the benchmarks: ratios, alternating rounds, and the time until a KL."""

import importlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


def test_ratio_of_medians_and_range_of_rounds():
    from benchmarks._clock import ratio

    assert ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == (2.0, 2.0, 3.0)


def test_tasks_alternate_after_one_warm_up_round():
    from benchmarks._clock import measure_in_turn

    order = []
    tasks = {name: lambda name=name: order.append(name) or float(len(order)) for name in "ab"}
    assert measure_in_turn(tasks, 2) == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert "".join(order) == "ababab"


def curve(method, kl, seconds_per_update):
    """Rows of three snapshots per seed, 100 updates apart."""
    rows = [
        ("moons", method, seed, 100 * i, seconds_per_update * 100 * i, value)
        for seed, values in enumerate(kl)
        for i, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=["dataset", "method", "seed", "step", "seconds", "kl"])


def test_time_to_kl_is_of_first_snapshot_that_reaches_it():
    """The median over seeds; infinite if no snapshot reaches the KL."""
    from benchmarks.training.time_to_quality import seconds_to_kl, summarize

    reference = curve("nce", [[0.2, 0.04, 0.01], [0.04, 0.03, 0.01], [0.2, 0.1, 0.01]], 0.001)
    external = curve("kit/nce", [[0.5, 0.2, 0.08]], 0.1)
    assert seconds_to_kl(reference, 0.05) == pytest.approx(0.2)
    assert np.isinf(seconds_to_kl(external, 0.05))
    by_method = {row["method"]: row for row in summarize(pd.concat([reference, external]))}
    row = by_method["kit/nce"]
    assert row["kl"] == 0.08 and row["seconds"] == pytest.approx(30)
    assert np.isinf(row["seconds_to_target"]) and not row["is_lower_bound"]
    assert row["reference_seconds"] == pytest.approx(0.2) and row["ratio"] == pytest.approx(150)


def test_published_tables_follow_from_measurements():
    """speed.csv and quality.csv are those of measured.json and of the published studies."""
    from benchmarks.report.pages import tabulate_speed
    from benchmarks.training.time_to_quality import summarize, time_curves

    folder = ROOT / "benchmarks" / "results"
    measured = json.loads((folder / "measured.json").read_text())
    published = pd.read_csv(folder / "speed.csv").set_index(["benchmark", "library"])["median"]
    computed = tabulate_speed(measured).set_index(["benchmark", "library"])["median"]
    pd.testing.assert_series_equal(computed.sort_index(), published.sort_index(), rtol=1e-6)
    quality = pd.DataFrame(summarize(time_curves(measured["default_recipes"]["seconds"])))
    pd.testing.assert_frame_equal(quality, pd.read_csv(folder / "quality.csv"), rtol=1e-6)


def test_every_benchmark_can_be_imported():
    """Without the external libraries, which are imported when they are measured."""
    files = [path.relative_to(ROOT) for path in (ROOT / "benchmarks").rglob("*.py")]
    names = [".".join(path.with_suffix("").parts) for path in files]
    for name in names:
        if not name.endswith("__") and not name.endswith("test_speed"):
            importlib.import_module(name)
