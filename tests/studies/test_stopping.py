"""A stopped study saves its active runs and resumes: in processes and by Parsl."""

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

STUDY = TINY.replace('["nce", "mle"]', '["nce", "dsm"]').replace(
    "num_updates = 30", "num_updates = 8000"
)
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
    """Return a folder with the study's file and, in `whole`, the study run without interruption."""
    place = tmp_path_factory.mktemp("stopping")
    (place / "study.toml").write_text(STUDY)
    (place / "two.toml").write_text(SITE)
    ended = ebmark("run", "study.toml", "--engine", "inline", "--out", "whole", cwd=place)
    assert ended.returncode == 0, ended.stderr
    return place


def start(place, name, *more):
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


def wait_until_training(folder, process):
    """Wait until a run is in the middle of its training."""
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None and time.monotonic() < deadline
        if (folder / "plan.json").exists():
            locks = running(folder, read_plan(folder))
            training = [lock["fraction"] for lock in locks if lock["what"] == "training"]
            if any(0.1 < fraction < 0.7 for fraction in training):
                return
        time.sleep(0.05)


def assert_stopped(place, name, process):
    """Check that the study stopped cleanly, and that its status and report can be made."""
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 75, errors
    assert "Repeat the command to resume" in errors and "Traceback" not in errors
    folder = place / name
    left = [path.name for path in (folder / "runs").iterdir() if "." in path.name]
    assert left and all(path.endswith(".ckpt") for path in left), left
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
def test_stopped_study_resumes_to_same_table(place, engine):
    """Stop by SIGTERM in the middle of a training, then by --max-minutes, then complete it."""
    if engine == "parsl":
        pytest.importorskip("parsl")
    folder = place / engine
    process = start(place, engine, *ENGINES[engine])
    try:
        wait_until_training(folder, process)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)  # as some batch systems do
        assert_stopped(place, engine, process)
        saved = {path: path.read_bytes() for path in folder.glob("runs/*.ckpt")}
        process = start(place, engine, *ENGINES[engine], "--max-minutes", "0.05")
        assert_stopped(place, engine, process)
        assert all(path.exists() for path in saved)
        process = start(place, engine, *ENGINES[engine])
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0 and "is dropped" not in errors, errors
    finally:
        process.kill()
        process.wait()
    plan = read_plan(folder)
    assert {path.name for path in (folder / "runs").iterdir()} == set(plan) and len(plan) == 4
    whole = place / "whole"
    pd.testing.assert_frame_equal(without_times(folder), without_times(whole), check_exact=True)
    for run in plan:
        arrays = table.load_arrays(folder, run)
        expected = table.load_arrays(whole, run)
        assert all(np.array_equal(arrays[k], expected[k], equal_nan=True) for k in expected)
    assert not [name for name in os.listdir(folder) if name.startswith(".")]
