"""Built-in studies, quick runs, and the order in which runs are executed."""

import itertools

from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.methods import METHODS
from ebmark.studies.builtin import STUDIES
from ebmark.studies.spec import run_specs
from ebmark.studies.study import quick


def test_quick_reduces_every_study():
    for study in STUDIES.values():
        small = quick(study)
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
