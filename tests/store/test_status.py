"""The status and the report of an unfinished study."""

import json
import os

import pandas as pd
import pytest
from helpers.results_folder import REASON, build
from helpers.tiny_study import ebmark

from ebmark.cli._status import lines, show_status
from ebmark.errors import UserError
from ebmark.report.page import write_report
from ebmark.store import table
from ebmark.store.locks import acquire_lock
from ebmark.store.schema import load_study
from ebmark.store.status import read_status
from ebmark.system.writing import write_json

NOW = 1_800_000_000.0


@pytest.fixture
def folder(tmp_path):
    """Six runs, of which those of cd are done (one diverged); results.csv does not exist."""
    runs = [("half_moons", method, seed) for method in ("cd", "nce") for seed in range(3)]
    folder = build(
        tmp_path,
        datasets=("half_moons",),
        methods=("cd", "nce"),
        seeds=3,
        points=12,
        grid=30,
        diverged=(runs[1],),
        missing=tuple(runs[3:]),
    )
    (folder / "results.csv").unlink()
    return folder


def runs_of(folder, method):
    """The run ids of a method, by seed."""
    runs = load_study(folder)["runs"]
    return {run["seed"]: run_id for run_id, run in runs.items() if run["method"] == method}


def copy_result(folder, to):
    """Complete the run `to` with the result of a run of cd."""
    result = folder / "runs" / runs_of(folder, "cd")[0] / "result.json"
    (folder / "runs" / to).mkdir()
    (folder / "runs" / to / "result.json").write_bytes(result.read_bytes())


def test_status_of_unfinished_study(folder):
    """105 s are left: 45 for the run that is half done (on average), and 60 for the other."""
    nce = runs_of(folder, "nce")
    (folder / "runs" / f"{nce[2]}.error").write_text("Traceback\nValueError: no\x1b[31m such\n")
    with acquire_lock(folder, nce[0]) as lock:
        lock.update("training", 0.5)
        status = lines(read_status(folder, {}), NOW)
    assert status[0] == "toy: 3 of 6 runs done, 1 running, 1 waiting, 1 failed, 1 diverged"
    assert status[1] == "about 68.6 runs per hour, 2 min left"
    assert status[2] == "running"
    assert f"nce on half_moons, seed 0 [{nce[0]}]: training 50%" in status[3]
    assert status[3].endswith(str(os.getpid()))
    assert status[5].endswith("ValueError: no\\x1b[31m such") and nce[2] in status[5]
    diverged = runs_of(folder, "cd")[1]
    assert status[7] == f"  cd on half_moons, seed 1 [{diverged}]: {REASON}"


def test_status_without_process_shows_command(folder, capsys):
    assert show_status(folder, watch=False) == 0
    output = capsys.readouterr().out
    assert "3 of 6 runs done, 3 waiting" in output
    assert "(about 3 min of work for one process)" in output
    assert "Resume with: ebmark run toy" in output


def test_status_before_the_first_and_after_the_last_run(folder):
    study = json.loads((folder / "study.json").read_text())
    nce = runs_of(folder, "nce").values()
    study["runs"] = {run_id: run for run_id, run in study["runs"].items() if run_id in nce}
    write_json(folder / "study.json", study)
    assert lines(read_status(folder, {}), NOW)[0] == "toy: 0 of 3 runs done, 3 waiting"
    study["runs"] = {}
    write_json(folder / "study.json", study)
    assert lines(read_status(folder, {}), NOW) == ["toy: 0 of 0 runs done", "All runs are done."]


def test_watch_ends_when_all_runs_are_done(folder, capsys, monkeypatch):
    """If the output is not a terminal, lines are printed only if the counts changed."""
    seeds = iter([0, 1, 2])
    nce = runs_of(folder, "nce")
    monkeypatch.setattr("time.sleep", lambda seconds: copy_result(folder, nce[next(seeds)]))
    assert show_status(folder, watch=True) == 0
    output = capsys.readouterr().out.splitlines()
    counts = [line.split(",")[0] for line in output[::2]]
    assert counts == [f"toy: {n} of 6 runs done" for n in range(3, 7)]
    assert output[-1] == "All runs are done."


@pytest.mark.parametrize("kind", ["missing", "empty", "file", "damaged"])
def test_status_of_wrong_folder_is_one_line(tmp_path, kind):
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("x")
    elif kind != "missing":
        place.mkdir()
    if kind == "damaged":
        (place / "study.json").write_text("{}")
    with pytest.raises(UserError) as error:
        read_status(place, {})
    assert "\n" not in str(error.value) and str(place) in str(error.value)


@pytest.mark.full
def test_report_of_unfinished_study_collects_results(folder):
    page = write_report(folder).read_text()
    assert "Unfinished: 3 of 6 runs are done" in page and "not run yet" in page
    rows = table.read(folder)
    assert rows["run_id"].nunique() == 3 and list(rows["seed"].unique()) == [0, 1, 2]
    assert (folder / "results.parquet").exists()


def test_table_older_than_results_is_updated(folder):
    """Which runs it has decides, not the times of files."""
    study = load_study(folder)
    table.write(folder, table.current(folder, study)[0])
    before = table.read(folder)
    new_run = runs_of(folder, "nce")[1]
    copy_result(folder, new_run)
    os.utime(folder / "runs" / new_run / "result.json", (0, 0))
    after, is_saved = table.current(folder, study)
    assert not is_saved
    pd.testing.assert_frame_equal(after[after["method"] == "cd"], before)
    assert set(after["run_id"]) - set(before["run_id"]) == {new_run}


def test_table_without_run_folders_is_kept(folder):
    """Published results have none."""
    study = load_study(folder)
    table.write(folder, table.current(folder, study)[0])
    before = table.read(folder)
    for run_id in before["run_id"].unique():
        (folder / "runs" / run_id / "result.json").unlink()
    after, is_saved = table.current(folder, study)
    assert is_saved
    pd.testing.assert_frame_equal(after, before)


@pytest.mark.parametrize(
    "link", [pytest.param("report.html", marks=pytest.mark.full), "figures", "results.csv"]
)
def test_report_does_not_follow_links_out_of_folder(folder, tmp_path_factory, link):
    outside = tmp_path_factory.mktemp("mine") / "precious"
    if link == "figures":
        outside.mkdir()
    else:
        outside.write_text("precious")
    (folder / link).symlink_to(outside)
    with pytest.raises(UserError, match="leads out of its folder|damaged"):
        write_report(folder)
    if link == "figures":
        assert not list(outside.iterdir())
    else:
        assert outside.read_text() == "precious"


def test_status_command(folder):
    completed = ebmark("status", folder, cwd=folder)
    assert completed.returncode == 0 and "3 of 6 runs done" in completed.stdout, completed.stderr
    completed = ebmark("status", "nowhere", cwd=folder)
    assert completed.returncode == 2 and completed.stderr.count("\n") == 1, completed.stderr


def test_runs_of_another_plan_are_left_out(folder):
    """As of the same study with other settings, whose table is still there."""
    study = load_study(folder)
    table.write(folder, table.current(folder, study)[0])
    cd, nce = runs_of(folder, "cd"), runs_of(folder, "nce")
    planned = study | {"runs": {name: study["runs"][name] for name in (cd[0], *nce.values())}}
    rows, is_saved = table.current(folder, planned)
    assert not is_saved and set(rows["run_id"]) == {cd[0]}
    rows, is_saved = table.current(folder, study | {"runs": {}})
    assert not is_saved and not len(rows)
