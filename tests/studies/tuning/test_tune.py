"""The search for recipes: equal budgets, separate seeds, the same result if interrupted."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers.costs import full_unless
from helpers.tiny_study import ebmark

import ebmark as eb
from ebmark.cli.main import main
from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.statistics import ROLES
from ebmark.studies.builtin import STUDIES
from ebmark.studies.driver import Outcome
from ebmark.studies.spec import run_id, run_specs
from ebmark.studies.study import TUNING_SEEDS, Study
from ebmark.studies.tuning import search
from ebmark.studies.tuning.tune import Effort, search_spec
from ebmark.training import tuned
from ebmark.training.recipes import with_changes
from ebmark.training.search_spaces import SPACES, Range, space_of

CORE = ("cd", "pcd", "dsm", "nce", "ed")


def make_spec(method="nce", dataset="half_moons", **effort):
    study = Study(methods=(method,), datasets=(dataset,))
    return search_spec(study, SyntheticDataset(dataset), method, Effort(**effort))


def smooth_objective(spec):
    """Return an objective that is lowest inside the space and diverges at one end."""
    rate = spec["training"]["learning_rate"] / 3e-3
    scale = spec["training"]["method"]["scale"] / 1.6
    if rate > 5:
        return math.inf
    return 0.01 + math.log(rate) ** 2 + math.log(scale) ** 2 + 1e-4 * (spec["seed"] % 3)


def run(tmp_path, spec, monkeypatch, objective=smooth_objective):
    (tmp_path / "runs").mkdir(exist_ok=True)
    monkeypatch.setattr(search, "evaluate_objective", lambda folder, spec: objective(spec))
    search.run_search(tmp_path, run_id(spec), spec, lambda stage, fraction: None)
    return json.loads((tmp_path / "runs" / run_id(spec) / "result.json").read_text())["trials"]


@pytest.mark.parametrize("method", SPACES)
def test_search_space_values_are_valid(method):
    assert method in METHODS and method not in ROLES and 2 <= len(SPACES[method]) <= 3
    for ends in (0, -1):
        point = {
            axis: values[ends] if not isinstance(values, Range) else (values.low, values.high)[ends]
            for axis, values in SPACES[method].items()
        }
        with_changes(method, search.as_changes(point))


def test_core_methods_tune_three_hyperparameters():
    assert {len(space_of(method)) for method in CORE} == {3}


@pytest.mark.parametrize("method", CORE)
def test_trials_cost_same_network_evaluations(method):
    spec = make_spec(method, trials=12)
    for number in range(6):
        point = search.propose(spec, [{"point": None, "values": None}] * number)
        training = search.trial_spec(spec, search.as_changes(point), TUNING_SEEDS)["training"]
        recipe = with_changes(method, training)
        spent = recipe.num_updates * recipe.method.network_evaluations(recipe.batch_size, 2)
        assert spent == pytest.approx(Effort().network_evaluations, rel=0.01)


def test_first_trial_is_default_recipe():
    spec = make_spec("nce")
    point = search.propose(spec, [])
    assert point == {"learning_rate": 3e-3, "method.scale": 1.2, "method.ratio": 1}
    assert search.propose(make_spec("cd"), [])["method.step_size"] == spec["langevin"]["step_size"]


@pytest.mark.parametrize(
    "dataset", full_unless("half_moons".__eq__, ["half_moons", "eight_gaussians"])
)
@pytest.mark.parametrize("method", SPACES)
def test_first_trial_tells_only_what_it_trained(method, dataset):
    """Each value is the recipe's, or that of the state which the recipe's training starts with."""
    spec = make_spec(method, dataset)
    point = search.propose(spec, [])
    derived = {axis for axis in point if search._default_of(axis, spec) is None}
    assert derived <= {"method.step_size", "method.sigma"}
    source = SyntheticDataset(dataset)
    x = source.draw(2_000, jr.key(0))
    z = jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)
    for axis in derived:
        state = METHODS[method].method.init(z, jr.key(1))
        trained = float(getattr(state, axis.removeprefix("method.")))
        assert point[axis] == pytest.approx(trained, rel=0.8)


def test_value_outside_range_is_not_told():
    spec = make_spec("cd")
    spec = spec | {"langevin": spec["langevin"] | {"step_size": 1.0}}
    assert set(search.propose(spec, [])) == {"learning_rate", "method.num_steps"}


@pytest.mark.parametrize("method", SPACES)
def test_first_trial_above_2d_is_the_default_recipe(method):
    """Also where a value of the recipe lies outside the range that is searched."""
    spec = make_spec(method, "gaussian_mixture_8")
    point = search._without_derived(search.propose(spec, []), spec)
    trial = search.trial_spec(spec, search.as_changes(point), TUNING_SEEDS)["training"]
    assert trial | {"num_updates": 0} == spec["training"] | {"num_updates": 0}


def test_stopped_tuning_is_no_success(tmp_path, monkeypatch, capsys):
    stopped = Outcome(planned=1, done=0, failed={}, stopped=True)
    monkeypatch.setattr("ebmark.studies.tuning.tune.run_plan", lambda *_, **__: stopped)
    command = ["tune", "--methods", "nce", "--datasets", "rings", "--out", str(tmp_path / "t")]
    monkeypatch.setattr(sys, "argv", ["ebmark", *command])
    assert main() == 75
    assert "searches left: 1." in capsys.readouterr().err
    with pytest.raises(UserError, match="stopped; searches left: 1"):
        eb.tune(["nce"], datasets=["rings"], out=tmp_path / "u")


def test_estimator_accepts_trials_without_an_axis():
    spec = make_spec("cnce", trials=4)
    first = {"point": search.propose(spec, []), "values": [0.1]}
    assert "method.width" not in first["point"]
    second = {"point": search.propose(spec, [first]), "values": [0.2]}
    assert set(search.propose(spec, [first, second])) == set(SPACES["cnce"])


@pytest.mark.parametrize("method", ["cd", "dsm", "nce"])
def test_first_trial_derives_lengths_from_data(method, tmp_path, monkeypatch):
    seen, spec = [], make_spec(method, trials=1)
    run(tmp_path, spec, monkeypatch, lambda tried: seen.append(tried["training"]) or 0.1)
    default = spec["training"] | {"num_updates": 0}
    assert all(training | {"num_updates": 0} == default for training in seen)


def test_tuning_seeds_are_reserved():
    search_ = make_spec(seeds=5)["search"]
    assert search_["seeds"] == [TUNING_SEEDS + i for i in range(5)]
    for datasets in tuned.read(tuned._SHIPPED).values():
        for found in datasets.values():
            assert min(found["made"]["search"]["seeds"]) >= TUNING_SEEDS


def test_interrupted_search_gives_same_trials(tmp_path, monkeypatch):
    spec = make_spec(trials=9)
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    whole = run(tmp_path / "a", spec, monkeypatch)
    assert len(whole) == 9 and len({tuple(t["point"].items()) for t in whole}) == 9

    left = 7  # runs until the next interruption

    def failing(spec):
        nonlocal left
        left -= 1
        if left % 7 == 0:
            raise KeyboardInterrupt
        return smooth_objective(spec)

    for _ in range(8):
        try:
            again = run(tmp_path / "b", spec, monkeypatch, failing)
            break
        except KeyboardInterrupt:
            continue
    assert again == whole


def test_search_improves_despite_divergence(tmp_path, monkeypatch):
    spec = make_spec(trials=20)
    trials = run(tmp_path, spec, monkeypatch)
    scores = [search.score(trial) for trial in trials]
    assert any(not math.isfinite(value) for value in scores)  # no NaN reaches the estimator
    # The hypercube's best of 10 lies within about 0.4 of the optimum; the estimator improves it.
    assert min(scores) < min(scores[:10]) and min(scores) < 0.1


def test_score_is_median_with_divergence_worst():
    assert search.score({"values": [0.3, 0.1, 0.2]}) == pytest.approx(0.2)
    assert search.score({"values": [0.3, 0.1, None]}) == pytest.approx(0.3)
    assert search.score({"values": [None, 0.1, None]}) == math.inf


def test_shipped_recipes_are_complete():
    for method, datasets in tuned.read(tuned._SHIPPED).items():
        for dataset, found in datasets.items():
            recipe = with_changes(method, found["changes"])
            made = found["made"]
            assert made["dataset_fingerprint"] == SyntheticDataset(dataset).fingerprint
            best = min(made["trials"], key=search.score)
            assert search.score(best) == made["score"] <= search.score(made["trials"][0])
            cost = recipe.num_updates * recipe.method.network_evaluations(
                recipe.batch_size, SyntheticDataset(dataset).dim
            )
            assert cost == pytest.approx(made["search"]["network_evaluations"], rel=0.01)
            assert len(made["trials"]) == made["search"]["trials"]
            assert made["command"].startswith("ebmark tune") and len(made["code_hash"]) == 64
    efforts = {
        (m["search"]["trials"], len(m["search"]["seeds"]), m["search"]["network_evaluations"])
        for datasets in tuned.read(tuned._SHIPPED).values()
        for m in (found["made"] for found in datasets.values())
    }
    assert len(efforts) <= 1  # the same for every method


SMALL = (
    "tune --methods nce --datasets half_moons --network-evaluations 40000 --num-train 300 "
    "--no-progress-bar"
)


@pytest.mark.full
def test_tune_command_writes_recipes(tmp_path):
    ended = ebmark(*SMALL.split(), "--trials", "3", "--seeds", "1", "--out", "t", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = tuned.read(tmp_path / "t" / "tuned.json")["nce"]["half_moons"]
    assert len(found["made"]["trials"]) == 3 and found["made"]["search"]["seeds"] == [TUNING_SEEDS]
    assert np.isfinite(found["made"]["score"]) and "nce" in ended.stdout


@pytest.mark.full
def test_killed_tuning_resumes_to_same_trials(tmp_path):
    arguments = [*SMALL.split(), "--trials", "4", "--seeds", "2"]
    uninterrupted = ebmark(*arguments, "--out", "a", cwd=tmp_path)
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    command = [sys.executable, "-m", "ebmark", *arguments, "--out", "b"]
    driver = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    runs, deadline = tmp_path / "b" / "runs", time.monotonic() + 200
    while not list(runs.glob("*.trials.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    assert ebmark(*arguments, "--out", "b", cwd=tmp_path).returncode == 0
    a, b = (
        tuned.read(tmp_path / where / "tuned.json")["nce"]["half_moons"]["made"]["trials"]
        for where in "ab"
    )
    assert a == b
    again = ebmark(*arguments, "--out", "b", cwd=tmp_path)
    assert "1 of 1 runs were done before" in again.stderr


def test_file_without_recipes_refused(tmp_path):
    (tmp_path / "notes.json").write_text('{"schema": 2, "tuned": 3}')
    with pytest.raises(UserError, match="ebmark tune"):
        tuned.read(tmp_path / "notes.json")


def test_comparison_uses_budget_of_tuning():
    study = STUDIES["comparison"]
    specs = run_specs(study, [SyntheticDataset(name) for name in study.datasets], None)
    assert len(specs) == 3 * (2 * 5 + 1) * 10
    for spec in specs:
        recipe = with_changes(spec["method"], spec["training"])
        spent = recipe.num_updates * recipe.method.network_evaluations(recipe.batch_size, 2)
        if spec["method"] not in ROLES:
            assert spent == pytest.approx(study.network_evaluations, rel=0.01)
        if spec["recipe"] == "tuned":
            made = tuned.read(tuned._SHIPPED)[spec["method"]][spec["dataset"]]["made"]
            assert made["search"]["network_evaluations"] == study.network_evaluations
