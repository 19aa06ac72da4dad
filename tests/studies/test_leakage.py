"""Nothing that trains or samples depends on held-out points."""

import dataclasses

import numpy as np
import pytest

from ebmark.cli._fit import fit_table
from ebmark.datasets import UserDataset
from ebmark.studies.spec import run_specs
from ebmark.studies.study import Study
from ebmark.studies.trained import seed_keys

NUM = 200


def replace_held_out(x: np.ndarray, key) -> np.ndarray:
    """The points with those that a split by the key holds out moved far away."""
    source = UserDataset("mine", np.arange(len(x), dtype=float)[:, None])
    _, held_out = source.split(len(x), len(x), key)
    changed = x.copy()
    changed[held_out[:, 0].astype(int)] *= 0.001
    changed[held_out[0, 0].astype(int)] += 50.0
    return changed


@pytest.mark.parametrize("seed", [0, 3])
def test_step_size_is_that_of_training_points(seed):
    x = np.random.default_rng(seed).normal(size=(NUM, 2))
    changed = replace_held_out(x, seed_keys(seed)["data"])
    study = Study(methods=("gaussian",), seeds=seed + 1, num_train=1_000)
    steps = []
    for points in (x, changed):
        spec = run_specs(study, [UserDataset("mine", points)], "points.npy")[seed]
        again = run_specs(study, [UserDataset("mine", points)], "points.npy")[seed]
        assert spec == again
        steps.append(spec["langevin"]["step_size"])
    assert steps[0] == steps[1]
    whole = UserDataset("mine", changed).local_scale() ** 2 / 10
    assert abs(whole / steps[0] - 1) > 0.1


def test_step_size_follows_num_train():
    x = np.random.default_rng(1).normal(size=(NUM, 2))
    study = Study(methods=("gaussian",), seeds=1, num_train=30)
    few = run_specs(study, [UserDataset("mine", x)], "points.npy")[0]
    study = dataclasses.replace(study, num_train=1_000)
    many = run_specs(study, [UserDataset("mine", x)], "points.npy")[0]
    assert few["langevin"]["step_size"] != many["langevin"]["step_size"]


@pytest.mark.full
def test_model_of_fit_ignores_held_out_points(tmp_path):
    """The model files are equal, byte by byte; early stopping and the grid included."""
    x = np.random.default_rng(2).normal(size=(NUM, 1))
    changed = x.copy()
    held_out = np.random.default_rng(0).permutation(NUM)[: NUM // 5]
    changed[held_out] *= 0.001
    changed[held_out[0]] += 50.0
    models = []
    for name, points in (("x", x), ("changed", changed)):
        np.save(tmp_path / f"{name}.npy", points)
        out = tmp_path / f"{name}.ebm"
        options = {"columns": None, "drop": None, "distributed": False, "random_state": 0}
        path = tmp_path / f"{name}.npy"
        assert fit_table(path, out, method="nce", updates=16, **options) == 0
        models.append(out.read_bytes())
    assert models[0] == models[1]
