"""The benchmarks' arithmetic: ratios, and the seconds until a KL."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_ratio_is_of_medians_and_its_range_of_rounds():
    from benchmarks._clock import ratio

    assert ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == (2.0, 2.0, 3.0)


def test_rivals_take_turns_after_one_round_that_is_not_counted():
    from benchmarks._clock import in_turn

    order = []
    tasks = {name: lambda name=name: order.append(name) or float(len(order)) for name in "ab"}
    assert in_turn(tasks, 2) == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert "".join(order) == "ababab"


def curve(method, kl, each):
    rows = [
        ("moons", method, seed, 100 * (i + 1), each * 100 * (i + 1), value)
        for seed, values in enumerate(kl)
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["dataset", "method", "seed", "step", "seconds", "kl"])


def test_time_to_quality_is_that_of_the_first_snapshot_as_good_and_never_is_infinite():
    from benchmarks.training.time_to_quality import seconds_to, summary

    ours = curve("nce", [[0.2, 0.04, 0.01], [0.04, 0.03, 0.01], [0.2, 0.1, 0.01]], 0.001)
    rival = curve("kit/nce", [[0.5, 0.2, 0.08]], 0.1)
    assert seconds_to(ours, 0.05) == pytest.approx(0.2)
    assert np.isinf(seconds_to(rival, 0.05))
    by_name = {row["method"]: row for row in summary(pd.concat([ours, rival]))}
    found = by_name["kit/nce"]
    assert found["kl"] == 0.08 and found["seconds"] == pytest.approx(30)
    assert found["ours_to_kl"] == pytest.approx(0.2) and found["ratio"] == pytest.approx(150)


def test_what_was_published_is_what_was_measured():
    """The committed table is made of the committed measurements."""
    import json

    from benchmarks.report.pages import speeds

    folder = ROOT / "benchmarks" / "results"
    measured = json.loads((folder / "measured.json").read_text())
    published = pd.read_csv(folder / "speed.csv").set_index(["part", "who"])["median"]
    made = speeds(measured).set_index(["part", "who"])["median"]
    pd.testing.assert_series_equal(made.sort_index(), published.sort_index(), rtol=1e-6)
