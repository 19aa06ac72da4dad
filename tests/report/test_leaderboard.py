"""The leaderboard: which submissions are refused and why, and how the others are ranked."""

import dataclasses

import pandas as pd
import pytest

from ebmark.cli.main import main
from ebmark.cli.terminal_tables import print_parts
from ebmark.datasets import SyntheticDataset
from ebmark.errors import UserError
from ebmark.report import publish as publishing
from ebmark.report.leaderboard import Part, leaderboard, write_page
from ebmark.store import table
from ebmark.store.schema import read_plan, write_plan
from ebmark.studies.spec import run_id, run_specs
from ebmark.studies.study import Study
from ebmark.studies.submissions import checked, checked_all
from ebmark.system.listed_files import write_listed
from ebmark.system.writing import write_json

STUDY = Study(datasets=("half_moons",), methods=("cd", "nce", "mle"), seeds=8)
MEDIAN_KL = {"cd": 0.02, "nce": 0.01, "mle": 0.008}


def write_rows(folder, rows):
    write_listed(folder / "results.csv", rows.to_csv(index=False).encode())


def submit(folder, **changes):
    """Write a folder as `ebmark run` does, without the runs, with invented numbers."""
    study = dataclasses.replace(STUDY, **changes)
    specs = run_specs(study, [SyntheticDataset(name) for name in study.datasets], None)
    plan = {run_id(spec): spec for spec in specs}
    rows = [
        [s["dataset"], s["method"], s["recipe"], s["seed"], 9, "kl"]
        + [MEDIAN_KL[s["method"]] * (1 + 0.05 * s["seed"]), name, "done", ""]
        for name, s in plan.items()
    ]
    folder.mkdir()
    columns = [*table.COLUMNS, "status", "reason"]
    write_rows(folder, pd.DataFrame(rows, columns=columns))
    write_plan(folder, plan)
    keys = ("dataset", "method", "recipe", "seed")
    runs = {name: {key: spec[key] for key in keys} for name, spec in plan.items()}
    description = {"name": "s", "datasets": list(study.datasets), "runs": runs}
    write_json(folder / "study.json", description)
    return folder


def test_leaderboard_ranks_by_median_oracle_last(tmp_path):
    parts, notes = leaderboard(*checked_all((submit(tmp_path / "a"),)), "kl", "cd")
    (title, heads, rows), *_ = parts
    assert title == "half_moons" and [row[0] for row in rows] == ["nce", "cd", "mle"]
    assert [row[1] for row in rows] == ["1", "2", "oracle"]
    median = 0.01 * (1 + 0.05 * 3.5)
    assert float(rows[0][3]) == pytest.approx(median, rel=0.01)
    assert rows[0][5].startswith("significantly lower (p = 0.0") and rows[1][5] == "-"
    for name in ("page.md", "page.html"):
        write_page(tmp_path / name, parts, notes)
        assert "half_moons" in (tmp_path / name).read_text()


@pytest.mark.parametrize("metric", ["high_quality_fraction_exact", "w1_exact"])
def test_leaderboard_follows_direction(tmp_path, metric):
    """The order, the ranks and the number of the medians."""
    (submission,), _ = checked_all((submit(tmp_path / "a"),))
    rows = submission.table.assign(metric=metric)
    parts, notes = leaderboard([submission._replace(table=rows)], [], metric, "cd")
    names = [row[0] for row in parts[0].rows]
    is_higher = metric.startswith("high")
    assert names == (["cd", "nce", "mle"] if is_higher else ["nce", "cd", "mle"])
    assert ("highest" if is_higher else "lowest") in notes[0]
    assert parts[-1].rows[0][0] == names[0]
    with pytest.raises(UserError, match="neither higher nor lower"):
        leaderboard([submission], [], "log_z", None)


def test_page_escapes_names(tmp_path, capsys):
    nasty = "<script>alert(1)</script> | [b](javascript:x) [/red] `c`"
    parts = [Part(nasty, ["configuration", nasty], [[nasty, "1"]])]
    for name in ("page.md", "page.html"):
        write_page(tmp_path / name, parts, [nasty])
        assert "<script" not in (tmp_path / name).read_text()
    page = (tmp_path / "page.md").read_text()
    assert "\\[b\\](javascript:x)" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert [line.replace("\\|", "").count("|") for line in rows] == [3, 3, 3]
    print_parts(parts, [nasty])
    assert "[/red]" in capsys.readouterr().out


def test_shared_configuration_labeled_by_folder(tmp_path):
    folders = submit(tmp_path / "a"), submit(tmp_path / "b", methods=("cd",))
    parts, _ = leaderboard(*checked_all(folders), "kl", None)
    assert {row[0] for row in parts[0][2]} == {"nce", "cd, a", "cd, b", "mle"}


def spoil_spec(folder):
    plan = read_plan(folder)
    next(iter(plan.values()))["training"]["num_updates"] += 1
    write_plan(folder, plan)


def spoil_seed(folder):
    plan = read_plan(folder)
    plan.pop(next(iter(plan)))
    write_plan(folder, plan)


def spoil_fingerprint(folder):
    spec = next(iter(read_plan(folder).values())) | {"dataset_fingerprint": "other"}
    write_plan(folder, {run_id(spec): spec})


def spoil_rows(folder):
    write_rows(folder, table.read(folder)[:-1])


def spoil_method(folder):
    write_rows(folder, table.read(folder).replace("nce", "cd"))


def spoil_run(folder):
    name = next(iter(read_plan(folder)))
    (folder / "runs" / name).mkdir(parents=True)
    result = {"status": "done", "reason": "", "rows": [[9, "kl", 0.5]], "ebmark": "0"}
    result |= {"versions": {"jax": "0"}, "code_hash": "s", "device": "d"}
    write_json(folder / "runs" / name / "result.json", result)


@pytest.mark.parametrize(
    "spoil, word",
    [
        (lambda folder: (folder / "plan.json").unlink(), "plan.json"),
        (spoil_spec, "was changed"),
        (spoil_seed, "lacks the seeds"),
        (spoil_rows, "1 of 24 runs are not in the table"),
        (spoil_method, "differs from its spec"),
        (spoil_fingerprint, "dataset 'half_moons' was defined differently in the version"),
        (spoil_run, "are not those of its result.json"),
    ],
)
def test_changed_submission_refused_with_reason(tmp_path, spoil, word):
    folder = submit(tmp_path / "a")
    checked(folder)
    spoil(folder)
    with pytest.raises(UserError, match=word):
        checked(folder)


def test_protocols_ranked_in_separate_groups(tmp_path):
    folders = submit(tmp_path / "a"), submit(tmp_path / "b", num_train=500)
    parts, _ = leaderboard(*checked_all(folders), "kl", None)
    titles = [title for title, _, rows in parts if len(rows) == 3]
    assert titles == ["half_moons, num train 10000", "half_moons, num train 500"]
    for letter, (_, _, rows) in zip("ab", parts, strict=False):
        assert {row[0] for row in rows} == {f"{m}, {letter}" for m in ("cd", "nce", "mle")}
    with pytest.raises(UserError, match="several configurations .* Choose 'cd, a' or 'cd, b'"):
        leaderboard(*checked_all(folders), "kl", "cd")
    with pytest.raises(UserError, match="no such configuration. Choose"):
        leaderboard(*checked_all(folders), "kl", "dc")


def test_invalid_folder_refused_others_ranked(tmp_path):
    good, bad = submit(tmp_path / "a"), submit(tmp_path / "b")
    (bad / "plan.json").unlink()
    parts, notes = leaderboard(*checked_all((bad, good)), "kl", None)
    assert [row[0] for row in parts[0][2]] == ["nce", "cd", "mle"]
    assert any(note.startswith("Refused: ") and "plan.json" in note for note in notes)
    with pytest.raises(UserError, match=r"plan\.json"):
        leaderboard(*checked_all((bad,)), "kl", None)


def test_leaderboard_command(tmp_path, monkeypatch, capsys):
    folder = submit(tmp_path / "a")
    monkeypatch.setattr("sys.argv", ["ebmark", "leaderboard", str(folder), "--reference", "cd"])
    assert main() == 0 and "nce" in capsys.readouterr().out
    spoil_spec(folder)
    assert main() == 2 and capsys.readouterr().err.count("\n") == 1


def test_publish_keeps_numbers(tmp_path, monkeypatch):
    folder = submit(tmp_path / "a")
    (folder / "report.html").write_text("<html>")
    monkeypatch.setattr(publishing, "write_report", lambda folder, *_: folder / "report.html")
    rows = pd.read_csv(folder / "results.csv").assign(code_hash="0" * 64, device="cpu")
    write_rows(folder, rows)
    publishing.publish(folder, tmp_path / "b")
    assert "code_hash" not in table.read(tmp_path / "b")
    assert _parts(tmp_path / "b") == _parts(folder)
    write_rows(folder, rows[rows["seed"] > 0])
    with pytest.raises(UserError, match="3 of 24 runs are not in the table"):
        publishing.publish(folder, tmp_path / "b")


def _parts(folder):
    return leaderboard(*checked_all((folder,)), "kl", "cd")[0]


def test_folders_of_one_name_are_told_apart(tmp_path):
    """In both orders, and a folder that is given twice counts once."""
    for parent in "ab":
        (tmp_path / parent).mkdir()
    folders = [submit(tmp_path / parent / "toy") for parent in "ab"]
    for given in (folders, folders[::-1], [*folders, folders[0]]):
        parts, _ = leaderboard(*checked_all(given), "kl", None)
        names = [row[0] for row in parts[0].rows]
        assert {"nce, a/toy", "nce, b/toy"} <= set(names) and len(names) == 6
