"""Names from untrusted files are neither formulas, markup nor commands, wherever they are shown."""

import csv
import io
import re

import pandas as pd
import pytest
from helpers.results_folder import build
from hypothesis import given
from hypothesis import strategies as st

from ebmark.cli.terminal_tables import print_summary
from ebmark.report.page import write_report
from ebmark.report.paper_table import paper_table, render
from ebmark.store import table
from ebmark.store.schema import load_study
from ebmark.store.table import with_formula, without_formula
from ebmark.system.writing import write_json

DATASET = '=HYPERLINK("http://x.org","<b>y")'
METHODS = ("@SUM(A1)|`x`", "-2+3<script>alert(1)</script>", "+[/red]\\input{x}")
REASON = "=cmd|' /C calc'!A0\r\n=1+1"
FORMULA = re.compile(r"[=+\-@\t\r]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study whose dataset, methods and log lines begin as formulas do."""
    place = tmp_path_factory.mktemp("hostile")
    folder = build(place, datasets=(DATASET,), methods=METHODS, seeds=2, points=12, grid=20)
    table.write(folder, table.read(folder).assign(reason=REASON))
    write_json(folder / "study.json", load_study(folder) | {"title": DATASET})
    return folder


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


def is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"-?[\d.]+(e[-+]?\d+)?|-?inf|nan", cell))


def test_csv_has_no_formulas(folder):
    for text in (
        render(paper_table(folder, "w1_langevin"), "csv"),
        (folder / "results.csv").read_bytes().decode(),
    ):
        found = [cell for cell in cells(text) if FORMULA.match(cell) and not is_number(cell)]
        assert not found
        assert f"'{DATASET}" in cells(text)


def test_csv_keeps_names_and_numbers(folder):
    rows = table.read(folder)
    assert set(rows["method"]) == set(METHODS) and set(rows["dataset"]) == {DATASET}
    values = pd.read_csv(folder / "results.csv")["value"].to_numpy()
    assert (values == rows["value"].to_numpy())[rows["status"] == "done"].all()


@given(st.text(alphabet="'=+-@\t\ra1", max_size=6))
def test_formula_is_restored(text):
    safe = without_formula(text)
    assert with_formula(safe) == text and not FORMULA.match(safe)


@pytest.mark.slow
def test_names_are_literal_in_other_formats(folder, capsys):
    """Markdown keeps its columns, LaTeX has no command, HTML no tag, the terminal the names."""
    found = paper_table(folder, "w1_langevin")
    markdown = render(found, "markdown")
    assert "<script" not in markdown and "<b>" not in markdown
    rows = [line.replace("\\|", "") for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {3}
    latex = render(found, "latex")
    assert "\\input" not in latex and r"\textbackslash{}input\{x\}" in latex
    page = write_report(folder).read_text()
    assert "<script>alert" not in page and "<b>y" not in page and "HYPERLINK(&#34;" in page
    print_summary(folder)
    assert "[/red]" in capsys.readouterr().out
