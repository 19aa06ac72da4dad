"""Studies made small, and the order in which their cells are run."""

import itertools

from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.methods import METHODS
from ebmark.studies.builtin import STUDIES
from ebmark.studies.spec import run_specs
from ebmark.studies.study import quick


def test_quick_makes_every_study_smaller_and_none_larger():
    for study in STUDIES.values():
        small = quick(study)
        assert small.steps <= (study.num_updates or 1_000)
        many = len(study.datasets) * len(study.methods) > 100
        assert small.seeds == min(study.seeds, 1 if many else 2)
        for number in ("num_samples", "num_metric_samples", "langevin_steps", "num_snapshots"):
            assert getattr(small, number) <= getattr(study, number)
        assert (small.datasets, small.methods) == (study.datasets, study.methods)


def test_all_is_every_method_on_every_law_of_the_plane():
    plane, above = STUDIES["all"], STUDIES["high_dimensional"]
    assert set(plane.methods) == set(METHODS)
    assert {DATASETS[name].dim for name in plane.datasets} == {2}
    assert {*plane.datasets, *above.datasets} == set(DATASETS)


def test_a_worker_meets_a_methods_cells_one_after_another():
    """A compiled program serves all datasets of one shape: so each method comes once a seed."""
    laws = [SyntheticDataset("half_moons"), SyntheticDataset("rings"), SyntheticDataset("banana")]
    specs = run_specs(quick(STUDIES["toy"]), laws, None)
    runs = [key for key, _ in itertools.groupby(specs, lambda s: (s["seed"], s["method"]))]
    assert len(runs) == len(set(runs)) == 2 * len(STUDIES["toy"].methods)
