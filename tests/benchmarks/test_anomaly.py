"""The comparison of anomaly scores: its protocol, and the page that follows from its runs."""

from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "anomaly"


def test_split_scores_other_half_and_all_anomalies():
    """Training rows are normal ones, with mean 0 and variance 1; a constant column is left out."""
    from benchmarks.anomaly.protocol import split

    rng = np.random.default_rng(0)
    x = np.column_stack([np.arange(50.0), np.full(50, 3.0), rng.normal(size=50)])
    is_anomaly = np.arange(50) >= 40
    part = split(x, is_anomaly, seed=0)
    assert part.train.shape == (20, 2) and part.test.shape == (30, 2)
    assert part.is_anomaly.sum() == 10
    assert np.allclose(part.train.mean(axis=0), 0) and np.allclose(part.train.std(axis=0), 1)
    # the first column is the number of the row
    rows = np.concatenate([part.train[:, 0], part.test[:, 0]])
    assert len(np.unique(rows)) == 50
    assert part.train[:, 0].max() < part.test[part.is_anomaly, 0].min()
    assert not np.array_equal(part.train, split(x, is_anomaly, seed=1).train)


def test_measure_is_probability_of_right_order():
    """The AUROC is the probability that an anomaly has the lower score; ties count as half."""
    from benchmarks.anomaly.protocol import measure

    is_anomaly = np.array([True, False, False, True])
    assert measure(np.array([0.0, 1.0, 2.0, 1.0]), is_anomaly)["auroc"] == (4 - 0.5) / 4
    assert measure(np.array([0.0, 2.0, 3.0, 1.0]), is_anomaly)["average_precision"] == 1


def test_tables_have_labels_and_finite_values():
    from benchmarks.anomaly import protocol

    assert len(protocol.tables()) == 14
    for name in protocol.tables():
        x, is_anomaly = protocol.load(name)
        assert np.isfinite(x).all() and 0 < is_anomaly.sum() < len(x) / 2, name


def test_detectors_score_a_far_row_lowest():
    """On a table with few rows and discrete values; energies are tested with the estimator."""
    from benchmarks.anomaly.detectors import DETECTORS

    train = np.random.default_rng(0).integers(0, 3, size=(30, 3)).astype(float)
    test = np.concatenate([train[:3], np.full((1, 3), 30.0)])
    for names, score in DETECTORS.items():
        if not names[0].startswith("ebmark"):
            for name, scores in zip(names, score(train, test, 0), strict=True):
                # those of the support vectors are 0 for all rows that are far away
                assert scores.argmin() == 3 or name == "one-class SVM", name


def test_published_page_follows_from_runs():
    from benchmarks.anomaly import protocol
    from benchmarks.anomaly.detectors import DETECTORS
    from benchmarks.anomaly.report import page

    rows = pd.read_csv(RESULTS / "results.csv", dtype={"code": str})
    names = [name for group in DETECTORS for name in group]
    runs = rows.groupby(["table", "detector"])["seed"].nunique()
    assert len(runs) == len(names) * len(protocol.tables())
    assert (runs == protocol.NUM_SEEDS).all()
    assert (RESULTS / "README.md").read_text(encoding="utf-8") == page(rows)
