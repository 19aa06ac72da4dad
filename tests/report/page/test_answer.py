"""The answer to a study's question agrees with the numbers of the table, and with its test."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ebmark.report.page import answer
from ebmark.report.page._answer import CONDITIONS
from ebmark.report.page._numbers import format_brief
from ebmark.report.page._sentences import summarize_dataset
from ebmark.statistics import final_values, holm, paired_by_seed, role, summary
from ebmark.store.metric_info import metric_info
from ebmark.store.schema import load_study
from ebmark.store.table import read, with_entries
from ebmark.studies.builtin import STUDIES
from ebmark.studies.variants import SETTINGS

RESULTS = sorted(
    path.parent for path in (Path(__file__).parents[3] / "results").rglob("study.json")
)
STUDY = {"datasets": ["rings"], "dataset_info": {}, "question": "Which?"}


def make_table(values, metric="kl", dataset="rings"):
    """Results at the end of training: configuration -> one value per seed; NaN diverged."""
    rows = [
        (dataset, entry, seed, 1, metric, value, "done" if np.isfinite(value) else "diverged")
        for entry, by_seed in values.items()
        for seed, value in enumerate(by_seed)
    ]
    columns = ["dataset", "method", "seed", "step", "metric", "value", "status"]
    return pd.DataFrame(rows, columns=columns)


SEEDS = np.arange(8) / 100


def test_answer_names_the_significantly_lowest():
    """8 seeds, all in one direction: p = 2 / 2^8 = 0.0078, twice that by Holm for two tests."""
    table = make_table({"a": 2 + SEEDS, "b": 1 + SEEDS, "c": 3 + SEEDS, "mle": SEEDS})
    assert answer(table, STUDY).sentence == (
        "b has the lowest median KL on rings (1.0 nats), significantly lower than every other one "
        "(adjusted p\u00a0≤\u00a00.016)."
    )


def test_answer_states_ties():
    table = make_table({"a": 1 + SEEDS[::-1], "b": 1 + SEEDS, "c": 3 + SEEDS})
    (group,) = answer(table, STUDY).groups
    assert group.ties == ["b"]
    assert "not significantly different from b (adjusted p\u00a0=" in answer(table, STUDY).sentence


def test_answer_is_not_tested_with_few_seeds():
    table = make_table({"a": [1.0, 1.1], "b": [2.0, 2.2]})
    found = answer(table, STUDY)
    assert found.sentence.endswith("not tested (2 seeds; at least 6 are needed).")
    assert not found.test


def test_answer_counts_diverged_runs_as_worst():
    """Five of eight runs of the method with the lowest finite values diverged."""
    table = make_table({"a": [0.1] * 3 + [np.nan] * 5, "b": 1 + SEEDS})
    assert answer(table, STUDY).sentence.startswith("b has the lowest median KL on rings")
    table = make_table({"a": [0.1, np.nan, np.nan], "b": [np.nan, np.nan, 1.0]})
    assert answer(table, STUDY).sentence == ("All median runs on rings diverged or are unresolved.")


def test_answer_of_higher_is_better():
    table = make_table({"a": 0.2 + SEEDS, "b": 0.5 + SEEDS}, metric="coverage")
    sentence = answer(table, STUDY | {"deciding_metric": "coverage"}).sentence
    assert sentence.startswith("b has the highest median coverage on rings (0.5")
    assert "significantly higher than a (adjusted p\u00a0=\u00a00.008)" in sentence


def test_answer_of_sweeps():
    """A hyperparameter is chosen for each method; a setting of the study is a condition."""
    table = make_table({"cd, num_steps=1": 2 + SEEDS, "cd, num_steps=10": 1 + SEEDS})
    assert answer(table, STUDY).sentence.startswith(
        "cd has its lowest median KL with num steps 10 on rings (1.0 nats), significantly lower"
    )
    table = make_table({"cd, num_train=1000": 2 + SEEDS, "nce, num_train=1000": 1 + SEEDS})
    sentence = answer(table, STUDY).sentence
    assert sentence.startswith("nce has the lowest median KL on rings at num train 1,000 (1.0")


def test_answer_counts_many_cases():
    names = [f"d{i}" for i in range(6)]
    tables = [make_table({"a": 1 + SEEDS, "b": 2 + SEEDS}, dataset=name) for name in names[1:]]
    tables.append(make_table({"a": 2 + SEEDS, "b": 1 + SEEDS}, dataset=names[0]))
    found = answer(pd.concat(tables), STUDY | {"datasets": names})
    assert found.sentence == (
        "a has the lowest median KL in 5 of 6 cases and b in 1; it is significantly lower than all "
        "others in 6 of them."
    )


def test_answer_without_runs():
    assert answer(make_table({}), STUDY).sentence == "No method has a completed run yet."
    only = answer(make_table({"gaussian": SEEDS}), STUDY).sentence
    assert only == "Only the oracle and baselines have completed runs, so nothing is compared."


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("metric", ["kl", "nll"])
def test_dataset_without_a_resolved_run_is_named(value, metric):
    table = make_table({"a": [value] * 8, "b": [value] * 8}, metric)
    study = STUDY | {"datasets": ["rings"]}
    text = "ll median runs on rings diverged or are unresolved."
    assert answer(table, study).sentence == f"A{text}"
    (first, *_) = summarize_dataset(table, "rings", ["a", "b"])
    assert first.startswith("All median runs diverged or are unresolved")


@pytest.mark.parametrize("folder", RESULTS, ids=lambda folder: folder.name)
def test_answer_agrees_with_published_results(folder):
    """Recomputed: the best median, its digits in the sentence, and Holm's p of every tie."""
    study, table = with_entries(load_study(folder), read(folder))
    if study["name"] in STUDIES:
        study["deciding_metric"] = STUDIES[study["name"]].deciding_metric
    found = answer(table, study)
    metric = study["deciding_metric"] or "kl"
    higher = metric_info(metric).higher_is_better
    tests = [test for group in found.groups for test in group.tests.values()]
    p = holm([test.p for test in tests])
    # the smallest p of n seeds is 2^(1 - n), times the number of tests
    if len(tests) * 2.0 ** (1 - max((test.n for test in tests), default=0)) >= 0.05:
        p = [math.nan] * len(tests)
        assert "significant" not in found.sentence
    assert [q for g in found.groups for q in g.adjusted.values()] == pytest.approx(p, nan_ok=True)
    for group in found.groups:
        if " at " in group.condition or group.condition.startswith("for "):
            continue
        runs = final_values(table, group.condition.removeprefix("on "), metric)
        medians = {e: summary(v).median for e, v in runs.items() if role(e) is None}
        assert (max if higher else min)(medians.values()) == medians[group.best] == group.median
        for name, test in group.tests.items():
            assert test == paired_by_seed(runs[name], runs[group.best], higher_is_better=higher)
        if len(found.groups) <= 4:
            assert f"({format_brief(group.median)}" in found.sentence
        assert group.best in found.sentence or len(found.groups) > 4


def test_conditions_are_the_settings_of_studies():
    assert set(CONDITIONS) == set(SETTINGS)


@pytest.mark.parametrize("name", STUDIES)
def test_built_in_study_asks_a_question(name):
    study = STUDIES[name]
    assert study.question.startswith("Which ") and study.question.endswith("?")
    assert metric_info(study.deciding_metric).description
