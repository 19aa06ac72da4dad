"""Torture, with real processes: whatever is killed, full, damaged or wrong, no cell is lost.

`./dev test --full -s tests/project/test_torture.py` prints the figures that docs/robustness.md has.
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

pytestmark = pytest.mark.full

HERE = Path(__file__).parents[1]
STUDY = """
name = "tortured"
title = "tortured"
datasets = ["half_moons", "eight_gaussians"]
methods = ["nce", "dsm"]
seeds = 3
steps = 3000
num_train = 500
num_samples = 200
transport_points = 100
langevin_steps = 200
snapshots = 2
"""
SMALL = STUDY.replace('["nce", "dsm"]', '["nce"]').replace("seeds = 3", "seeds = 1")
PATIENCE = 2_400  # seconds


def driver(study: Path, folder: Path, **more: str) -> psutil.Popen:
    """`ebmark run` in a process of its own, whose workers save ten times a second."""
    command = [sys.executable, str(HERE / "helpers" / "torture_run.py"), str(study), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(HERE)} | more
    with open(words(study, folder), "ab") as said:
        return psutil.Popen(command, env=environment, stdout=said, stderr=said)


def words(study: Path, folder: Path) -> Path:
    """The file of what was said by those who ran in the folder, on another disk."""
    return study.parent / f"said-{'-'.join(folder.parts[-3:])}"


def run(study: Path, folder: Path) -> str:
    """Run the command to its end, which is good; what it said."""
    ended = ebmark("run", study, "--out", folder, "--no-progress-bar", cwd=study.parent)
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def refused(study: Path, folder: Path) -> str:
    """Run the command, which is refused; its last line."""
    ended = ebmark("run", study, "--out", folder, "--no-progress-bar", cwd=study.parent)
    assert ended.returncode in (1, 2) and "Traceback" not in ended.stderr, ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def same(folder: Path, whole: Path) -> int:
    """Hold a folder to that of the undisturbed run, to the last bit; how many cells it has."""
    plan = json.loads((whole / "plan.json").read_text())
    assert json.loads((folder / "plan.json").read_text()) == plan
    assert sorted(path.name for path in (folder / "runs").iterdir()) == sorted(plan)
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    pd.testing.assert_frame_equal(without_times(folder), without_times(whole), check_exact=True)
    for cell in plan:
        made = {path.name for path in (whole / "runs" / cell).iterdir()}
        assert {path.name for path in (folder / "runs" / cell).iterdir()} == made
        ours, theirs = (table.load_arrays(place, cell) for place in (folder, whole))
        assert all(np.array_equal(ours[name], theirs[name], equal_nan=True) for name in theirs)
        for name in ("energy.ebm", "spec.json"):
            ours, theirs = ((f / "runs" / cell / name).read_bytes() for f in (folder, whole))
            assert ours == theirs
    assert (folder / "report.html").stat().st_size > 100_000
    return len(plan)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of twelve cells, run undisturbed; its file, its folder, the seconds that it took."""
    place = tmp_path_factory.mktemp("undisturbed")
    (place / "tortured.toml").write_text(STUDY)
    run(place / "tortured.toml", place / "warm")  # compiles
    began = time.monotonic()
    assert driver(place / "tortured.toml", place / "whole").wait(PATIENCE) == 0
    return place / "tortured.toml", place / "whole", time.monotonic() - began


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study of two cells, run undisturbed: its file and its folder."""
    place = tmp_path_factory.mktemp("small")
    (place / "small.toml").write_text(SMALL)
    run(place / "small.toml", place / "whole")
    return place / "small.toml", place / "whole"


@pytest.fixture
def half(small, tmp_path):
    """The folder of the small study, whole, to be damaged; and its two cells."""
    folder = tmp_path / "half"
    shutil.copytree(small[1], folder)
    return folder, sorted(json.loads((folder / "plan.json").read_text()))


def victims(process: psutil.Popen) -> list[psutil.Process]:
    """The workers of a command."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [one for one in process.children() if "ebmark.engines.worker" in one.cmdline()]
    return []


def trains(folder: Path) -> bool:
    """Whether a cell is past the start of its training."""
    names = [path.name.partition(".")[0] for path in folder.glob("runs/*.lock")]
    return any(one["what"] != "starting" for one in running(folder, names))


def checkpoints(folder: Path) -> list[Path]:
    """Whole ones: not what was being written when a worker died, which glob finds too."""
    return [path for path in folder.glob("runs/*.ckpt") if not path.name.startswith(".")]


def test_kills_of_workers_and_of_the_command_again_and_again(study, tmp_path, capsys):
    """Whenever some cell has begun to train, and a moment more, until all is done.

    Every third kill is of the command itself. A kill of what only starts would undo no work, and
    on a slow machine nothing would ever be done.
    """
    (file, whole, undisturbed), chance = study, random.Random(20_261_125)
    kills = {"workers": 0, "the command": 0, "while a checkpoint lay there": 0}
    folder, began = tmp_path / "killed", time.monotonic()
    process = driver(file, folder)
    while (status := process.poll()) != 0:
        assert time.monotonic() - began < PATIENCE, words(file, folder).read_text()[-2000:]
        if status is not None:  # killed; or a cell failed, as three of its workers had been
            assert status in (-signal.SIGKILL, 1)
            process = driver(file, folder)
        if not trains(folder):
            time.sleep(0.02)
            continue
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(chance.uniform(0, undisturbed / 6))
            continue
        workers = victims(process)
        kills["while a checkpoint lay there"] += bool(checkpoints(folder))
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
    assert kills["while a checkpoint lay there"] >= 1, kills  # or none is taken up
    run(file, folder)  # nothing is left to do, and what the dead left is swept away
    cells = same(folder, whole)
    with capsys.disabled():
        print(f"\nkills: {kills}; {cells} cells; {took:.0f} s, {undisturbed:.0f} s undisturbed: "
              f"{(took - undisturbed) / number:.1f} s lost a kill")  # fmt: skip


def test_two_commands_at_once_on_one_folder(study, tmp_path, capsys):
    """One of them is killed in the middle, with its workers, and the other does not mind."""
    (file, whole, _), folder = study, tmp_path / "two"
    first = driver(file, folder)
    second = driver(file, folder)
    deadline = time.monotonic() + PATIENCE
    while len(list(folder.glob("runs/*/result.json"))) < 3:
        assert time.monotonic() < deadline and first.poll() is None and second.poll() is None
        time.sleep(0.1)
    plan, done = json.loads((folder / "plan.json").read_text()), {}
    pids = {one["pid"] for one in running(folder, plan)}
    both = {one.pid for process in (first, second) for one in victims(process)}
    assert pids <= both
    first.kill()
    while second.poll() is None:
        assert time.monotonic() < deadline
        for path in folder.glob("runs/*/result.json"):
            assert done.setdefault(path, path.stat().st_ino) == path.stat().st_ino  # made once
        time.sleep(0.1)
    assert second.returncode == 0
    assert same(folder, whole) == 12
    first.wait()
    with capsys.disabled():
        print("\ntwo commands on one folder, one killed: every cell made once")


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, that can be full or read-only: a tmpfs."""
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
    """Fill the disk but for so many bytes; remove the file to free it."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


@pytest.mark.parametrize("leave", [0, 200_000, 1_500_000])
def test_a_full_disk_is_told_and_space_mends_it(small, disk, leave):
    """Full at the start, at the first cell, at the report."""
    (file, whole), folder = small, disk / "study"
    ballast = fill(disk, leave)
    said = refused(file, folder)
    assert re.search(r"(the disk is full|No space left on device)", said), said
    assert str(folder) in said
    for cell in folder.glob("runs/*/result.json"):  # what is there is whole
        json.loads(cell.read_text())
    ballast.unlink()
    run(file, folder)
    same(folder, whole)


def test_a_disk_that_fills_while_cells_run(study, disk):
    (file, whole, _), folder = study, disk / "study"
    process = driver(file, folder)
    deadline = time.monotonic() + PATIENCE
    while len(list(folder.glob("runs/*/result.json"))) < 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    ballast = fill(disk)
    assert process.wait(PATIENCE) in (1, 2)
    said = words(file, folder).read_text()
    assert "Traceback" not in said and "the disk is full" in said
    ballast.unlink()
    run(file, folder)
    assert same(folder, whole) == 12


def read_only(disk: Path, how: bool) -> None:
    for _ in range(100):  # not while a file is open for writing
        words = ["mount", "-o", f"remount,{'ro' if how else 'rw'}", str(disk)]
        if subprocess.run(words, capture_output=True).returncode == 0:
            return
        time.sleep(0.05)
    pytest.fail("the disk was never quiet enough to be made read-only")


def test_a_disk_that_is_read_only_from_the_start(small, disk):
    file, whole = small
    read_only(disk, True)
    said = refused(file, disk / "study")
    assert str(disk) in said and "--out" in said
    read_only(disk, False)
    run(file, disk / "study")
    same(disk / "study", whole)


@pytest.mark.parametrize("asked", [False, True])
def test_a_disk_that_becomes_read_only_while_cells_run(study, disk, asked):
    """What a disk does that has errors. The command ends; so it does where it is asked to stop."""
    (file, whole, _), folder = study, disk / "study"
    process = driver(file, folder)
    deadline = time.monotonic() + PATIENCE
    while not list(folder.glob("runs/*/result.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    for worker in victims(process):  # a claim is a file that is open for writing
        worker.suspend()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True)
    for worker in victims(process):
        worker.kill()
    read_only(disk, True)
    if asked:
        process.terminate()
    assert process.wait(PATIENCE) in ((75,) if asked else (1, 2))  # cells failed, or the report
    said = words(file, folder).read_text()
    assert "Traceback" not in said and (asked or "read-only" in said.lower())
    read_only(disk, False)
    run(file, folder)
    assert same(folder, whole) == 12


def faketime() -> str:
    """libfaketime, or ""."""
    found = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
    return str(found[0]) if found else ""


@pytest.mark.skipif(not faketime(), reason="no libfaketime (Debian: apt install faketime)")
def test_a_clock_that_jumps(study, tmp_path):
    """Hours to and fro, under the command and its workers, with kills in between."""
    (file, whole, _), folder, clock = study, tmp_path / "jumped", tmp_path / "clock"
    chance = random.Random(7)
    clock.write_text("+0")
    more = {
        "LD_PRELOAD": faketime(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # a real clock's jump does not move it either
    }
    process, deadline = driver(file, folder, **more), time.monotonic() + PATIENCE
    jumps, killed_at = 0, 0
    while (status := process.poll()) != 0:
        assert time.monotonic() < deadline, words(file, folder).read_text()[-2000:]
        if status is not None:
            process = driver(file, folder, **more)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(chance.uniform(1, 6))
            continue
        clock.write_text(f"{chance.choice('+-')}{chance.randint(1, 50)}h")
        jumps += 1
        done = len(list(folder.glob("runs/*/result.json")))
        if done > killed_at + 2:  # not before it got somewhere: under this clock all is slow
            killed_at = done
            for worker in victims(process)[:1]:
                worker.kill()
    assert jumps >= 4
    run(file, folder)
    assert same(folder, whole) == 12


@pytest.mark.parametrize("hours", [-9, 9])
def test_claims_and_checkpoints_from_another_time(small, half, hours):
    (file, whole), (folder, (cell, _)) = small, half
    shutil.rmtree(folder / "runs" / cell)
    left = [folder / "runs" / f"{cell}.lock", folder / "runs" / f"{cell}.ckpt"]
    for path in left:
        path.touch()
        os.utime(path, (time.time() + 3600 * hours,) * 2)
    run(file, folder)
    same(folder, whole)


def damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "cut short": content[:middle],
            "empty": b"",
            "zeros": bytes(len(content)),
            "a block": content[:middle] + b"\xff" * 512 + content[middle + 512 :],
        }[how]
    )


@pytest.mark.parametrize("how", ["cut short", "empty", "zeros", "a block"])
def test_damaged_files_are_named_and_doing_what_is_said_mends_them(small, half, how):
    """All at once; each command names the next. The plan is made anew by each."""
    (file, whole), (folder, cells) = small, half
    names = ["study.json", f"runs/{cells[0]}/result.json", f"runs/{cells[1]}/samples.npz"]
    for name in ("plan.json", *names):
        damaged(folder / name, how)
    for name in names:
        said = refused(file, folder)
        assert str(folder / name) in said, said
        (what,) = re.findall(r"Remove (the folder \S+|\S+) and repeat the command", said)
        if name == "study.json":
            assert what == name
            (folder / name).unlink()
        else:
            assert what == f"the folder {(folder / name).parent}"
            shutil.rmtree((folder / name).parent)
    run(file, folder)
    same(folder, whole)


@pytest.mark.parametrize("how", ["cut short", "a block"])
def test_a_damaged_checkpoint_is_dropped_and_its_training_begins_anew(study, tmp_path, how):
    (file, whole, _), folder = study, tmp_path / "checkpoint"
    shutil.copytree(whole, folder)
    for cell in sorted((folder / "runs").iterdir())[:2]:
        shutil.rmtree(cell)
    process, deadline = driver(file, folder), time.monotonic() + PATIENCE
    while not checkpoints(folder):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    time.sleep(2)  # its workers find that it is gone
    saved = checkpoints(folder)
    for path in saved:
        damaged(path, how)
    said = run(file, folder)
    assert saved and all(f"note: {path.name} is dropped" in said for path in saved), (saved, said)
    same(folder, whole)


def test_damaged_compiled_programs_cost_time_and_nothing_else(small, tmp_path):
    """As a kill leaves them: JAX writes its cache in place."""
    file, whole = small
    cache = tmp_path / "cache"
    environment = os.environ | {"EBMARK_CACHE": str(cache)}
    for folder in (tmp_path / "once", tmp_path / "again", tmp_path / "then"):
        ended = ebmark(
            "run", file, "--out", folder, "--no-progress-bar", cwd=tmp_path, env=environment
        )
        assert ended.returncode == 0, ended.stderr
        same(folder, whole)
        kept = [path for path in cache.rglob("*-cache")]
        assert kept
        for path in kept:
            damaged(path, "cut short")
