"""Columns of user data in a study: a shifted column is found and named, the others are not."""

import numpy as np
import pandas as pd
import pytest

from ebmark.datasets import SyntheticDataset, UserDataset
from ebmark.report.page._columns import column_blocks
from ebmark.studies import column_scores
from ebmark.studies.column_scores import compare_study

NAMES = ["age", "height", "mass"]


def make_study():
    """Return two runs of DSM and the table of their NLL; the median of two is the lower."""
    runs = {
        f"{seed:016x}": {"dataset": "people", "method": "dsm", "recipe": "default", "seed": seed}
        for seed in range(2)
    }
    rows = [
        {"dataset": "people", "method": "dsm", "seed": seed, "step": 9, "metric": "nll"}
        | {"value": 1.0 + seed, "status": "done", "run_id": run}
        for seed, run in enumerate(runs)
    ]
    study = {"runs": runs, "axes": [], "dataset_info": {"people": {"columns": NAMES}}}
    return study, pd.DataFrame(rows)


@pytest.fixture
def people():
    return UserDataset("people", np.random.default_rng(0).normal(size=(400, 3)))


@pytest.fixture
def found(people, monkeypatch, tmp_path):
    """Samples of the target, whose second column is 3 standard deviations too high."""
    rng = np.random.default_rng(1)
    shifted = rng.normal(size=(80, 3)) + [0, 3, 0]
    arrays = {"langevin": shifted, "test": rng.normal(size=(80, 3))}
    monkeypatch.setattr(column_scores, "load_arrays", lambda folder, run: arrays)
    return compare_study(tmp_path, *make_study(), [people, SyntheticDataset("half_moons")])


def test_shifted_column_is_above_null_range(found):
    scores = {score["column"]: score for score in found["people"]["dsm"]["columns"]}
    assert [*scores] == NAMES
    # W1 of a shift is the shift; the noise of 80 samples is 0.16
    assert scores["height"]["w1"] == pytest.approx(3, abs=0.6)
    assert scores["height"]["w1"] > scores["height"]["high"] and scores["height"]["findings"]
    assert all(scores[name]["w1"] < 0.6 and not scores[name]["findings"] for name in NAMES[::2])


def test_report_names_shifted_column(found):
    [block] = column_blocks(found, ["people", "half_moons"])
    assert block.name == "people" and block.table.heads == ["column", "dsm", "null range"]
    text = str(block.sentences[0])
    assert "1 of 3 columns" in text and "height (median +" in text
    marked = {name: cells[0].kind for name, cells in block.table.rows}
    assert marked == {"age": "", "height": "diverged", "mass": ""}


def test_sweep_has_no_column_scores(people, tmp_path):
    study, table = make_study()
    assert compare_study(tmp_path, study | {"axes": ["num_train"]}, table, [people]) == {}
