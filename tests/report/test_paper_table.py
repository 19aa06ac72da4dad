"""The table for a paper: its numbers are those of the statistics, in every form."""

import csv
import io
import re
from math import nan

import pytest
from helpers.results_folder import build

from ebmark.cli.main import main
from ebmark.errors import UserError
from ebmark.report.paper_table import PaperTable, Value, number, paper_table, says, written
from ebmark.statistics import best, final_values, summary
from ebmark.store.table import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("toy"), seeds=6, points=200, grid=40)


@pytest.mark.parametrize("metric", ["kl", "w1_exact"])
def test_a_value_is_that_of_the_statistics(folder, metric):
    results = read(folder)
    for statistic in ("mean", "median"):
        table = paper_table(folder, metric, statistic)
        assert table.datasets == ["eight_gaussians", "half_moons"]
        assert [entry for entry, _ in table.rows][-1] == "mle"
        for entry, values in table.rows:
            for dataset, value in zip(table.datasets, values, strict=True):
                s = summary(final_values(results, dataset, metric)[entry])
                three = (s.mean, s.low, s.high)
                if statistic == "median":
                    three = (s.median, s.median_low, s.median_high)
                assert value[:5] == (*three, s.n, s.diverged)
                first = best(results, dataset, metric)
                assert value.best == (first.significant and first.method == entry)


def test_what_diverged_and_the_floor_are_in_it(folder):
    lost = dict(paper_table(folder, "kl").rows)["cd"][1]
    assert (lost.seeds, lost.diverged) == (6, 1)
    text = written(paper_table(folder, "w1_exact"), "markdown")
    assert re.search(r"\| cd \| [^|]+ \| [^|]+ \(1\) \|", text) and "(k): k runs diverged" in text
    assert re.search(r"\| truth against truth \| \.\d+ to \.\d+ \|", text)
    assert "truth against truth" not in written(paper_table(folder, "kl"), "markdown")


def test_the_forms_say_the_same(folder):
    table = paper_table(folder, "kl")
    rows = list(csv.DictReader(io.StringIO(written(table, "csv"))))
    values = {(row["entry"], row["dataset"]): float(row["kl"]) for row in rows}
    for entry, ones in table.rows:
        for dataset, one in zip(table.datasets, ones, strict=True):
            assert values[entry, dataset] == one.value
    numbers = [re.findall(r"\.\d+", written(table, form)) for form in ("markdown", "latex")]
    assert numbers[0] == numbers[1] and len(numbers[0]) > 12
    bold = [written(table, "markdown").count("**") / 2, written(table, "latex").count(r"\textbf{")]
    assert bold[0] == bold[1] == sum(one.best for _, ones in table.rows for one in ones)


def test_names_are_text_in_latex_and_what_was_not_run_is_empty():
    best = Value(0.0117, 0.01, 0.0128, 20, 0, True)
    table = PaperTable("kl", "mean", ["a_b"], [(r"50 % {of} \x & $y^2~#1", [best])], [None])
    text = written(table, "latex")
    name = r"50 \% \{of\} \textbackslash{}x \& \$y\textasciicircum{}2\textasciitilde{}\#1"
    assert name + r" & \textbf{.0117} [.0100, .0128] \\" in text and r" & a\_b \\" in text
    gap = table._replace(datasets=["a", "b"], rows=[("x", [best, None])])
    assert written(gap, "markdown").splitlines()[2] == "| x | **.0117** [.0100, .0128] |  |"
    assert written(gap._replace(rows=[("x|*y", [best, None])]), "markdown").splitlines()[2][:9] == (
        r"| x\|\*y "
    )


def test_where_every_run_diverged_one_line_says_so(tmp_path):
    folder = build(tmp_path / "toy", seeds=2, points=60, grid=20)
    results = read(folder)
    lost = results.assign(value=nan, status="diverged", reason="so")
    lost.to_csv(folder / "results.csv", index=False, na_rep="nan")
    with pytest.raises(UserError, match="no run that ended has kl"):
        paper_table(folder, "kl")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.011687, ".0117"), (1.3249, "1.32"), (26.587, "26.6"), (1234.5, "1234"), (0.0, ".00")]
    + [(float("inf"), "diverged"), (float("nan"), "-"), (-0.00321, "-.00321"), (0.9996, "1.000")],
)
def test_numbers_have_their_significant_digits(value, text):
    assert number(value, 3) == text


def test_the_caption_says_what_the_numbers_are():
    values = [Value(1.0, 0.5, 2.0, n, 0, False) for n in (6, 20)]
    table = PaperTable("kl", "mean", ["a", "b"], [("x", values)], [None, None])
    assert says(table) == (
        "KL(target ‖ model), nats: geometric mean over 6 to 20 seeds "
        "with its 95 % interval by t on the logarithm."
    )
    once = table._replace(rows=[("x", [Value(1.0, nan, nan, 1, 0, False)] * 2)])
    assert says(once) == "KL(target ‖ model), nats: one seed."
    assert "median over" in says(table._replace(statistic="median"))


def test_the_command_prints_it_and_refuses_in_one_line(folder, monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr("sys.argv", ["ebmark", "table", str(folder), *words])
        return main(), *capsys.readouterr()

    status, out, _ = run("--metric", "w1_exact", "--format", "latex")
    assert status == 0 and out.startswith(r"\begin{tabular}{lll}")
    for words, said in {
        ("--metric", "w1exact"): "Did you mean 'w1_exact'?",
        ("--format", "tex"): "Did you mean 'latex'?",
        ("--statistic", "mode"): "Unknown statistic",
        ("--digits", "0"): "1 to 15 significant digits",
    }.items():
        status, _, err = run(*words)
        assert status == 2 and said in err and err.count("\n") == 1
    with pytest.raises(UserError, match="Unknown statistic"):
        paper_table(folder, "kl", "mode")
