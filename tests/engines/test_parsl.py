"""The engine parsl, on this machine and with a fake PBS: whatever dies, no run is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ebmark.engines import EngineLost, new_engine
from ebmark.studies.driver import run_plan

pytest.importorskip("parsl")
TESTS = Path(__file__).parents[1]


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """The folder of the user's sites, which is empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "ebmark" / "sites"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def pbs(tmp_path, monkeypatch):
    """The folder of a study, with qsub, qstat, qdel and mpiexec that run jobs on this machine."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "study" / "runs").mkdir(parents=True)
    monkeypatch.setenv("FAKE_PBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("PATH", f"{TESTS / 'helpers' / 'fake_pbs'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    # the list of hosts for mpiexec is written to the working directory
    monkeypatch.chdir(tmp_path)
    return tmp_path / "study"


def plan_of(num_runs, seconds):
    spec = {"seconds": seconds, "method": "m", "dataset": "d"}
    return {f"run{i}": {**spec, "seed": i} for i in range(num_runs)}


SITE = """\
like = "polaris"
account = "Catalyst"
interface = "lo"
nodes = 2
accelerators = ["0", "1"]
setup = ["export SET_UP=yes"]
"""


@pytest.mark.slow
def test_pbs_job_script_is_that_of_polaris(user_folder, pbs):
    (user_folder / "mine.toml").write_text(SITE)
    plan = plan_of(6, 0.2)
    engine = new_engine("parsl", pbs, site="mine", runner="helpers.engine_runs:sleeps")
    outcome = run_plan(pbs, plan, engine, plain=True)
    assert outcome.done == 6 and not outcome.failed
    results = [json.loads((pbs / "runs" / name / "result.json").read_text()) for name in plan]
    environments = [result["environment"] for result in results]
    assert all(environment["NPROC"] == "1" for environment in environments)
    assert all(environment["SET_UP"] == "yes" for environment in environments)
    # one worker per device
    for variable in ("CUDA_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"):
        assert {environment[variable] for environment in environments} == {"0", "1"}
    assert len({(r["pid"], r["environment"]["ZE_AFFINITY_MASK"]) for r in results}) == 2
    (command,) = (pbs.parent / "jobs" / "commands").read_text().splitlines()
    assert command.startswith("qsub -q prod -A Catalyst ")
    script = Path(command.split()[-1]).read_text()
    for line in (
        "#PBS -l walltime=01:00:00",
        "#PBS -l select=2:ncpus=64:ngpus=4",
        "#PBS -l filesystems=home:eagle",
        "export SET_UP=yes",
    ):
        assert line in script.splitlines()
    assert "mpiexec --cpu-bind none --depth=64 --ppn 1 -n $WORKERCOUNT --hostfile" in script
    assert "WORKERCOUNT=2" in script


@pytest.mark.full
def test_engine_gives_up_if_all_jobs_fail(user_folder, pbs, monkeypatch):
    """Otherwise Parsl would submit jobs forever. The error contains the scheduler's message."""
    broken = pbs.parent / "bin"
    broken.mkdir()
    (broken / "qsub").write_text("#!/bin/sh\necho 'qsub: Invalid account' >&2\nexit 1\n")
    (broken / "qsub").chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken}:{os.environ['PATH']}")
    (user_folder / "mine.toml").write_text(SITE)
    engine = new_engine("parsl", pbs, site="mine", runner="helpers.engine_runs:sleeps")
    with pytest.raises(
        EngineLost, match="3 jobs failed before any run was executed; .*Invalid account"
    ):
        engine.submit("mine", {"seconds": 0}).result(60)
    engine.close()


LOCAL = """\
like = "laptop"
workers = 2
lost_after = 10
"""

COMMAND = """\
import json, sys
from pathlib import Path
from ebmark.studies.driver import run_plan
from ebmark.engines import new_engine

folder = Path(sys.argv[1])
engine = new_engine("parsl", folder, site=sys.argv[2], runner="helpers.engine_runs:sleeps")
plan = json.loads((folder / "plan.json").read_text())
outcome = run_plan(folder, plan, engine, plain=True)
sys.exit(len(outcome.failed))
"""


@pytest.fixture
def start_plan(user_folder, tmp_path, monkeypatch):
    """A function that executes a plan in its own process; it returns this and the folder."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    (user_folder / "mine.toml").write_text(LOCAL)
    folder = tmp_path / "study"
    (folder / "runs").mkdir(parents=True)
    started = []

    def start(plan):
        (folder / "plan.json").write_text(json.dumps(plan))
        command = [sys.executable, "-c", COMMAND, str(folder), "mine"]
        started.append(psutil.Popen(command, stderr=subprocess.DEVNULL))
        return started[-1], folder

    yield start
    for process in started:
        if process.is_running():
            process.kill()
        process.wait()


def wait_for(condition, seconds=60):
    """Return the first value of `condition()` that is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"no success within {seconds} s"
        time.sleep(0.05)
    return value


def executions(folder):
    """The process ids of all executions of each run."""
    return {path.stem: path.read_text().split() for path in folder.glob("*.runs")}


def workers(folder):
    """The process ids of all workers that executed a run."""
    return {int(pid) for pids in executions(folder).values() for pid in pids}


@pytest.mark.full
def test_killed_worker_and_node_lose_no_run(start_plan):
    """Only the three interrupted runs are executed twice, and no worker survives its node."""
    plan = plan_of(12, 1.5)
    command, folder = start_plan(plan)
    wait_for(lambda: len(workers(folder)) == 2)
    killed = min(workers(folder))
    os.kill(killed, signal.SIGKILL)
    # it is replaced
    wait_for(lambda: len(workers(folder)) == 3)
    (manager,) = {psutil.Process(pid).ppid() for pid in workers(folder) if pid != killed}
    os.kill(manager, signal.SIGKILL)
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in workers(folder)), 5)
    assert command.wait(120) == 0
    assert {path.name for path in (folder / "runs").iterdir()} == set(plan)
    assert len(workers(folder)) >= 5
    counts = sorted(len(pids) for pids in executions(folder).values())
    assert counts[:-3] == [1] * 9 and max(counts) <= 2


@pytest.mark.full
def test_killed_command_leaves_no_process(start_plan):
    """The next command keeps the completed runs and executes the others."""
    plan = plan_of(6, 1.0)
    command, folder = start_plan(plan)
    wait_for(lambda: list(folder.glob("runs/*/result.json")))
    started = command.children(recursive=True)
    started += [psutil.Process(pid) for pid in workers(folder)]
    done = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/result.json")}
    command.kill()
    command.wait()
    wait_for(lambda: not any(process.is_running() for process in started), 60)
    next_command, folder = start_plan(plan)
    assert next_command.wait(60) == 0
    assert {path.name for path in (folder / "runs").iterdir()} == set(plan)
    assert all(path.stat().st_mtime_ns == time for path, time in done.items())
