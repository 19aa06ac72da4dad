"""Studies whose seeds are trained side by side in one program."""

import dataclasses

import numpy as np
import pytest
from helpers.tiny_study import without_times

from ebmark.datasets import SyntheticDataset, UserDataset
from ebmark.engines import new_engine
from ebmark.errors import UserError
from ebmark.studies import side_by_side
from ebmark.studies.collect import finish
from ebmark.studies.driver import run_plan
from ebmark.studies.prepare import prepare
from ebmark.studies.spec import run_id, run_specs
from ebmark.studies.study import Study, validated

TINY = Study(
    name="tiny",
    datasets=("half_moons",),
    methods=("nce",),
    seeds=2,
    num_updates=30,
    num_train=300,
    num_samples=60,
    num_metric_samples=50,
    langevin_steps=40,
    num_snapshots=2,
)


def rows_of(folder, study):
    plan = prepare(study, folder, None, "", "ebmark run tiny.toml")
    outcome = run_plan(folder, plan, new_engine("inline", folder), plain=True)
    assert outcome.done == study.seeds and not outcome.failed
    assert not list((folder / "runs").glob("*.*")), "checkpoints and locks must be gone"
    finish(folder, plan)
    return without_times(folder).sort_values(["seed", "step", "metric"])


@pytest.mark.slow
def test_study_gives_the_numbers_of_seeds_alone(tmp_path):
    alone = rows_of(tmp_path / "alone", TINY)
    together = rows_of(tmp_path / "together", dataclasses.replace(TINY, seeds_per_program=2))
    assert set(alone["run_id"]).isdisjoint(together["run_id"])
    assert list(alone["metric"]) == list(together["metric"])
    for metric in ("kl", "nll", "fisher_divergence"):
        values = [rows.loc[rows["metric"] == metric, "value"] for rows in (alone, together)]
        np.testing.assert_allclose(*values, rtol=1e-3, atol=1e-3)


def test_seeds_of_a_program_are_consecutive_runs():
    study = dataclasses.replace(TINY, methods=("nce", "cd"), seeds=4, seeds_per_program=2)
    specs = run_specs(study, [SyntheticDataset("half_moons")], None)
    order = [(spec["method"], spec["seed"]) for spec in specs]
    assert order[:4] == [("nce", 0), ("nce", 1), ("cd", 0), ("cd", 1)]
    assert order[4:] == [("nce", 2), ("nce", 3), ("cd", 2), ("cd", 3)]


def test_single_seeds_keep_their_ids():
    source = SyntheticDataset("half_moons")
    ids = [
        run_id(run_specs(dataclasses.replace(TINY, seeds_per_program=n), [source], None)[0])
        for n in (1, 2)
    ]
    assert ids[0] != ids[1]
    assert "seeds_per_program" not in run_specs(TINY, [source], None)[0]


def test_what_cannot_share_a_program_is_refused():
    with pytest.raises(UserError, match="5 seeds are not a multiple of 2. Set seeds to 6."):
        validated(dataclasses.replace(TINY, seeds=5, seeds_per_program=2))
    with pytest.raises(UserError, match="with early stopping.*early_stopping = false"):
        validated(dataclasses.replace(TINY, seeds_per_program=2, early_stopping=True))
    mine = UserDataset("mine", np.random.default_rng(0).normal(size=(100, 2)))
    with pytest.raises(UserError, match="each seed splits your data differently.*--data"):
        run_specs(dataclasses.replace(TINY, seeds_per_program=2), [mine], "points.npy")


def test_seeds_are_trained_alone_where_checkpoints_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    (spec, *_) = run_specs(
        dataclasses.replace(TINY, seeds_per_program=2), [SyntheticDataset("half_moons")], None
    )
    trained = []
    monkeypatch.setattr(side_by_side, "_train", lambda *_: trained.append(1) or True)
    path = tmp_path / "runs" / "never.ckpt"
    side_by_side.train_with_other_seeds(tmp_path, spec, path, lambda *_: None)
    assert trained == [1]
