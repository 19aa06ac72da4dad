"""A run that is told to stop saves what it has, says so, and goes on: in processes and by Parsl."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from helpers.tiny_study import TINY, ebmark, without_times

from ebmark.store import table
from ebmark.store.locks import running
from ebmark.store.schema import read_plan

STUDY = TINY.replace('["nce", "mle"]', '["nce", "dsm"]').replace("steps = 30", "steps = 8000")
SITE = """\
like = "laptop"
workers = 2
affinity = "none"
lost_after = 10
"""
ENGINES = {
    "processes": ["--engine", "processes", "--jobs", "2"],
    "parsl": ["--engine", "parsl", "--site", "two.toml"],
}
PATIENCE = 600  # seconds


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the study's file and, in `whole`, the study as an undisturbed run leaves it."""
    place = tmp_path_factory.mktemp("stopping")
    (place / "study.toml").write_text(STUDY)
    (place / "two.toml").write_text(SITE)
    ended = ebmark("run", "study.toml", "--engine", "inline", "--out", "whole", cwd=place)
    assert ended.returncode == 0, ended.stderr
    return place


def started(place, name, *more):
    command = [
        sys.executable,
        "-m",
        "ebmark",
        "run",
        "study.toml",
        "--out",
        name,
        "--no-progress-bar",
        *more,
    ]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=place, **pipes)


def until_it_trains(folder, process):
    """Wait until a cell is in the middle of its training."""
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None and time.monotonic() < deadline
        if (folder / "plan.json").exists():
            said = running(folder, read_plan(folder))
            if any(one["what"] == "training" and 0.1 < one["fraction"] < 0.7 for one in said):
                return
        time.sleep(0.05)


def stopped(place, name, process, capfd):
    """The run has stopped, and cleanly; others can tell how it stands, and report it."""
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 75, said
    assert "Repeat the command to resume" in said and "Traceback" not in said
    folder = place / name
    left = [path.name for path in (folder / "runs").iterdir() if "." in path.name]
    assert left and all(one.endswith(".ckpt") for one in left), left
    assert not running(folder, read_plan(folder))
    ended = ebmark("status", name, cwd=place)
    done = len(list(folder.glob("runs/*/result.json")))
    assert ended.returncode == 0 and f"{done} of 4 runs done" in ended.stdout, ended.stderr
    assert "No process is active" in ended.stdout and "ebmark run study.toml" in ended.stdout
    ended = ebmark("report", name, cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert f"{done} of 4 runs are done" in (folder / "report.html").read_text()


@pytest.mark.full
@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_is_told_to_stop_goes_on_to_the_same_table(place, engine, capfd):
    """By SIGTERM in the middle of a training, then by --max-minutes; then it is run to its end."""
    if engine == "parsl":
        pytest.importorskip("parsl")
    folder = place / engine
    process = started(place, engine, *ENGINES[engine])
    try:
        until_it_trains(folder, process)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)  # as impatient batch systems do
        stopped(place, engine, process, capfd)
        saved = {path: path.read_bytes() for path in folder.glob("runs/*.ckpt")}
        process = started(place, engine, *ENGINES[engine], "--max-minutes", "0.05")
        stopped(place, engine, process, capfd)
        assert all(path.exists() for path in saved)
        process = started(place, engine, *ENGINES[engine])
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0 and "is dropped" not in said, said
    finally:
        process.kill()
        process.wait()
    plan = json.loads((folder / "plan.json").read_text())
    assert {path.name for path in (folder / "runs").iterdir()} == set(plan) and len(plan) == 4
    whole = place / "whole"
    pd.testing.assert_frame_equal(without_times(folder), without_times(whole), check_exact=True)
    for cell in plan:
        ours, theirs = (table.load_arrays(one, cell) for one in (folder, whole))
        assert all(np.array_equal(ours[name], theirs[name], equal_nan=True) for name in theirs)
    assert not [name for name in os.listdir(folder) if name.startswith(".")]
