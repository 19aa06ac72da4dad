"""Locks on runs: none is executed twice, and an interrupted run resumes with identical numbers."""

import json
import os
import time

import numpy as np
import pytest

from ebmark.errors import UserError
from ebmark.store import table
from ebmark.store.folder import is_done, making
from ebmark.store.locks import acquire_lock, running
from ebmark.studies.prepare import prepare
from ebmark.studies.run import execute_run
from ebmark.studies.study import Study
from ebmark.system.listed_files import write_listed

TIMES = {"train_seconds", "train_cpu_seconds", "compile_seconds", "sample_seconds"}


class Interrupted(Exception):
    """What a kill is to the code that it interrupts."""


@pytest.fixture(scope="module")
def planned_run(tmp_path_factory):
    """The id and spec of a run of 700 updates, not executed."""
    study = Study(
        name="interrupted",
        datasets=("half_moons",),
        methods=("nce",),
        seeds=1,
        num_updates=700,
        num_train=200,
        num_samples=40,
        num_metric_samples=20,
        langevin_steps=8,
    )
    folder = tmp_path_factory.mktemp("planned") / "out"
    ((name, spec),) = prepare(study, folder, None, "", "ebmark run").items()
    return name, spec


def rows_of(folder, name):
    """The rows of a run's result, without measured times."""
    result = json.loads((folder / "runs" / name / "result.json").read_text())
    return [row for row in result["rows"] if row[1] not in TIMES]


def execute(folder, planned_run, stop_at=None):
    """Execute the run in a folder; return the updates at which training reported progress."""
    name, spec = planned_run
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    updates = []

    def report_progress(activity, fraction):
        if activity == "training":
            updates.append(round(fraction * 700))
            if stop_at is not None and updates[-1] >= stop_at:
                raise Interrupted

    execute_run(folder, name, spec, report_progress)
    return updates


@pytest.fixture(scope="module")
def complete(planned_run, tmp_path_factory):
    """The folder of the run, executed without interruption."""
    folder = tmp_path_factory.mktemp("complete")
    assert execute(folder, planned_run) == [88, 175, 262, 350, 438, 525, 612, 700]
    assert not list((folder / "runs").glob("*.ckpt"))
    return folder


@pytest.mark.full
def test_interrupted_run_resumes_bit_for_bit(planned_run, complete, tmp_path):
    name, _ = planned_run
    with pytest.raises(Interrupted):
        execute(tmp_path, planned_run, stop_at=400)
    assert (tmp_path / "runs" / f"{name}.ckpt").exists() and not is_done(tmp_path, name)
    assert execute(tmp_path, planned_run) == [525, 612, 700]
    assert rows_of(tmp_path, name) == rows_of(complete, name)
    resumed_arrays = table.load_arrays(tmp_path, name)
    for key, array in table.load_arrays(complete, name).items():
        np.testing.assert_array_equal(resumed_arrays[key], array)
    model = (tmp_path / "runs" / name / "energy.ebm").read_bytes()
    assert model == (complete / "runs" / name / "energy.ebm").read_bytes()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [name]


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        "one bit",
        pytest.param("cut short", marks=pytest.mark.full),
        pytest.param("another format", marks=pytest.mark.full),
        pytest.param("empty", marks=pytest.mark.full),
        pytest.param("another run", marks=pytest.mark.full),
        pytest.param("schema 1", marks=pytest.mark.full),
    ],
)
def test_damaged_checkpoint_is_dropped(planned_run, complete, tmp_path, damage, capsys):
    """Training then starts again, and one note says so."""
    name, _ = planned_run
    checkpoint = tmp_path / "runs" / f"{name}.ckpt"
    with pytest.raises(Interrupted):
        execute(tmp_path, planned_run, stop_at=400)
    content = checkpoint.read_bytes()
    middle = len(content) // 2
    flipped = bytes([content[middle] ^ 1])
    damaged = {
        "one bit": content[:middle] + flipped + content[middle + 1 :],
        "cut short": content[:-100],
        "another format": b"PK\3\4",
        "empty": b"",
        "another run": (complete / "runs" / name / "energy.ebm").read_bytes(),
        "schema 1": content.replace(b"EBMARK2\n", b"EBMARK1\n", 1),
    }
    assert damaged[damage] != content
    checkpoint.write_bytes(damaged[damage])
    capsys.readouterr()
    assert execute(tmp_path, planned_run)[0] == 88
    note = capsys.readouterr().err
    assert note.startswith("note: ") and checkpoint.name in note and note.count("\n") == 1
    assert rows_of(tmp_path, name) == rows_of(complete, name)
    assert not checkpoint.exists()


@pytest.mark.slow
def test_incomplete_run_is_replaced_and_complete_one_kept(planned_run, complete, tmp_path):
    name, _ = planned_run
    run_folder = tmp_path / "runs" / name
    run_folder.mkdir(parents=True)
    (run_folder / "samples.npz").write_bytes(b"half")
    execute(tmp_path, planned_run)
    assert rows_of(tmp_path, name) == rows_of(complete, name)
    before = (run_folder / "result.json").stat().st_mtime_ns
    execute(tmp_path, planned_run)
    assert (run_folder / "result.json").stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [name]


@pytest.fixture
def folder(tmp_path):
    """The folder of a study without runs."""
    (tmp_path / "runs").mkdir()
    return tmp_path


@pytest.mark.parametrize(("age", "is_free"), [(5, False), (-5, False), (90, True), (-90, True)])
def test_lock_of_other_machine_expires(folder, age, is_free):
    """It is held if its heartbeat is less than a minute old; a future time counts as old too."""
    lock_file = folder / "runs" / "mine.lock"
    holder = {"machine": "other", "host": "host7", "pid": 1, "since": 0}
    lock_file.write_text(json.dumps({**holder, "what": "a", "fraction": 0.5}))
    os.utime(lock_file, (time.time() - age,) * 2)
    assert bool(running(folder, ["mine"])) != is_free
    with acquire_lock(folder, "mine") as lock:
        assert (lock is not None) == is_free
    assert lock_file.exists() != is_free
    assert not list((folder / "runs").glob(".clock-*"))


def test_lock_works_without_flock(folder, monkeypatch):
    """Then the heartbeat alone holds it."""

    def flock(descriptor, operation):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)
    with acquire_lock(folder, "mine") as lock:
        assert lock is not None
        with acquire_lock(folder, "mine") as second:
            assert second is None
        assert [held["what"] for held in running(folder, ["mine"])] == ["starting"]
    with acquire_lock(folder, "mine") as lock:
        assert lock is not None


def test_lock_shows_progress_and_heartbeat(folder, monkeypatch):
    monkeypatch.setattr("ebmark.store.locks._HEARTBEAT_PERIOD", 0.01)
    lock_file = folder / "runs" / "mine.lock"
    with acquire_lock(folder, "mine") as lock:
        lock.update("training", 0.25)
        (held,) = running(folder, ["mine", "other"])
        assert (held["what"], held["fraction"], held["pid"]) == ("training", 0.25, os.getpid())
        os.utime(lock_file, (0, 0))
        deadline = time.monotonic() + 5
        while os.stat(lock_file).st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert time.monotonic() < deadline
    assert not running(folder, ["mine"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "\xff" * 500, "[" * 100_000])
def test_lock_with_invalid_content_expires(folder, content):
    path = folder / "runs" / "mine.lock"
    path.write_text(content)
    os.utime(path, (0, 0))
    assert not running(folder, ["mine"])
    with acquire_lock(folder, "mine") as lock:
        assert lock is not None


def test_lock_removes_files_of_dead_holder(folder):
    """Files that a live process of another machine writes are kept."""
    dead = making(folder, "mine")
    live = folder / "runs" / ".making-mine-othermac-7"
    dead.mkdir()
    live.mkdir()
    (folder / "runs" / "mine.lock").touch()
    os.utime(folder / "runs" / "mine.lock", (0, 0))
    with acquire_lock(folder, "mine"):
        assert live.exists() and not dead.exists()


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_lock_that_is_no_file_is_refused(folder, kind):
    """In an untrusted folder: reading it does not block, acquiring it changes nothing elsewhere."""
    path = folder / "runs" / "mine.lock"
    precious = folder / "precious"
    precious.write_text("x" * 999)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(precious)
    else:
        path.mkdir()
    assert not running(folder, ["mine"])
    with pytest.raises(UserError, match="mine.lock: cannot be written"):
        with acquire_lock(folder, "mine"):
            pass
    assert precious.read_text() == "x" * 999


@pytest.mark.parametrize(
    ("files", "is_accepted"),
    [
        ([".tmp-1234.json"], True),
        (["plan.json"], True),
        (["plan.json", "results.csv", "points-0123456789abcdef.npy"], True),
        (["points-0123456789abcdef.npy"], True),
        (["results.csv"], False),
        (["thesis.tex"], False),
    ],
)
def test_prepare_accepts_folder_of_killed_run(tmp_path, files, is_accepted):
    """A folder with any other files and no study is refused."""
    for name in files:
        write_listed(tmp_path / name, b"")
    if is_accepted:
        assert prepare(Study(seeds=1), tmp_path, None, "", "ebmark run")
    else:
        with pytest.raises(UserError, match=files[0]):
            prepare(Study(seeds=1), tmp_path, None, "", "ebmark run")


@pytest.mark.parametrize(
    "link", ["plan.json", "study.json", "runs", "runs/1.ckpt", "plugins", "plugins/mine.py"]
)
def test_prepare_refuses_links_out_of_folder(tmp_path, tmp_path_factory, link):
    outside = tmp_path_factory.mktemp("mine") / "precious"
    is_file = "." in link
    if is_file:
        outside.write_text("mine")
    else:
        outside.mkdir()
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(outside)
    with pytest.raises(UserError, match="leads out of its folder. Remove it"):
        prepare(Study(seeds=1), tmp_path, None, "", "ebmark run")
    assert outside.read_text() == "mine" if is_file else not list(outside.iterdir())


def test_untrusted_plugin_is_not_executed(tmp_path):
    """One in the folder that was not named to the command."""
    from ebmark.studies import plugins

    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad.py").write_text("raise SystemExit('it was executed')")
    plugins.load_kept(tmp_path, {})
    with pytest.raises(UserError, match="missing or differs"):
        plugins.load_kept(tmp_path, {"mine": "0" * 64})
