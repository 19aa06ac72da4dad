"""Engines: every run is executed once, whatever dies, and its outcome is returned."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ebmark.engines import WorkerLost, _processes, new_engine, num_cores
from ebmark.engines._gpus import device_variables, list_gpus, unused_gpus_note
from ebmark.errors import UserError
from ebmark.store.locks import acquire_lock
from ebmark.studies.driver import run_plan
from ebmark.system.threads import pin, single

TESTS = str(Path(__file__).parents[1])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a study; workers can import the tests' helpers."""
    monkeypatch.setenv("PYTHONPATH", TESTS)
    (tmp_path / "runs").mkdir()
    return tmp_path


@pytest.fixture(params=["inline", "processes"])
def make_engine(request):
    """A function that makes an engine for a runner of the helpers."""
    engines = []

    def make(folder, runner):
        runner = f"helpers.engine_runs:{runner}"
        engines.append(new_engine(request.param, folder, jobs=2, runner=runner))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def processes(folder, runner, jobs):
    return new_engine("processes", folder, jobs=jobs, runner=f"helpers.engine_runs:{runner}")


def plan_of(num_runs, seconds=0.0):
    spec = {"seconds": seconds, "method": "m", "dataset": "d"}
    return {f"run{i}": {**spec, "seed": i} for i in range(num_runs)}


def executions(folder, name):
    """The process ids of all executions of a run."""
    return (folder / f"{name}.runs").read_text().split()


def result(folder, name):
    return json.loads((folder / "runs" / name / "result.json").read_text())


def test_engine_returns_small_dictionary(folder, make_engine):
    """The spec reaches the run without a change in any number."""
    engine = make_engine(folder, "sleeps")
    spec = {"seconds": 0.0, "numbers": [0.1, 1e-300, 3]}
    outcome = engine.submit("mine", spec).result(30)
    assert outcome["status"] == "done" and outcome["reason"] == ""
    assert outcome["path"] == "runs/mine" and len(json.dumps(outcome)) < 300
    assert result(folder, "mine")["spec"] == spec
    assert not list((folder / "runs").glob("*.lock"))


def test_engine_reports_failed_run(folder, make_engine):
    failing = make_engine(folder, "fails")
    engine = make_engine(folder, "sleeps")
    outcome = failing.submit("bad", {}).result(30)
    assert outcome["status"] == "failed" and outcome["reason"] == "ValueError: no run like bad"
    assert "Traceback" in (folder / "runs" / "bad.error").read_text()
    assert engine.submit("bad", {"seconds": 0}).result(30)["status"] == "done"
    assert not (folder / "runs" / "bad.error").exists()


def test_engine_skips_run_locked_elsewhere(folder, make_engine):
    engine = make_engine(folder, "sleeps")
    with acquire_lock(folder, "mine") as lock:
        assert lock is not None
        assert engine.submit("mine", {"seconds": 0}).result(30)["status"] == "held"
    assert engine.submit("mine", {"seconds": 0}).result(30)["status"] == "done"
    assert len(executions(folder, "mine")) == 1


def test_new_engine_rejects_unknown_name(folder):
    with pytest.raises(UserError, match="Unknown engine 'processs'. Did you mean 'processes'?"):
        new_engine("processs", folder)


def test_processes_reuse_workers_of_one_thread(folder):
    """What runs print is not taken for their results."""
    plan = plan_of(6)
    outcome = run_plan(folder, plan, processes(folder, "prints", 1), plain=True)
    assert (outcome.planned, outcome.done, outcome.failed) == (6, 6, {})
    assert len({executions(folder, name)[0] for name in plan}) == 1
    environments = [result(folder, name)["environment"] for name in plan]
    assert {environment["NPROC"] for environment in environments} == {"1"}
    assert {environment["OMP_NUM_THREADS"] for environment in environments} == {"1"}


def test_pin_binds_only_if_all_processors_are_used(monkeypatch):
    """Otherwise two runs of one worker each would share the first processor."""
    bound = []
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {4, 5, 6}, raising=False)
    monkeypatch.setattr("os.sched_setaffinity", lambda _, cores: bound.append(cores), raising=False)
    for num_workers in (1, 3, 5):
        for index in range(num_workers):
            pin(index, num_workers)
    assert bound == [{4}, {5}, {6}, {4}, {5}, {6}, {4}, {5}]


def test_processes_replace_killed_workers(folder):
    """Only the runs of the killed workers are executed twice."""
    plan = plan_of(8, seconds=0.4)
    engine = processes(folder, "sleeps", 2)
    futures = {name: engine.submit(name, spec) for name, spec in plan.items()}
    killed = ("run1", "run4")
    for name in killed:
        path = folder / f"{name}.runs"
        while not path.exists() or not path.read_text():
            time.sleep(0.01)
        os.kill(int(executions(folder, name)[0]), signal.SIGKILL)
    outcomes = [future.result(30) for future in futures.values()]
    engine.close()
    assert {outcome["status"] for outcome in outcomes} == {"done"}
    counts = {name: len(executions(folder, name)) for name in plan}
    assert counts == {name: 2 if name in killed else 1 for name in plan}


def test_run_that_kills_its_workers_fails(folder):
    engine = processes(folder, "dies", 1)
    future = engine.submit("deadly", {})
    with pytest.raises(WorkerLost, match="all 3 workers .* died .signal 9, signal 9, signal 9."):
        future.result(30)
    outcome = run_plan(folder, plan_of(1), processes(folder, "dies", 1), plain=True)
    assert outcome.done == 0 and "signal 9" in outcome.failed["run0"]
    assert "signal 9" in (folder / "runs" / "run0.error").read_text()
    engine.close()


def test_close_ends_workers_immediately(folder):
    engine = processes(folder, "sleeps", 2)
    futures = [engine.submit(name, spec) for name, spec in plan_of(5, seconds=60).items()]
    while sum(path.stat().st_size > 0 for path in folder.glob("*.runs")) < 2:
        time.sleep(0.01)
    started = list(folder.glob("*.runs"))
    start = time.monotonic()
    engine.close()
    assert time.monotonic() - start < 5
    assert all(future.done() for future in futures)
    for path in started:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


def test_two_commands_share_the_runs_of_a_study(folder):
    plan = plan_of(6, seconds=0.3)
    other = processes(folder, "sleeps", 1)
    futures = {name: other.submit(name, plan[name]) for name in reversed(plan)}
    outcome = run_plan(folder, plan, processes(folder, "sleeps", 1), plain=True)
    assert outcome.done == 6 and not outcome.failed
    assert {future.result(30)["status"] for future in futures.values()} <= {"done", "held"}
    assert all(len(executions(folder, name)) == 1 for name in plan)
    other.close()


@pytest.fixture
def devices(tmp_path):
    """A folder like /dev of a machine with three GPUs."""
    for name in ("nvidia0", "nvidia2", "nvidia10", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def cuda(monkeypatch):
    """A JAX with CUDA seems to be installed."""
    plugin = "jax_cuda13_plugin"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == plugin or None)


def test_no_gpus_without_cuda(devices, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert list_gpus({"JAX_PLATFORMS": "cuda,cpu"}, devices) == []
    assert unused_gpus_note({}, devices) is None


@pytest.mark.parametrize(
    ("environment", "gpus"),
    [
        ({"JAX_PLATFORMS": "cuda,cpu"}, ["0", "2", "10"]),
        ({"JAX_PLATFORMS": "cuda,cpu", "CUDA_VISIBLE_DEVICES": "4,GPU-1a"}, ["4", "GPU-1a"]),
        ({"JAX_PLATFORMS": "cuda,cpu", "CUDA_VISIBLE_DEVICES": ""}, []),
        ({"JAX_PLATFORMS": "cpu"}, []),
        ({}, []),
    ],
)
def test_gpus_are_used_on_request(devices, cuda, environment, gpus):
    assert list_gpus(environment, devices) == gpus


def test_unused_gpus_are_noted(devices, cuda):
    assert "JAX_PLATFORMS=cuda" in unused_gpus_note({}, devices)
    assert unused_gpus_note({"JAX_PLATFORMS": "cpu"}, devices) is None
    assert unused_gpus_note({"CUDA_VISIBLE_DEVICES": ""}, devices) is None


def test_each_worker_gets_one_gpu():
    """Workers that share a GPU do not preallocate its memory."""
    gpus = ["4", "GPU-1a"]
    asked = {"JAX_PLATFORMS": "cuda,cpu"}
    assert [device_variables(i, 2, gpus, asked) for i in range(2)] == [
        {"CUDA_VISIBLE_DEVICES": "4"},
        {"CUDA_VISIBLE_DEVICES": "GPU-1a"},
    ]
    shared = {"CUDA_VISIBLE_DEVICES": "4", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert device_variables(2, 3, gpus, asked) == shared
    assert device_variables(0, 3, [], {}) == {"JAX_PLATFORMS": "cpu"}
    assert device_variables(0, 3, [], {"JAX_PLATFORMS": "rocm"}) == {"JAX_PLATFORMS": "rocm"}


def test_worker_sees_its_gpu(folder, monkeypatch):
    monkeypatch.setattr("ebmark.engines._processes.list_gpus", lambda environment: ["7"])
    outcome = run_plan(folder, plan_of(1), processes(folder, "sleeps", 1), plain=True)
    assert outcome.done == 1
    assert result(folder, "run0")["environment"]["CUDA_VISIBLE_DEVICES"] == "7"


def test_gpu_workers_compile_with_threads():
    assert single({})["NPROC"] == single({"JAX_PLATFORMS": "cpu"})["NPROC"] == "1"
    assert "NPROC" not in single({"JAX_PLATFORMS": "cuda,cpu"})


def test_close_ends_a_worker_that_just_starts(folder, monkeypatch):
    """A worker is known to the engine as soon as its process exists."""
    is_started = threading.Event()

    class Slow(_processes._Worker):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            is_started.set()
            time.sleep(0.3)

    monkeypatch.setattr(_processes, "_Worker", Slow)
    engine = processes(folder, "sleeps", 1)
    future = engine.submit("run0", plan_of(1, seconds=60)["run0"])
    is_started.wait()
    start = time.monotonic()
    engine.close()
    assert time.monotonic() - start < 5 and future.done()


def test_number_of_cores_is_that_of_the_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 5, 7}, raising=False)
    assert num_cores() == 3
