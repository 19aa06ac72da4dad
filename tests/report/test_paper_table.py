"""The table for a paper: its numbers are those of the statistics, in every format."""

import csv
import io
import re
from math import inf, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.results_folder import build

from ebmark.cli.main import main
from ebmark.errors import UserError
from ebmark.report.marks import not_worse_than_best
from ebmark.report.page._answer import answer
from ebmark.report.paper_table import PaperTable, Value, caption, number, paper_table, render
from ebmark.statistics import best, final_values, summary
from ebmark.store.schema import load_study
from ebmark.store.table import read, with_entries, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("toy"), seeds=6, points=200, grid=40)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["kl", "w1_exact"])
def test_value_equals_statistic(folder, metric):
    results = read(folder)
    for statistic in ("mean", "median"):
        table = paper_table(folder, metric, statistic, bold="significant")
        assert table.datasets == ["eight_gaussians", "half_moons"]
        assert [name for name, _ in table.rows][-1] == "mle"
        for entry, values in table.rows:
            for dataset, value in zip(table.datasets, values, strict=True):
                s = summary(final_values(results, dataset, metric)[entry])
                three = (inf, nan, nan) if s.diverged else (s.mean, s.low, s.high)
                if statistic == "median":
                    three = (s.median, s.median_low, s.median_high)
                np.testing.assert_equal(value[:5], (*three, s.n, s.diverged))
                first = best(results, dataset, metric)
                assert value.best == (first.significant and first.method == entry)


def test_marks_need_the_seeds_of_the_adjusted_test(folder):
    """Six seeds reach 0.05 in one test; with several pairs, no outcome would."""
    table = read(folder)
    name = "eight_gaussians"
    assert not not_worse_than_best(table, "kl", [name])[name]
    pairs = table[table.method.isin(["dsm", "nce"])]
    assert len(not_worse_than_best(pairs, "kl", [name])[name]) in (1, 2)
    # two comparisons need seven seeds
    assert not any(not_worse_than_best(pairs, "kl", [name, "half_moons"]).values())


def test_table_and_answer_agree():
    """A table marks what the answer calls the best, or not significantly different from it."""
    folder = Path(__file__).parents[2] / "results" / "toy"
    study, table = with_entries(load_study(folder), read(folder))
    marked = not_worse_than_best(table, "kl", study["datasets"])
    groups = answer(table, study).groups
    assert [{group.best, *group.ties} for group in groups] == [*marked.values()]


def test_table_has_diverged_runs_and_null_range(folder):
    value = dict(paper_table(folder, "kl").rows)["cd"][1]
    assert (value.seeds, value.diverged) == (6, 1)
    text = render(paper_table(folder, "w1_exact"), "markdown")
    assert re.search(r"\| cd \| [^|]+ \| failed \(1\) \|", text) and "(k): k runs diverged" in text
    assert re.search(r"\| null range \| 0\.\d+ to 0\.\d+ \|", text)
    assert "null range" not in render(paper_table(folder, "kl"), "markdown")


def test_formats_have_same_numbers(folder):
    table = paper_table(folder, "kl")
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    values = {(row["configuration"], row["dataset"]): float(row["kl"]) for row in rows}
    for name, row in table.rows:
        for dataset, value in zip(table.datasets, row, strict=True):
            assert values[name, dataset] == value.value
    numbers = [
        re.findall(r"0\.\d+ ?[\[,\]]", render(table, name)) for name in ("markdown", "latex")
    ]
    assert numbers[0] == numbers[1] and len(numbers[0]) > 12
    bold = [render(table, "markdown").count("**") / 2, render(table, "latex").count(r"\textbf{")]
    assert bold[0] == bold[1] == sum(value.best for _, row in table.rows for value in row)


def test_latex_escapes_names_and_gaps_are_empty():
    best = Value(0.0117, 0.01, 0.0128, 20, 0, True)
    table = PaperTable("kl", "mean", ["a_b"], [(r"50 % {of} \x & $y^2~#1", [best])], [None])
    text = render(table, "latex")
    name = r"50 \% \{of\} \textbackslash{}x \& \$y\textasciicircum{}2\textasciitilde{}\#1"
    assert name + r" & \textbf{0.0117} [0.0100, 0.0128] \\" in text and r" & a\_b \\" in text
    gap = table._replace(datasets=["a", "b"], rows=[("x", [best, None])])
    assert render(gap, "markdown").splitlines()[2] == "| x | **0.0117** [0.0100, 0.0128] |  |"
    assert render(gap._replace(rows=[("x|*y", [best, None])]), "markdown").splitlines()[2][:9] == (
        r"| x\|\*y "
    )


def test_table_of_diverged_runs_says_so(tmp_path):
    """Of KL, which counts them as the worst; another metric then was not measured."""
    folder = build(tmp_path / "toy", seeds=2, points=60, grid=20)
    results = read(folder)
    diverged = results.assign(value=nan, status="diverged", reason="so")
    write(folder, diverged)
    lines = render(paper_table(folder, "kl"), "markdown").splitlines()
    assert lines[2] == "| cd | failed (2) | failed (2) |"
    assert all(line.count("failed (2)") == 2 for line in lines[2:5])
    with pytest.raises(UserError, match="no completed run has the metric 'w1_langevin'"):
        paper_table(folder, "w1_langevin")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.011687, "0.0117"), (1.3249, "1.32"), (26.587, "26.6"), (1234.5, "1234"), (0.0, "0.00")]
    + [(float("inf"), "failed"), (float("nan"), "-"), (-0.00321, "-0.00321"), (0.9996, "1.000")],
)
def test_number_significant_digits(value, text):
    assert number(value, 3) == text


def test_caption_names_statistic_and_seeds():
    values = [Value(1.0, 0.5, 2.0, n, 0, False) for n in (6, 20)]
    table = PaperTable("kl", "mean", ["a", "b"], [("x", values)], [None, None])
    assert caption(table) == (
        "KL(target ‖ model), nats: geometric mean over 6 to 20 seeds "
        "[95% t-interval on the log scale, if seeds are log-normal]."
    )
    once = table._replace(rows=[("x", [Value(1.0, nan, nan, 1, 0, False)] * 2)])
    assert caption(once) == "KL(target ‖ model), nats: one seed."
    assert "median over" in caption(table._replace(statistic="median"))


def test_marks_follow_direction_of_metric(tmp_path):
    """The values of W1, drawn apart and with the other sign, as a metric that should be high."""
    folder = build(tmp_path / "toy", seeds=6, points=60, grid=20)
    results = read(folder)
    rows = results[(results["metric"] == "w1_exact") & (results["status"] == "done")]
    rows = rows.assign(value=rows["value"] + 10 * rows["method"].rank(method="dense"))
    results = pd.concat([results[results["metric"] != "w1_exact"], rows])
    rising = rows.assign(metric="high_quality_fraction_exact", value=-rows["value"])
    write(folder, pd.concat([results, rising]))
    metrics = ("w1_exact", "high_quality_fraction_exact")
    lower, higher = (paper_table(folder, m, bold="significant") for m in metrics)
    marks = [[v and v.best for _, row in table.rows for v in row] for table in (lower, higher)]
    assert marks[0] == marks[1] and any(marks[0])
    assert "significantly higher" in caption(higher) and "arithmetic mean" in caption(higher)
    assert "significantly lower" in caption(lower) and "geometric mean" in caption(lower)


def test_table_command(folder, monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr("sys.argv", ["ebmark", "table", str(folder), *words])
        return main(), *capsys.readouterr()

    status, out, _ = run("--metric", "w1_exact", "--format", "latex")
    assert status == 0 and out.startswith(r"\begin{tabular}{lll}")
    for words, message in {
        ("--metric", "w1exact"): "Did you mean 'w1_exact'?",
        ("--format", "tex"): "Did you mean 'latex'?",
        ("--statistic", "mode"): "Unknown statistic",
        ("--digits", "0"): "--digits must be from 1 to 15, not 0.",
    }.items():
        status, _, err = run(*words)
        assert status == 2 and message in err and err.count("\n") == 1
    with pytest.raises(UserError, match="Unknown statistic"):
        paper_table(folder, "kl", "mode")
