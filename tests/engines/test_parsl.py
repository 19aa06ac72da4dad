"""The engine parsl, here and through a stand-in for PBS: whatever dies, nothing is lost."""

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
HERE = Path(__file__).parents[1]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A person's own folder of sites; empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "ebmark" / "sites"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def pbs(tmp_path, monkeypatch):
    """A folder of a study, and qsub, qstat, qdel and mpiexec that run jobs here."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "study" / "runs").mkdir(parents=True)
    monkeypatch.setenv("FAKE_PBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("PATH", f"{HERE / 'helpers' / 'fake_pbs'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.chdir(tmp_path)  # mpiexec's list of hosts is written where one is
    return tmp_path / "study"


def plan_of(number, seconds):
    return {f"cell{i}": {"seconds": seconds, "method": "m", "dataset": "d", "seed": i}
            for i in range(number)}  # fmt: skip


OURS = """\
like = "polaris"
account = "Catalyst"
interface = "lo"
nodes = 2
accelerators = ["0", "1"]
setup = ["export SET_UP=yes"]
"""


def test_pbs_gets_the_script_that_polaris_documents_and_runs_its_cells(own, pbs):
    (own / "mine.toml").write_text(OURS)
    plan = plan_of(6, 0.2)
    engine = new_engine("parsl", pbs, site="mine", runner="helpers.engine_runs:sleeps")
    ended = run_plan(pbs, plan, engine, plain=True)
    assert ended.done == 6 and not ended.failed
    results = [json.loads((pbs / "runs" / name / "result.json").read_text()) for name in plan]
    assert all(r["environment"]["NPROC"] == "1" for r in results)
    assert all(r["environment"]["SET_UP"] == "yes" for r in results)
    for variable in ("CUDA_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"):  # a worker a device
        assert {r["environment"][variable] for r in results} == {"0", "1"}
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
def test_jobs_that_all_fail_end_the_run_with_the_schedulers_word(own, pbs, monkeypatch):
    """Without this Parsl would submit for ever, with nothing to see but no progress."""
    broken = pbs.parent / "bin"
    broken.mkdir()
    (broken / "qsub").write_text("#!/bin/sh\necho 'qsub: Invalid account' >&2\nexit 1\n")
    (broken / "qsub").chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken}:{os.environ['PATH']}")
    (own / "mine.toml").write_text(OURS)
    engine = new_engine("parsl", pbs, site="mine", runner="helpers.engine_runs:sleeps")
    with pytest.raises(EngineLost, match="3 jobs failed before any ran a cell.*Invalid account"):
        engine.submit("run_id", {"seconds": 0}).result(60)
    engine.close()


LOCAL = """\
like = "laptop"
workers = 2
lost_after = 10
"""

RUN = """\
import json, sys
from pathlib import Path
from ebmark.driver import run_plan
from ebmark.engines import new_engine

folder = Path(sys.argv[1])
engine = new_engine("parsl", folder, site=sys.argv[2], runner="helpers.engine_runs:sleeps")
ended = run_plan(folder, json.loads((folder / "plan.json").read_text()), engine, plain=True)
sys.exit(len(ended.failed))
"""


@pytest.fixture
def run(own, tmp_path, monkeypatch):
    """Start a run of a plan in a process of its own; gives it and the study's folder."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    (own / "mine.toml").write_text(LOCAL)
    folder = tmp_path / "study"
    (folder / "runs").mkdir(parents=True)
    started = []

    def start(plan):
        (folder / "plan.json").write_text(json.dumps(plan))
        command = [sys.executable, "-c", RUN, str(folder), "mine"]
        started.append(psutil.Popen(command, stderr=subprocess.DEVNULL))
        return started[-1], folder

    yield start
    for process in started:
        if process.is_running():
            process.kill()
        process.wait()


def until(happened, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def workers_of(folder):
    """The processes that run cells, from what the cells wrote."""
    return {int(line) for path in folder.glob("*.runs") for line in path.read_text().split()}


@pytest.mark.full
def test_a_killed_worker_and_a_killed_node_lose_no_cell_and_leave_no_orphans(run):
    plan = plan_of(12, 1.5)
    driver, folder = run(plan)
    first = until(lambda: len(found := workers_of(folder)) == 2 and found)
    victim, other = sorted(first)
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(workers_of(folder)) == 3)  # it is replaced
    (manager,) = {psutil.Process(pid).ppid() for pid in workers_of(folder) if pid != victim}
    os.kill(manager, signal.SIGKILL)
    until(lambda: not any(psutil.pid_exists(pid) for pid in workers_of(folder)), 5)
    assert driver.wait(120) == 0
    assert {path.name for path in (folder / "runs").iterdir()} == set(plan)
    assert len(workers_of(folder)) >= 5
    times = sorted(len((folder / f"{name}.runs").read_text().split()) for name in plan)
    assert times[:-3] == [1] * 9 and max(times) <= 2  # only the three that were cut short


@pytest.mark.full
def test_a_killed_run_leaves_nothing_behind_and_the_next_one_goes_on(run):
    plan = plan_of(6, 1.0)
    driver, folder = run(plan)
    until(lambda: list(folder.glob("runs/*/result.json")))
    started = driver.children(recursive=True) + [psutil.Process(pid) for pid in workers_of(folder)]
    done = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/result.json")}
    driver.kill()
    driver.wait()
    until(lambda: not any(process.is_running() for process in started), 60)
    again, folder = run(plan)
    assert again.wait(60) == 0
    assert {path.name for path in (folder / "runs").iterdir()} == set(plan)
    assert all(path.stat().st_mtime_ns == time for path, time in done.items())
