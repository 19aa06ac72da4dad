"""The edition: texts quote the results, and only committed code makes studies."""

import re
import subprocess

import numpy as np
import pandas as pd
import pytest
from helpers.costs import slow_unless
from helpers.tiny_study import TINY, ebmark

from benchmarks.edition import __main__ as edition
from benchmarks.edition import filling, repeating
from benchmarks.edition.filling import fill, without_filled
from benchmarks.edition.studies import STUDIES
from ebmark.errors import UserError
from ebmark.report import publish as publishing
from ebmark.store import table
from ebmark.store.schema import read_plan

# the texts that quote studies
DOCS = edition.ROOT / "docs"
QUOTING = [
    *(edition.ROOT / "README.md", DOCS / "index.md"),
    *sorted((*DOCS.glob("studies/*.md"), *DOCS.glob("howto/*.md"))),
]
TEXTS = [path for path in edition.texts() if "<!-- results:" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    "path", slow_unless(lambda path: path.name == "README.md", TEXTS), ids=lambda path: path.name
)
def test_texts_quote_the_results(path):
    text = path.read_text(encoding="utf-8")
    assert fill(text) == text, "run `./dev edition --fill`"


@pytest.mark.parametrize("path", QUOTING, ids=lambda path: path.name)
def test_no_result_is_typed_by_hand(path):
    """No decimal number outside code, links and tags, except versions."""
    text = without_filled(path.read_text(encoding="utf-8"))
    text = re.sub(
        r"```.*?```|`[^`]*`|\]\([^)]*\)|<[^>]*>|Python [\d.]+|-[\d.]+", "", text, flags=re.DOTALL
    )
    assert re.findall(r"(?<![\d.])\d+\.\d+(?!\.?\d)", text) == []


def test_wrong_number_is_replaced_and_its_surroundings_kept():
    mark = "<!-- results: runs toy -->"
    num = len(read_plan(filling.RESULTS / "toy"))
    assert fill(f"a {mark}wrong<!-- end --> b") == f"a {mark}{num}<!-- end --> b"


def test_median_and_span_count_failed_runs_as_the_worst(monkeypatch):
    runs = pd.Series([1.0, np.nan, 3.0, np.nan, 2.0])
    monkeypatch.setattr(filling, "by_entry", lambda *_: {"pcd": runs})
    assert float(filling.median("images", "digits_64", "kl", "pcd")) == 3
    assert filling.failed("images", "digits_64", "kl", "pcd") == "2"
    assert filling.span("images", "digits_64", "kl", "pcd").endswith(" to diverged")


@pytest.mark.parametrize("words", ["average toy", "median toy rings kl nce", "runs nowhere"])
def test_what_the_results_do_not_hold_is_refused(words):
    with pytest.raises(ValueError, match="Choose from about|cannot be filled"):
        fill(f"<!-- results: {words} -->x<!-- end -->")


def test_modified_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(edition, "ROOT", tmp_path)
    (tmp_path / "ebmark").mkdir()
    (tmp_path / "ebmark" / "a.py").write_text("x = 1\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    with pytest.raises(UserError, match="ebmark/ is not committed"):
        edition.refuse_modified_code()
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["add", "-A"], [*identity, "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    edition.refuse_modified_code()
    (tmp_path / "ebmark" / "a.py").write_text("x = 2\n")
    with pytest.raises(UserError, match="ebmark/a.py is not committed"):
        edition.refuse_modified_code()


def test_unknown_study_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["edition", "toi"])
    with pytest.raises(SystemExit):
        edition.main()
    assert "unknown study toi. Choose from toy" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1"])
def test_number_of_repeated_runs_below_one_is_refused(monkeypatch, capsys, number):
    monkeypatch.setattr("sys.argv", ["edition", "--repeat", number, "toy"])
    monkeypatch.setattr(edition, "make", None)
    with pytest.raises(SystemExit) as stop:
        edition.main()
    assert stop.value.code == 2
    assert f"--repeat must be at least 1, not {number}." in capsys.readouterr().err


def test_every_published_study_has_a_command():
    folders = {
        str(p.parent.relative_to(filling.RESULTS)) for p in filling.RESULTS.rglob("study.json")
    }
    assert folders - {"external_cd"} <= set(STUDIES)


@pytest.mark.slow
def test_repeated_run_has_published_numbers(tmp_path, monkeypatch):
    """A published study: no number of its run differs when it is repeated, but an altered one."""
    (tmp_path / "tiny.toml").write_text(TINY)
    finished = ebmark("run", "tiny.toml", "--methods", "nce", "--seeds", "1", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    folder, results = tmp_path / "studies" / "tiny", tmp_path / "results"
    monkeypatch.setattr(repeating, "RESULTS", results)
    monkeypatch.setattr(publishing, "write_report", lambda folder, *_: folder / "report.html")
    publishing.publish(folder, results / "tiny")
    assert [*repeating.repeat("tiny", 3, np.random.default_rng(0)).values()] == [[]]
    rows = table.read(results / "tiny")
    rows.loc[rows["metric"] == "kl", "value"] *= 1 + 1e-6
    table.write_compressed(results / "tiny", rows)
    assert [*repeating.repeat("tiny", 3, np.random.default_rng(0)).values()] == [["kl"]]
    monkeypatch.setattr(repeating, "code_hash", lambda: "0" * 64)
    with pytest.raises(UserError, match="and this is 0000000"):
        repeating.repeat("tiny", 3, np.random.default_rng(0))
