"""Kills at random moments, two commands at once, and 10,000 runs: every run complete exactly once.

`./dev test --full -s tests/project/test_load.py` prints the figures of
docs/developers/reliability.md. Here runs train nothing; `test_torture.py` has real ones.
"""

import contextlib
import os
import random
import resource
import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers import light_runs
from helpers.tiny_study import ebmark

from ebmark.store import table
from ebmark.store.repair import check_run
from ebmark.store.schema import load_study, read_plan
from ebmark.store.status import read_status
from ebmark.system.listed_files import check_listed
from ebmark.system.writing import write_json

TESTS = Path(__file__).parents[1]
SEED = 20_261_129
NUM_KILLS = int(os.environ.get("EBMARK_KILLS", "100"))


def start(folder: Path, num_runs: int) -> psutil.Popen:
    command = [sys.executable, str(TESTS / "helpers" / "light_runs.py"), str(folder), str(num_runs)]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    with open(folder.parent / "log", "ab") as log:
        return psutil.Popen(command, env=environment, stdout=log, stderr=log)


def find_workers(process: psutil.Popen) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [one for one in process.children() if "ebmark.engines.worker" in one.cmdline()]
    return []


def check_readable(folder: Path, done: dict[Path, int]) -> None:
    """Every reader accepts the folder, and no completed run was replaced."""
    if (folder / "study.json").exists():
        read_status(folder, {})
        table.current(folder, load_study(folder))
    for path in folder.glob("runs/[!.]*/result.json"):
        assert done.setdefault(path, path.stat().st_ino) == path.stat().st_ino


def wait_for_run(folder: Path, process: psutil.Popen) -> None:
    """Wait until the command has completed a run, or has ended."""
    before = set(folder.glob("runs/[!.]*/result.json"))
    deadline = time.monotonic() + 60
    while process.poll() is None and before >= set(folder.glob("runs/[!.]*/result.json")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def finish(folder: Path, num_runs: int, done: dict[Path, int]) -> None:
    """Run the command to its end; every run is complete exactly once, and nothing else is left."""
    assert start(folder, num_runs).wait(600) == 0, (folder.parent / "log").read_text()[-2000:]
    check_readable(folder, done)
    plan = read_plan(folder)
    assert len(plan) == num_runs
    assert sorted(path.name for path in (folder / "runs").iterdir()) == sorted(plan)
    for name in plan:
        check_run(folder, name)
    rows = table.read(folder)
    per_run = len(light_runs.METRICS) * len(light_runs.STEPS)
    assert (rows["run_id"].value_counts() == per_run).all() and len(rows) == per_run * num_runs
    check_listed(folder)


@pytest.mark.slow
@pytest.mark.parametrize("num_kills", [3, pytest.param(NUM_KILLS, marks=pytest.mark.full)])
def test_random_kills_lose_no_run(tmp_path, num_kills, capsys):
    """Kill the command at every third time, else a worker, between runs as well as during them."""
    chance = random.Random(SEED)
    folder, num_runs = tmp_path / "killed", 8 * num_kills
    folder.mkdir()
    done: dict[Path, int] = {}
    kills = {"command": 0, "worker": 0}
    process = start(folder, num_runs)
    began = time.monotonic()
    while sum(kills.values()) < num_kills:
        if chance.random() < 0.8:  # the others may strike while the command starts
            wait_for_run(folder, process)
        time.sleep(chance.uniform(0, 1))
        if process.poll() is not None:  # done, or a run's workers were killed three times
            assert process.returncode in (0, 1)
            process = start(folder, num_runs)
            continue
        workers = find_workers(process)
        if workers and sum(kills.values()) % 3:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(workers).kill()
                kills["worker"] += 1
        else:
            process.kill()
            process.wait()
            kills["command"] += 1
            check_readable(folder, done)
            process = start(folder, num_runs)
    process.kill()
    process.wait()
    finish(folder, num_runs, done)
    with capsys.disabled():
        print(f"\nkills: {kills}; {num_runs} runs, each once; {time.monotonic() - began:.0f} s")


@pytest.mark.full
def test_two_commands_at_once(tmp_path):
    folder = tmp_path / "two"
    folder.mkdir()
    commands = [start(folder, 16), start(folder, 16)]
    assert [one.wait(300) for one in commands] == [0, 0]
    finish(folder, 16, {})


@pytest.mark.full
def test_10_000_runs_in_one_folder(tmp_path, capsys):
    """`status` takes at most 5 s, `report` at most 60 s of CPU."""
    folder = tmp_path / "many"
    (folder / "runs").mkdir(parents=True)
    plan = light_runs.make_plan(10_000, num_methods=10, num_datasets=10)
    light_runs.write_plan(folder, plan)
    write_json(folder / "study.json", light_runs.describe(plan))
    for name, spec in plan.items():
        light_runs.write_run(folder, name, spec)
    figures = {}
    for command in ("status", "table", "report"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        ended = ebmark(command, folder, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        seconds = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        figures[command] = (round(seconds, 1), round(cpu, 1))
    with capsys.disabled():
        print(f"\n10,000 runs: seconds elapsed and of CPU: {figures}")
    assert figures["status"][1] <= 5 and figures["report"][1] <= 60
