"""Engines: every cell is run once, whatever dies, and what comes back says how it went."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from ebmark.engines import WorkerLost, new_engine
from ebmark.engines._gpus import gpus, left_alone, sees
from ebmark.store.locks import acquire_lock
from ebmark.studies.driver import run_plan
from ebmark.system.threads import pin

HERE = str(Path(__file__).parents[1])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A study's folder; workers find the tests' cells."""
    monkeypatch.setenv("PYTHONPATH", HERE)
    (tmp_path / "runs").mkdir()
    return tmp_path


@pytest.fixture(params=["inline", "processes"])
def engine_of(request):
    """What makes an engine that runs the tests' cells."""
    made = []

    def make(folder, runner):
        made.append(
            new_engine(request.param, folder, jobs=2, runner=f"helpers.engine_runs:{runner}")
        )
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def processes(folder, runner, jobs):
    return new_engine("processes", folder, jobs=jobs, runner=f"helpers.engine_runs:{runner}")


def plan_of(number, seconds=0.0):
    return {f"cell{i}": {"seconds": seconds, "method": "m", "dataset": "d", "seed": i}
            for i in range(number)}  # fmt: skip


def runs(folder, name):
    return (folder / f"{name}.runs").read_text().split()


def result(folder, name):
    return json.loads((folder / "runs" / name / "result.json").read_text())


def test_what_comes_back_is_a_path_and_a_small_dictionary(folder, engine_of):
    engine = engine_of(folder, "sleeps")
    spec = {"seconds": 0.0, "numbers": [0.1, 1e-300, 3]}
    answer = engine.submit("mine", spec).result(30)
    assert answer["status"] == "done" and answer["reason"] == ""
    assert answer["path"] == "runs/mine" and len(json.dumps(answer)) < 300
    assert result(folder, "mine")["spec"] == spec  # JSON changed no number
    assert not list((folder / "runs").glob("*.lock"))


def test_a_cell_that_fails_is_told_and_the_others_go_on(folder, engine_of):
    failing, engine = engine_of(folder, "fails"), engine_of(folder, "sleeps")
    answer = failing.submit("bad", {}).result(30)
    assert answer["status"] == "failed" and answer["reason"] == "ValueError: no cell like bad"
    assert "Traceback" in (folder / "runs" / "bad.error").read_text()
    assert engine.submit("bad", {"seconds": 0}).result(30)["status"] == "done"
    assert not (folder / "runs" / "bad.error").exists()


def test_a_cell_that_another_run_holds_is_not_run(folder, engine_of):
    engine = engine_of(folder, "sleeps")
    with acquire_lock(folder, "mine") as claim:
        assert claim is not None
        assert engine.submit("mine", {"seconds": 0}).result(30)["status"] == "held"
    assert engine.submit("mine", {"seconds": 0}).result(30)["status"] == "done"
    assert len(runs(folder, "mine")) == 1


def test_workers_stay_and_have_one_thread_and_what_cells_print_is_no_answer(folder):
    plan, engine = plan_of(6), processes(folder, "prints", 1)
    ended = run_plan(folder, plan, engine, plain=True)
    assert (ended.planned, ended.done, ended.failed) == (6, 6, {})
    assert len({runs(folder, name)[0] for name in plan}) == 1
    seen = [result(folder, name)["environment"] for name in plan]
    assert all((each["NPROC"], each["OMP_NUM_THREADS"]) == ("1", "1") for each in seen)


def test_workers_are_bound_to_processors_only_where_they_take_them_all(monkeypatch):
    """Else two runs of one worker each would share the first."""
    bound = []
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {4, 5, 6}, raising=False)
    monkeypatch.setattr("os.sched_setaffinity", lambda _, cores: bound.append(cores), raising=False)
    for of in (1, 3, 5):
        for index in range(of):
            pin(index, of)
    assert bound == [{4}, {5}, {6}, {4}, {5}, {6}, {4}, {5}]


def test_killed_workers_are_replaced_and_every_cell_is_there_once(folder):
    plan, engine = plan_of(8, seconds=0.4), processes(folder, "sleeps", 2)
    futures = {name: engine.submit(name, spec) for name, spec in plan.items()}
    for name in ("cell1", "cell4"):
        while not (path := folder / f"{name}.runs").exists() or not path.read_text():
            time.sleep(0.01)
        os.kill(int(runs(folder, name)[0]), signal.SIGKILL)
    answers = {name: future.result(30) for name, future in futures.items()}
    engine.close()
    assert {answer["status"] for answer in answers.values()} == {"done"}
    times = {name: len(runs(folder, name)) for name in plan}
    assert times == {name: 2 if name in ("cell1", "cell4") else 1 for name in plan}


def test_a_cell_that_kills_its_workers_fails_and_says_so(folder):
    engine = processes(folder, "dies", 1)
    future = engine.submit("deadly", {})
    with pytest.raises(WorkerLost, match="died each of 3 times .signal 9, signal 9, signal 9."):
        future.result(30)
    ended = run_plan(folder, plan_of(1), processes(folder, "dies", 1), plain=True)
    assert ended.done == 0 and "signal 9" in ended.failed["cell0"]
    assert "signal 9" in (folder / "runs" / "cell0.error").read_text()
    engine.close()


def test_closing_ends_the_workers_at_once(folder):
    engine = processes(folder, "sleeps", 2)
    futures = [engine.submit(name, spec) for name, spec in plan_of(5, seconds=60).items()]
    while len(started := list(folder.glob("*.runs"))) < 2 or not all(
        p.stat().st_size for p in started
    ):
        time.sleep(0.01)
    began = time.monotonic()
    engine.close()
    assert time.monotonic() - began < 5
    assert all(future.done() for future in futures)
    for path in started:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


def test_two_runs_of_one_study_share_its_cells(folder):
    plan = plan_of(6, seconds=0.3)
    other = processes(folder, "sleeps", 1)
    theirs = {name: other.submit(name, plan[name]) for name in reversed(plan)}
    ended = run_plan(folder, plan, processes(folder, "sleeps", 1), plain=True)
    assert ended.done == 6 and not ended.failed
    assert {future.result(30)["status"] for future in theirs.values()} <= {"done", "held"}
    assert all(len(runs(folder, name)) == 1 for name in plan)
    other.close()


def test_each_worker_has_one_gpu_where_they_are_asked_for(tmp_path, monkeypatch):
    asked = {"JAX_PLATFORMS": "cuda,cpu"}
    for name in ("nvidia0", "nvidia2", "nvidia10", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert gpus(asked, tmp_path) == []  # there is no CUDA for the JAX of the tests
    assert left_alone({}, tmp_path) is None
    plugin = "jax_cuda13_plugin"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == plugin or None)
    assert gpus(asked, tmp_path) == ["0", "2", "10"]
    assert gpus(asked | {"CUDA_VISIBLE_DEVICES": "4,GPU-1a"}, tmp_path) == ["4", "GPU-1a"]
    assert gpus(asked | {"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == []
    assert gpus({}, tmp_path) == gpus({"JAX_PLATFORMS": "cpu"}, tmp_path) == []
    assert "JAX_PLATFORMS=cuda" in left_alone({}, tmp_path)
    assert left_alone({"JAX_PLATFORMS": "cpu"}, tmp_path) is None
    assert left_alone({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) is None
    devices = ["4", "GPU-1a"]
    assert [sees(i, 2, devices, asked) for i in range(2)] == [
        {"CUDA_VISIBLE_DEVICES": "4"},
        {"CUDA_VISIBLE_DEVICES": "GPU-1a"},
    ]
    shared = {"CUDA_VISIBLE_DEVICES": "4", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert sees(2, 3, devices, asked) == shared
    assert sees(0, 3, [], {}) == {"JAX_PLATFORMS": "cpu"}
    assert sees(0, 3, [], {"JAX_PLATFORMS": "rocm"}) == {"JAX_PLATFORMS": "rocm"}


def test_a_worker_is_told_its_gpu(folder, monkeypatch):
    monkeypatch.setattr("ebmark.engines._processes.gpus", lambda environment: ["7"])
    ended = run_plan(folder, plan_of(1), processes(folder, "sleeps", 1), plain=True)
    assert ended.done == 1
    assert result(folder, "cell0")["environment"]["CUDA_VISIBLE_DEVICES"] == "7"
