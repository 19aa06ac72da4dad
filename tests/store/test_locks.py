"""What is cut off goes on where it was, to the same bits; nothing damaged is taken for whole."""

import json
import os
import time

import numpy as np
import pytest

from ebmark.errors import UserError
from ebmark.store import table
from ebmark.store.folder import is_done, making
from ebmark.store.locks import acquire_lock, running
from ebmark.studies.prepare import _take_folder, prepare
from ebmark.studies.run import execute_run
from ebmark.studies.study import Study

TIMES = {"train_seconds", "train_cpu_seconds", "compile_seconds", "sample_seconds"}


class Cut(Exception):
    """What a kill is to the code that it meets."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of one cell of three chunks, not run."""
    folder = tmp_path_factory.mktemp("cut") / "out"
    tiny = {"num_train": 200, "num_samples": 40, "num_metric_samples": 20, "langevin_steps": 8}
    plan = prepare(
        Study(
            name="cut", datasets=("half_moons",), methods=("nce",), seeds=1, num_updates=700, **tiny
        ),
        folder,
        None,
        "",
        "ebmark run",
    )
    ((name, spec),) = plan.items()
    return folder, name, spec


def rows_of(folder, name):
    result = json.loads((folder / "runs" / name / "result.json").read_text())
    return [row for row in result["rows"] if row[1] not in TIMES]


def run(place, study, cut_at=None):
    """Run the cell in a folder of its own; its training's steps, and what they were told."""
    _, name, spec = study
    (place / "runs").mkdir(parents=True, exist_ok=True)
    shares = []

    def watch(what, share):
        if what == "training":
            shares.append(round(share * 700))
            if cut_at is not None and shares[-1] >= cut_at:
                raise Cut

    execute_run(place, name, spec, watch)
    return shares


@pytest.fixture(scope="module")
def whole(study, tmp_path_factory):
    """The cell, undisturbed."""
    place = tmp_path_factory.mktemp("whole")
    assert run(place, study) == [88, 175, 262, 350, 438, 525, 612, 700]
    assert not list((place / "runs").glob("*.ckpt"))
    return place


def test_a_cell_that_was_cut_off_goes_on_to_the_same_bits(study, whole, tmp_path):
    name = study[1]
    with pytest.raises(Cut):
        run(tmp_path, study, cut_at=400)
    assert (tmp_path / "runs" / f"{name}.ckpt").exists() and not is_done(tmp_path, name)
    assert run(tmp_path, study) == [525, 612, 700]
    assert rows_of(tmp_path, name) == rows_of(whole, name)
    ours, theirs = (table.load_arrays(place, name) for place in (tmp_path, whole))
    assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)
    energies = [(place / "runs" / name / "energy.ebm").read_bytes() for place in (tmp_path, whole)]
    assert energies[0] == energies[1]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [name]


@pytest.mark.parametrize(
    "damage",
    [
        "a bit",
        *(
            pytest.param(how, marks=pytest.mark.full)
            for how in ("cut short", "foreign", "empty", "of another run")
        ),
    ],
)
def test_a_damaged_checkpoint_is_dropped_with_a_note(study, whole, tmp_path, damage, capsys):
    name = study[1]
    saved = tmp_path / "runs" / f"{name}.ckpt"
    with pytest.raises(Cut):
        run(tmp_path, study, cut_at=400)
    content = bytearray(saved.read_bytes())
    if damage == "a bit":
        content[len(content) // 2] ^= 1
    elif damage == "of another run":
        content = (whole / "runs" / name / "energy.ebm").read_bytes()
    else:
        content = {"cut short": content[:-100], "foreign": b"PK\3\4", "empty": b""}[damage]
    saved.write_bytes(content)
    capsys.readouterr()
    assert run(tmp_path, study)[0] == 88
    said = capsys.readouterr().err
    assert f"note: {saved.name} is dropped" in said and said.count("\n") == 1
    assert rows_of(tmp_path, name) == rows_of(whole, name)
    assert not saved.exists()


@pytest.fixture
def cells(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path


def of_another_machine(folder, age):
    """A claim that a process elsewhere holds, last touched so many seconds ago."""
    path = folder / "runs" / "mine.lock"
    said = {"machine": "other", "host": "node7", "pid": 1, "since": 0, "what": "a", "fraction": 0.5}
    path.write_text(json.dumps(said))
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.parametrize(("age", "free"), [(5, False), (-5, False), (90, True), (-90, True)])
def test_the_claim_of_another_machine_holds_while_it_is_touched(cells, age, free):
    """As on a disk where no lock of theirs is seen. A clock that jumps does not hold it."""
    of_another_machine(cells, age)
    assert bool(running(cells, ["mine"])) != free
    with acquire_lock(cells, "mine") as claim:
        assert (claim is not None) == free
    assert (cells / "runs" / "mine.lock").exists() != free
    assert not list((cells / "runs").glob(".clock-*"))


def test_a_disk_without_locks_will_do(cells, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with acquire_lock(cells, "mine") as claim:
        assert claim is not None
        with acquire_lock(cells, "mine") as again:
            assert again is None
        assert [one["what"] for one in running(cells, ["mine"])] == ["starting"]
    with acquire_lock(cells, "mine") as claim:
        assert claim is not None


def test_a_held_claim_says_what_is_done_and_is_touched(cells, monkeypatch):
    monkeypatch.setattr("ebmark.store.locks._BEAT", 0.01)
    with acquire_lock(cells, "mine") as claim:
        claim.tell("training", 0.25)
        (said,) = running(cells, ["mine", "other"])
        assert (said["what"], said["fraction"], said["pid"]) == ("training", 0.25, os.getpid())
        os.utime(cells / "runs" / "mine.lock", (0, 0))
        deadline = time.monotonic() + 5
        while os.stat(cells / "runs" / "mine.lock").st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert time.monotonic() < deadline
    assert not running(cells, ["mine"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "\xff" * 500, "[" * 100_000])
def test_a_claim_that_says_nonsense_is_nobodys_in_the_end(cells, content):
    path = cells / "runs" / "mine.lock"
    path.write_text(content)
    os.utime(path, (0, 0))
    assert not running(cells, ["mine"])
    with acquire_lock(cells, "mine") as claim:
        assert claim is not None


def test_what_a_dead_holder_left_is_swept_away_and_what_a_live_one_makes_is_not(cells):
    dead, live = making(cells, "mine"), cells / "runs" / ".making-mine-othermac-7"
    for left in (dead, live):
        left.mkdir()
    (cells / "runs" / "mine.lock").touch()
    os.utime(cells / "runs" / "mine.lock", (0, 0))
    with acquire_lock(cells, "mine"):
        assert live.exists() and not dead.exists()


@pytest.mark.parametrize("kind", ["a pipe", "a link", "a folder"])
def test_what_is_no_file_holds_nobody_up_and_leads_nowhere(cells, kind):
    """A stranger's folder: to look at it costs nothing, to run in it changes nothing elsewhere."""
    path, mine = cells / "runs" / "mine.lock", cells / "precious"
    mine.write_text("x" * 999)
    {
        "a pipe": lambda: os.mkfifo(path),
        "a link": lambda: path.symlink_to(mine),
        "a folder": lambda: path.mkdir(),
    }[kind]()
    assert not running(cells, ["mine"])
    with pytest.raises(UserError, match="mine.claim: cannot be written"):
        with acquire_lock(cells, "mine"):
            pass
    assert mine.read_text() == "x" * 999


def test_a_part_of_a_cell_gives_way_and_a_whole_one_stays(study, whole, tmp_path):
    name = study[1]
    place = tmp_path / "runs" / name
    place.mkdir(parents=True)
    (place / "samples.npz").write_bytes(b"half")
    run(tmp_path, study)
    assert rows_of(tmp_path, name) == rows_of(whole, name)
    before = (place / "result.json").stat().st_mtime_ns
    run(tmp_path, study)  # a second worker that was not to be
    assert (place / "result.json").stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [name]


@pytest.mark.parametrize(
    ("left", "taken"),
    [
        ([".tmp-1234.json"], True),
        (["plan.json"], True),
        (["plan.json", "results.csv", "points-1.npy"], True),
        (["results.csv"], False),
        (["thesis.tex"], False),
    ],
)
def test_a_run_killed_at_its_start_does_not_lose_its_folder(tmp_path, left, taken):
    for name in left:
        (tmp_path / name).touch()
    if taken:
        _take_folder(tmp_path, Study(), [])
    else:
        with pytest.raises(UserError, match=f"holds other files .such as {left[0]}"):
            _take_folder(tmp_path, Study(), [])


@pytest.mark.parametrize(
    "link", ["plan.json", "study.json", "runs", "runs/1.ckpt", "plugins", "plugins/mine.py"]
)
def test_no_run_writes_through_a_strangers_link(tmp_path, tmp_path_factory, link):
    elsewhere = tmp_path_factory.mktemp("mine") / "precious"
    elsewhere.mkdir() if "." not in link else elsewhere.write_text("mine")
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(elsewhere)
    with pytest.raises(UserError, match="leads out of its folder; remove it"):
        prepare(Study(seeds=1), tmp_path, None, "", "ebmark run")
    assert elsewhere.read_text() == "mine" if "." in link else not list(elsewhere.iterdir())


def test_a_strangers_plugin_is_not_run(tmp_path):
    """One that lies in the folder, and that nobody named to the command."""
    from ebmark.studies import plugins

    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad.py").write_text("raise SystemExit('it was run')")
    plugins.load_kept(tmp_path, frozenset())
    plugins.load_kept(tmp_path, frozenset({"0" * 64}))
