"""Fault injection in real processes: no run is lost if processes are killed or files damaged.

`./dev test --full -s tests/project/test_torture.py` prints the numbers of
docs/developers/fault_tolerance.md.
"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from helpers.tiny_study import ebmark, without_times

from ebmark.store import table
from ebmark.store.locks import running
from ebmark.store.schema import read_plan

pytestmark = pytest.mark.full

HERE = Path(__file__).parents[1]
STUDY = """
name = "tortured"
title = "tortured"
datasets = ["half_moons", "eight_gaussians"]
methods = ["nce", "dsm"]
seeds = 3
num_updates = 3000
num_train = 500
num_samples = 200
num_metric_samples = 100
langevin_steps = 200
num_snapshots = 2
"""
SMALL = STUDY.replace('["nce", "dsm"]', '["nce"]').replace("seeds = 3", "seeds = 1")
PATIENCE = 2_400  # seconds


def start(study: Path, folder: Path, **more: str) -> psutil.Popen:
    """Start `ebmark run` in a new process, whose workers write ten checkpoints per second."""
    command = [sys.executable, str(HERE / "helpers" / "torture_run.py"), str(study), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(HERE)} | more
    with open(log_file(study, folder), "ab") as log:
        return psutil.Popen(command, env=environment, stdout=log, stderr=log)


def log_file(study: Path, folder: Path) -> Path:
    """The output of all processes that ran in the folder, on another disk."""
    return study.parent / f"log-{'-'.join(folder.parts[-3:])}"


def run(study: Path, folder: Path, *options: str) -> str:
    """Run the command, which must succeed, and return what it printed."""
    command = ("run", study, "--out", folder, "--no-progress-bar", *options)
    ended = ebmark(*command, cwd=study.parent)
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def refuse(study: Path, folder: Path) -> str:
    """Run the command, which must fail, and return its last line."""
    ended = ebmark("run", study, "--out", folder, "--no-progress-bar", cwd=study.parent)
    assert ended.returncode in (1, 2) and "Traceback" not in ended.stderr, ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def assert_equal(folder: Path, whole: Path) -> int:
    """Compare a folder with that of an undisturbed study, bit for bit; return its runs' number."""
    plan = read_plan(whole)
    assert read_plan(folder) == plan
    assert sorted(path.name for path in (folder / "runs").iterdir()) == sorted(plan)
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    pd.testing.assert_frame_equal(without_times(folder), without_times(whole), check_exact=True)
    for run_id in plan:
        run_folder = folder / "runs" / run_id
        expected_folder = whole / "runs" / run_id
        names = {path.name for path in expected_folder.iterdir()}
        assert {path.name for path in run_folder.iterdir()} == names
        arrays = table.load_arrays(folder, run_id)
        for name, expected in table.load_arrays(whole, run_id).items():
            assert np.array_equal(arrays[name], expected, equal_nan=True)
        for name in ("energy.ebm", "spec.json"):
            assert (run_folder / name).read_bytes() == (expected_folder / name).read_bytes()
    assert (folder / "report.html").stat().st_size > 100_000
    return len(plan)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """An undisturbed study of twelve runs: its file, its folder, and its duration in seconds."""
    place = tmp_path_factory.mktemp("undisturbed")
    (place / "tortured.toml").write_text(STUDY)
    run(place / "tortured.toml", place / "warm")
    began = time.monotonic()
    assert start(place / "tortured.toml", place / "whole").wait(PATIENCE) == 0
    return place / "tortured.toml", place / "whole", time.monotonic() - began


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An undisturbed study of two runs: its file and its folder."""
    place = tmp_path_factory.mktemp("small")
    (place / "small.toml").write_text(SMALL)
    run(place / "small.toml", place / "whole")
    return place / "small.toml", place / "whole"


@pytest.fixture
def half(small, tmp_path):
    """A copy of the small study, to be damaged, and its two run ids."""
    folder = tmp_path / "half"
    shutil.copytree(small[1], folder)
    return folder, sorted(json.loads((folder / "plan.json").read_text())["runs"])


def find_workers(process: psutil.Popen) -> list[psutil.Process]:
    """The workers of a command."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [one for one in process.children() if "ebmark.engines.worker" in one.cmdline()]
    return []


def is_training(folder: Path) -> bool:
    """Whether a run is past the start of its training."""
    names = [path.name.partition(".")[0] for path in folder.glob("runs/*.lock")]
    return any(one["what"] != "starting" for one in running(folder, names))


def find_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, without those that were being written when a worker died."""
    return [path for path in folder.glob("runs/*.ckpt") if not path.name.startswith(".")]


def test_repeated_kills_lose_no_run(study, tmp_path, capsys):
    """Kill a worker, or at every third time the command, shortly after a training has begun.

    Killing processes that only start would undo no work, and a slow machine would never finish.
    """
    file, whole, undisturbed = study
    chance = random.Random(20_261_125)
    kills = {"workers": 0, "the command": 0, "while a checkpoint lay there": 0}
    folder = tmp_path / "killed"
    began = time.monotonic()
    process = start(file, folder)
    while (status := process.poll()) != 0:
        assert time.monotonic() - began < PATIENCE, log_file(file, folder).read_text()[-2000:]
        # Killed, or ended because the workers of one run were killed three times.
        if status is not None:
            assert status in (-signal.SIGKILL, 1)
            process = start(file, folder)
        if not is_training(folder):
            time.sleep(0.02)
            continue
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(chance.uniform(0, undisturbed / 6))
            continue
        workers = find_workers(process)
        kills["while a checkpoint lay there"] += bool(find_checkpoints(folder))
        if not workers or (kills["workers"] + kills["the command"]) % 3 == 2:
            process.kill()
            kills["the command"] += 1
            process.wait()
        else:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(workers).kill()
                kills["workers"] += 1
    took = time.monotonic() - began
    number = kills["workers"] + kills["the command"]
    assert kills["workers"] >= 3 and kills["the command"] >= 1, kills
    assert kills["while a checkpoint lay there"] >= 1, kills
    # No run is left; temporary files of killed processes are removed.
    run(file, folder)
    num_runs = assert_equal(folder, whole)
    with capsys.disabled():
        print(f"\nkills: {kills}; {num_runs} runs; {took:.0f} s, {undisturbed:.0f} s undisturbed: "
              f"{(took - undisturbed) / number:.1f} s lost per kill")  # fmt: skip


def test_two_commands_share_a_folder(study, tmp_path, capsys):
    """One of them is killed with its workers; the other completes the study."""
    file, whole, _ = study
    folder = tmp_path / "two"
    first = start(file, folder)
    second = start(file, folder)
    deadline = time.monotonic() + PATIENCE
    while len(list(folder.glob("runs/*/result.json"))) < 3:
        assert time.monotonic() < deadline and first.poll() is None and second.poll() is None
        time.sleep(0.1)
    plan = read_plan(folder)
    done: dict[Path, int] = {}
    pids = {one["pid"] for one in running(folder, plan)}
    both = {one.pid for process in (first, second) for one in find_workers(process)}
    assert pids <= both
    first.kill()
    while second.poll() is None:
        assert time.monotonic() < deadline
        for path in folder.glob("runs/*/result.json"):
            assert done.setdefault(path, path.stat().st_ino) == path.stat().st_ino  # run once
        time.sleep(0.1)
    assert second.returncode == 0
    assert assert_equal(folder, whole) == 12
    first.wait()
    with capsys.disabled():
        print("\ntwo commands on one folder, one killed: each run executed once")


@pytest.fixture
def disk(tmp_path):
    """A file system that can be full or read-only: a tmpfs."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Fill the disk except for `leave` bytes; return the file whose removal frees it."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


@pytest.mark.parametrize("leave", [0, 200_000, 1_500_000])
def test_full_disk_is_reported(small, disk, leave):
    """Full at the start, at the first run, and at the report; the study resumes with space."""
    file, whole = small
    folder = disk / "study"
    ballast = fill(disk, leave)
    message = refuse(file, folder)
    assert re.search(r"(the disk is full|No space left on device)", message), message
    assert str(folder) in message
    for path in folder.glob("runs/*/result.json"):
        json.loads(path.read_text())
    ballast.unlink()
    run(file, folder)
    assert_equal(folder, whole)


def test_disk_filling_during_runs(study, disk):
    file, whole, _ = study
    folder = disk / "study"
    process = start(file, folder)
    deadline = time.monotonic() + PATIENCE
    while len(list(folder.glob("runs/*/result.json"))) < 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    ballast = fill(disk)
    assert process.wait(PATIENCE) in (1, 2)
    log = log_file(file, folder).read_text()
    assert "Traceback" not in log and "the disk is full" in log
    ballast.unlink()
    run(file, folder)
    assert assert_equal(folder, whole) == 12


def set_read_only(disk: Path, is_read_only: bool) -> None:
    """Remount the disk, which fails while a file is open for writing."""
    for _ in range(100):
        mode = "ro" if is_read_only else "rw"
        command = ["mount", "-o", f"remount,{mode}", str(disk)]
        if subprocess.run(command, capture_output=True).returncode == 0:
            return
        time.sleep(0.05)
    pytest.fail("the disk was always in use and could not be made read-only")


def test_read_only_disk_is_reported(small, disk):
    file, whole = small
    set_read_only(disk, True)
    message = refuse(file, disk / "study")
    assert str(disk) in message and "--out" in message
    set_read_only(disk, False)
    run(file, disk / "study")
    assert_equal(disk / "study", whole)


@pytest.mark.parametrize("is_terminated", [False, True])
def test_disk_becoming_read_only_during_runs(study, disk, is_terminated):
    """As a disk with errors does. The command ends, also on SIGTERM."""
    file, whole, _ = study
    folder = disk / "study"
    process = start(file, folder)
    deadline = time.monotonic() + PATIENCE
    while not list(folder.glob("runs/*/result.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    for worker in find_workers(process):  # a lock is a file that is open for writing
        worker.suspend()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True)
    for worker in find_workers(process):
        worker.kill()
    set_read_only(disk, True)
    if is_terminated:
        process.terminate()
    assert process.wait(PATIENCE) in ((75,) if is_terminated else (1, 2))
    log = log_file(file, folder).read_text()
    assert "Traceback" not in log and (is_terminated or "read-only" in log.lower())
    set_read_only(disk, False)
    run(file, folder)
    assert assert_equal(folder, whole) == 12


def faketime() -> str:
    """The library libfaketime, or ""."""
    libraries = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
    return str(libraries[0]) if libraries else ""


@pytest.mark.skipif(not faketime(), reason="no libfaketime (Debian: apt install faketime)")
def test_clock_jumps(study, tmp_path):
    """The clock of the command and its workers jumps by hours, and workers are killed."""
    file, whole, _ = study
    folder = tmp_path / "jumped"
    clock = tmp_path / "clock"
    chance = random.Random(7)
    clock.write_text("+0")
    more = {
        "LD_PRELOAD": faketime(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # a real clock's jump does not move it either
    }
    process = start(file, folder, **more)
    deadline = time.monotonic() + PATIENCE
    jumps = 0
    killed_at = 0
    while (status := process.poll()) != 0:
        assert time.monotonic() < deadline, log_file(file, folder).read_text()[-2000:]
        if status is not None:
            process = start(file, folder, **more)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(chance.uniform(1, 6))
            continue
        clock.write_text(f"{chance.choice('+-')}{chance.randint(1, 50)}h")
        jumps += 1
        done = len(list(folder.glob("runs/*/result.json")))
        if done > killed_at + 2:  # every process is slow under this clock
            killed_at = done
            for worker in find_workers(process)[:1]:
                worker.kill()
    assert jumps >= 4
    run(file, folder)
    assert assert_equal(folder, whole) == 12


@pytest.mark.parametrize("hours", [-9, 9])
def test_locks_and_checkpoints_of_another_time(small, half, hours):
    file, whole = small
    folder, (run_id, _) = half
    shutil.rmtree(folder / "runs" / run_id)
    left = [folder / "runs" / f"{run_id}.lock", folder / "runs" / f"{run_id}.ckpt"]
    for path in left:
        path.touch()
        os.utime(path, (time.time() + 3600 * hours,) * 2)
    run(file, folder)
    assert_equal(folder, whole)


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "cut short": content[:middle],
            "empty": b"",
            "zeros": bytes(len(content)),
            "a block": content[:middle] + b"\xff" * 512 + content[middle + 512 :],
        }[kind]
    )


@pytest.mark.parametrize("kind", ["cut short", "empty", "zeros", "a block"])
def test_damaged_files_are_named_with_a_fix(small, half, kind):
    """All are damaged: the command names the first; with --repair it redoes them all."""
    file, whole = small
    folder, (first, second) = half
    names = ["study.json", f"runs/{first}/result.json", f"runs/{second}/samples.npz"]
    for name in ("plan.json", *names):
        damage(folder / name, kind)
    message = refuse(file, folder)
    assert str(folder / names[0]) in message and "--repair" in message
    notes = run(file, folder, "--repair")
    assert all(str(folder / name) in notes for name in ("plan.json", *names))
    assert_equal(folder, whole)


@pytest.mark.parametrize("kind", ["cut short", "a block"])
def test_damaged_checkpoint_restarts_training(study, tmp_path, kind):
    file, whole, _ = study
    folder = tmp_path / "checkpoint"
    shutil.copytree(whole, folder)
    for run_folder in sorted((folder / "runs").iterdir())[:2]:
        shutil.rmtree(run_folder)
    process = start(file, folder)
    deadline = time.monotonic() + PATIENCE
    while not find_checkpoints(folder):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    time.sleep(2)  # its workers notice and end
    saved = find_checkpoints(folder)
    for path in saved:
        damage(path, kind)
    output = run(file, folder)
    assert saved and all(f"{path.name} is dropped" in output for path in saved), (saved, output)
    assert_equal(folder, whole)


def test_damaged_compiled_programs_are_ignored(small, tmp_path):
    """A kill leaves such files, since JAX writes its cache in place."""
    file, whole = small
    cache = tmp_path / "cache"
    environment = os.environ | {"EBMARK_CACHE": str(cache)}
    for folder in (tmp_path / "once", tmp_path / "again", tmp_path / "then"):
        ended = ebmark(
            "run", file, "--out", folder, "--no-progress-bar", cwd=tmp_path, env=environment
        )
        assert ended.returncode == 0, ended.stderr
        assert_equal(folder, whole)
        kept = [path for path in cache.rglob("*-cache")]
        assert kept
        for path in kept:
            damage(path, "cut short")
