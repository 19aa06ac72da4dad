"""Built-in studies, quick runs, and the order in which runs are executed."""

import dataclasses
import itertools

import numpy as np
import pytest
from helpers.tiny_study import ebmark

from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.store import table
from ebmark.studies.builtin import STUDIES
from ebmark.studies.spec import run_specs
from ebmark.studies.study import quick, validated


def test_quick_reduces_every_study():
    for study in STUDIES.values():
        small = quick(study)
        if "network_evaluations" not in study.sweep:
            assert small.num_updates <= (study.num_updates or 1_000)
        many = len(study.datasets) * len(study.methods) > 100
        assert small.seeds in (min(study.seeds, 1 if many else 2), 1)
        for number in ("num_samples", "num_metric_samples", "langevin_steps", "num_snapshots"):
            assert getattr(small, number) <= getattr(study, number)
        assert small.methods == study.methods
        assert small.datasets in (study.datasets, study.datasets[:1])


def test_quick_study_above_2d_has_one_dataset_and_seed():
    small = quick(STUDIES["images"])
    assert (small.datasets, small.seeds, small.num_train) == (("digits_64",), 1, 10_000)
    assert small.num_updates == 500


def test_benchmarks_cover_datasets():
    low = STUDIES["all"]
    above_2d = [STUDIES[name].datasets for name in ("dimension", "analytic", "fitted")]
    assert set(low.methods) == set(METHODS)
    assert {DATASETS[name].dim for name in low.datasets} == {2}
    assert set(low.datasets).union(*above_2d) == set(DATASETS)


def test_runs_of_a_method_are_consecutive():
    """A compiled program serves all datasets of one shape: each method comes once per seed."""
    sources = [SyntheticDataset(name) for name in ("half_moons", "rings", "banana")]
    specs = run_specs(quick(STUDIES["toy"]), sources, None)
    groups = [key for key, _ in itertools.groupby(specs, lambda s: (s["seed"], s["method"]))]
    assert len(groups) == len(set(groups)) == 2 * len(STUDIES["toy"].methods)


# mean and standard deviation of log KL over seeds 0 to 9, by code 07a1260
LOG_KL = {"cd": (-3.63, 0.47), "dsm": (-3.10, 0.33), "nce": (-4.05, 0.28)}
SHORT = """
datasets = ["half_moons"]
methods = ["cd", "dsm", "nce"]
seeds = 2
num_updates = 1_000
num_samples = 200
num_metric_samples = 100
langevin_steps = 50
num_snapshots = 1
"""


@pytest.mark.full
def test_numbers_of_a_quick_study_are_within_their_intervals(tmp_path):
    """What makes a study faster keeps its KL: means of two seeds within four standard errors."""
    (tmp_path / "short.toml").write_text(SHORT)
    finished = ebmark("run", "short.toml", "--jobs", "1", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    rows = table.read(tmp_path / "studies" / "short")
    last = rows[rows["metric"] == "kl"].drop_duplicates("run_id", keep="last")
    for name, (mean, std) in LOG_KL.items():
        log_kl = np.log(last.loc[last["method"] == name, "value"])
        assert log_kl.mean() == pytest.approx(mean, abs=4 * std / np.sqrt(2)), name


def test_quick_keeps_a_swept_budget_apart():
    """Smaller, in the same proportions, and not replaced by a number of updates."""
    study = STUDIES["budget"]
    small = validated(quick(study))
    budgets, reduced = study.sweep["network_evaluations"], small.sweep["network_evaluations"]
    np.testing.assert_allclose(np.divide(budgets, reduced), budgets[0] / reduced[0], rtol=0.01)
    sources = [SyntheticDataset(name) for name in small.datasets]
    specs = [s for s in run_specs(small, sources, None) if s["method"] == "nce"]
    updates = {spec["axes"]["network_evaluations"]: spec["training"] for spec in specs}
    assert len({training["num_updates"] for training in updates.values()}) == len(reduced)
    with pytest.raises(UserError, match="mutually exclusive"):
        validated(dataclasses.replace(study, num_updates=100))


def test_quick_seeds_fit_the_program():
    study = dataclasses.replace(STUDIES["images"], seeds=10, seeds_per_program=5)
    assert validated(quick(study)).seeds_per_program == 1
