"""The status and the report of a study that is not finished: they say how it stands."""

import json
import os
import sys

import pandas as pd
import pytest
from helpers.results_folder import build
from helpers.tiny_study import ebmark

from ebmark.cli.status import lines, show_status
from ebmark.errors import UserError
from ebmark.report.page import write_report
from ebmark.store import table
from ebmark.store.locks import acquire_lock
from ebmark.store.schema import load_study
from ebmark.store.status import look

NOW = 1_800_000_000.0


@pytest.fixture
def folder(tmp_path):
    """Six cells, of which cd's are done (one diverged); results.csv is not there."""
    where = {"datasets": ("half_moons",), "methods": ("cd", "nce"), "seeds": 3}
    every = [("half_moons", m, s) for m in ("cd", "nce") for s in range(3)]
    folder = build(tmp_path, points=12, grid=30, diverged=(every[1],), missing=every[3:], **where)
    rows = table.read(folder)
    for cell, mine in rows.groupby("run_id"):
        done = mine["status"].iloc[0]
        values = zip(mine["step"], mine["metric"], mine["value"])
        result = {
            "status": done,
            "reason": "too long a step" if done == "diverged" else "",
            "rows": [[int(s), m, None if v != v else v] for s, m, v in values],
            "ebmark": "0.1.0",
            "versions": {"jax": "0.10"},
            "code_hash": "s",
            "device": "cpu",
            "seconds": 60.0,
        }
        (folder / "runs" / cell / "result.json").write_text(json.dumps(result))
    (folder / "results.csv").unlink()
    return folder


def cells_of(folder, method):
    cells = load_study(folder)["runs"]
    return {cell["seed"]: name for name, cell in cells.items() if cell["method"] == method}


def test_a_half_done_study_says_what_is_done_running_failed_and_left(folder):
    nce = cells_of(folder, "nce")
    (folder / "runs" / f"{nce[2]}.error").write_text("Traceback\nValueError: no\x1b[31m such\n")
    with acquire_lock(folder, nce[0]) as claim:
        claim.tell("training", 0.5)
        said = lines(look(folder, {}), NOW)
    assert said[0] == "toy: 3 of 6 runs done, 1 running, 1 waiting, 1 failed, 1 diverged"
    # 105 s: 45 of the one that is half way, which may end soon or late, and 60 of the other
    assert said[1] == "about 68.6 runs per hour, 2 min left"
    assert said[2] == "running" and f"nce on half_moons, seed 0 [{nce[0]}]: training 50%" in said[3]
    assert said[3].endswith(str(os.getpid()))
    assert said[5].endswith("ValueError: no\\x1b[31m such") and nce[2] in said[5]
    assert said[7] == f"  cd on half_moons, seed 1 [{cells_of(folder, 'cd')[1]}]: too long a step"


def test_where_nobody_is_at_work_the_command_is_said(folder, capsys):
    assert show_status(folder, watch=False) == 0
    said = capsys.readouterr().out
    assert "3 of 6 runs done, 3 waiting" in said
    assert "No process is active (about 3 min of work for one process). Resume with: ebmark" in said


def test_an_untouched_and_a_finished_study(tmp_path, folder):
    study = json.loads((folder / "study.json").read_text())
    study["runs"] = {n: c for n, c in study["runs"].items() if c["method"] == "nce"}
    (folder / "study.json").write_text(json.dumps(study))
    assert lines(look(folder, {}), NOW)[0] == "toy: 0 of 3 runs done, 3 waiting"
    study["runs"] = {n: c for n, c in load_study(folder)["runs"].items() if False}
    (folder / "study.json").write_text(json.dumps(study))
    assert lines(look(folder, {}), NOW) == ["toy: 0 of 0 runs done", "All runs are done."]


def test_watching_ends_when_nothing_is_left(folder, capsys, monkeypatch):
    """Piped: plain lines, one where something is new."""
    nce, told = cells_of(folder, "nce"), iter([0, 1, 2])
    sample = folder / "runs" / cells_of(folder, "cd")[0]

    def finish_one(seconds):
        place = folder / "runs" / nce[next(told)]
        place.mkdir()
        (place / "result.json").write_bytes((sample / "result.json").read_bytes())

    monkeypatch.setattr("time.sleep", finish_one)
    assert show_status(folder, watch=True) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in said[::2]] == [
        f"toy: {n} of 6 runs done" for n in range(3, 7)
    ]
    assert said[-1] == "All runs are done."


@pytest.mark.parametrize("what", ["nowhere", "empty", "a file", "other"])
def test_a_wrong_folder_is_told_in_one_line(tmp_path, what):
    place = tmp_path / "place"
    if what == "a file":
        place.write_text("x")
    elif what != "nowhere":
        place.mkdir()
    if what == "other":
        (place / "study.json").write_text("{}")
    with pytest.raises(UserError) as caught:
        look(place, {})
    assert "\n" not in str(caught.value) and str(place) in str(caught.value)


def test_the_report_of_a_half_done_study_collects_what_its_cells_say(folder):
    page = write_report(folder).read_text()
    assert "Unfinished: 3 of 6 runs are done" in page and "not run yet" in page
    rows = table.read(folder)  # the table is there now
    assert rows["run_id"].nunique() == 3 and list(rows["seed"].unique()) == [0, 1, 2]
    assert (folder / "results.parquet").exists()


def test_a_table_that_is_older_than_the_cells_is_made_again(folder):
    study = load_study(folder)
    table.write(folder, table.current(folder, study)[0])
    before = table.read(folder)
    nce, sample = cells_of(folder, "nce"), folder / "runs" / cells_of(folder, "cd")[0]
    (folder / "runs" / nce[1]).mkdir()
    (folder / "runs" / nce[1] / "result.json").write_bytes((sample / "result.json").read_bytes())
    os.utime(folder / "runs" / nce[1] / "result.json", (0, 0))  # whatever the clocks say
    after, saved = table.current(folder, study)
    assert not saved
    pd.testing.assert_frame_equal(after[after["method"] == "cd"], before)
    assert set(after["run_id"]) - set(before["run_id"]) == {nce[1]}


def test_a_table_whose_cells_are_elsewhere_is_kept(folder):
    """As of the published results, which have no cells."""
    study = load_study(folder)
    table.write(folder, table.current(folder, study)[0])
    before = table.read(folder)
    for cell in before["run_id"].unique():
        (folder / "runs" / cell / "result.json").unlink()
    table_now, saved = table.current(folder, study)
    assert saved
    pd.testing.assert_frame_equal(table_now, before)


@pytest.mark.parametrize(
    "link", [pytest.param("report.html", marks=pytest.mark.full), "figures", "results.csv"]
)
def test_a_link_that_leads_out_of_the_folder_is_not_followed(folder, tmp_path_factory, link):
    mine = tmp_path_factory.mktemp("mine") / "precious"
    mine.mkdir() if link == "figures" else mine.write_text("precious")
    (folder / link).symlink_to(mine)
    with pytest.raises(UserError, match="leads out of its folder|lacks the columns"):
        write_report(folder)
    assert not list(mine.iterdir()) if link == "figures" else mine.read_text() == "precious"


def test_the_command_line(folder):
    ended = ebmark("status", folder, cwd=folder)
    assert ended.returncode == 0 and "3 of 6 runs done" in ended.stdout, ended.stderr
    ended = ebmark("status", "nowhere", cwd=folder)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1, sys.stderr
