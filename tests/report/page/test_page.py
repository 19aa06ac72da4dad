"""The report: what the table says is what the page says, whatever state the folder is in."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from helpers.results_folder import REASON, build

from ebmark.errors import UserError
from ebmark.report import figures
from ebmark.report.figures._cost import _shown, frontier
from ebmark.report.page import write_report
from ebmark.report.page._comparisons import verdict
from ebmark.report.page._decomposition import _of_w1
from ebmark.report.page._numbers import brief, decimals, interval, number
from ebmark.report.page._overview import glance
from ebmark.report.page._sentences import answer
from ebmark.report.page._tables import Cell, details, flat, main, recipes
from ebmark.report.page._top_entries import leading
from ebmark.statistics import (
    Comparison,
    Curve,
    ErrorSources,
    Paired,
    compare_to_reference,
    error_sources,
    final_values,
    summary,
)
from ebmark.store.schema import load_study
from ebmark.store.table import load_arrays, read

METHODS = ["cd", "dsm", "nce", "mle"]
SEEDS = dict.fromkeys(METHODS, 6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("toy"), seeds=6, points=200, grid=40)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class _Tags(HTMLParser):
    """Tags that stay open or close what is not open; and what a browser would fetch."""

    VOID = {"meta", "link", "img", "br", "hr", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.fetched = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.fetched += [
            v for k, v in attrs if k in {"src", "srcset"} or (tag == "link" and k == "href")
        ]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def text_of(html):
    return re.sub(
        r"\s+", " ", re.sub(r"<(style|script)>.*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    )


def test_the_page_is_whole_and_holds_everything_itself(page):
    tags = _Tags(page)
    assert not tags.wrong and not tags.open
    assert tags.fetched and all(link.startswith("data:") for link in tags.fetched)
    assert len(page) < 6e6


def test_the_figures_are_written_twice(folder):
    drawn = {p.stem for p in (folder / "figures").iterdir()}
    per_dataset = {"samples", "landscapes", "trajectories"}
    names = {f"{kind}_{data}" for kind in per_dataset for data in ("eight_gaussians", "half_moons")}
    assert drawn == names | {"anatomy", "cost", "errors", "profile", "sources"}
    for name in drawn:
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        ElementTree.fromstring((folder / "figures" / f"{name}.svg").read_bytes())


@pytest.mark.full
def test_a_report_made_again_is_the_same_to_the_byte(tmp_path):
    folder = build(tmp_path, datasets=("half_moons",), methods=("cd",), seeds=1, points=60)

    def everything():
        write_report(folder)
        files = [folder / "report.html", *sorted((folder / "figures").iterdir())]
        return [(file.name, file.read_bytes()) for file in files]

    assert everything() == everything()


def test_the_table_has_the_numbers_of_the_results(folder):
    results = read(folder)
    null_ranges = load_study(folder)["null_ranges"]["half_moons"]
    made = main(results, "half_moons", METHODS, {}, null_ranges, SEEDS)
    assert [r.method for r in made.methods] == ["cd", "dsm", "nce"]
    assert [r.method for r in made.apart] == ["mle"]
    assert all(len(r.cells) == len(made.heads) for r in [*made.methods, *made.apart, made.floor])
    assert sum(h.span for h in made.heads) == len(made.heads)
    for row in made.methods:
        s = summary(final_values(results, "half_moons", "kl")[row.method])
        assert float(row.cells[0].text) == pytest.approx(s.median, abs=5e-5)
        assert row.cells[0].value == s.median
    assert made.methods[0].note == "1 of 6 diverged"
    assert made.methods[0].cells[2].text == "diverged"


def test_best_is_marked_only_where_told_apart_and_never_the_oracle(folder):
    results = read(folder)
    few = results[results["seed"] < 5]
    for rows, marks in ((results, {"nce"}), (few, set())):
        made = main(rows, "half_moons", METHODS, {}, {}, SEEDS)
        kl = {r.method for r in [*made.methods, *made.apart] if "best" in r.cells[0].kind}
        assert kl == marks
    words = " ".join(answer(few, "half_moons", METHODS, None))
    assert "no outcome could tell them apart" in words


def test_the_answer_comes_first_and_from_the_numbers(folder, page):
    results = read(folder)
    median = summary(final_values(results, "half_moons", "kl")["nce"]).median
    said = text_of(page)
    assert f"median {brief(median)} nats over 6 seeds" in said
    assert said.index("The answer") < said.index("Results") < said.index("Samples over")
    assert "The oracle mle , exact likelihood" in said
    assert "cd : 1 of 6 runs diverged, counted as the worst." in said
    assert REASON.replace("'", "&#39;") in page


def test_the_verdicts_are_those_of_the_statistics(folder, page):
    results, said = read(folder), text_of(page)
    found = compare_to_reference(results, ["eight_gaussians", "half_moons"], METHODS, "kl", "cd")
    assert "against one reference, cd , on the same seeds" in said and f"all {len(found)} " in said
    words = [verdict(one) for one in found]
    assert all(one in said for one in words) and any("diverged" in one for one in words)
    assert "6 of 6" in said  # ended: the success rate beside the quality
    for one in found:
        assert one.is_significant == (one.adjusted < 0.05)


@pytest.mark.full
def test_another_reference_and_one_that_is_not_there(tmp_path):
    folder = build(tmp_path, datasets=("half_moons",), methods=("cd", "nce"), seeds=2, points=20)
    assert "reference, nce , on" in text_of(write_report(folder, "nce").read_text())
    with pytest.raises(UserError, match="nce"):
        write_report(folder, "nec")
    said = text_of(write_report(folder).read_text())
    assert "no outcome at all could be told apart" in said and "6 seeds are the least" in said


@pytest.mark.parametrize(
    ("n", "p", "adjusted", "needed", "ended", "words"),
    [
        (10, 0.01, 0.03, None, 10, "different: higher"),
        (10, 0.03, 0.06, 14, 10, "not told apart with 10 seeds; about 14 would be needed"),
        (10, 0.9, 1.0, 5_000, 10, "more than 1,000 would be needed"),
        (5, np.nan, np.nan, 7, 5, "not told apart with 5 seeds; 6 are the least"),
        (10, 0.3, 0.6, None, 8, "runs diverged"),
        (0, np.nan, np.nan, None, 0, "no seed in common"),
    ],
)
def test_verdicts_in_words(n, p, adjusted, needed, ended, words):
    test = Paired(n, p, 0.1, 0.05, 0.2)
    one = Comparison("d", "a", 0.2, 0.1, test, adjusted, needed, ended, n, 0.5, 1.0, ended < n)
    assert words in verdict(one)


def test_equal_budgets_are_said_for_all_three_and_the_parts_add_up(folder, page):
    said = text_of(page)
    assert "At 5,000 updates:" in said and "evaluations:" in said and "CPU s:" in said
    results = read(folder)
    floor = load_study(folder)["null_ranges"]["half_moons"]["w1"]
    for one in error_sources(results, "half_moons", METHODS, floor):
        assert one.null_mean + one.model + one.method == pytest.approx(
            max(one.exact, floor["mean"])
        )
    assert "The sampler\u2019s own error was not measured in these runs." in said


def test_short_chains_are_told_on_where_they_hide_an_error():
    told, not_told = Paired(10, 0.002, 0.3, 0.2, 0.4), Paired(10, 0.5, 0.0, -0.1, 0.1)
    better = Paired(10, 0.002, -0.2, -0.3, -0.1)
    hides = ErrorSources("dsm", 0.1, 0.0, 0.5, 0.3, 0.6, 0.4, told, better)
    sound = ErrorSources("nce", 0.1, 0.0, 0.0, 0.0, 0.1, 0.1, not_told, not_told)
    said = " ".join(_of_w1([hides, sound], {"high": 0.15, "n": 500}))
    assert "Hidden by short chains:</b> dsm would look better" in said and "by 0.20" in said
    assert "told apart from exact samples of the same energy for dsm (W1 0.30" in said
    assert "stand out of the floor\u2019s range for dsm alone" in said


def test_many_methods_leave_the_charts_readable():
    """Of 20 methods those on a frontier, or lowest at the end, are in colour: nine, and oracles."""
    steps = np.array([1, 2])
    costs = {
        name: np.array([1.0, 2.0])
        for name in ("num_updates", "network_evaluations", "train_cpu_seconds")
    }
    made = {
        f"m{i}": Curve(steps, costs, np.array([[2.0 + i], [1.0 + i]]), np.array([[1.0], [2.0]]))
        for i in range(20)
    }
    made["mle"] = made["m19"]
    assert _shown(made) == {"mle", *(f"m{i}" for i in range(9))}
    x, y, whose = frontier(made, "num_updates")
    assert (x.tolist(), y.tolist(), whose) == ([1.0, 2.0], [2.0, 1.0], {"m0"})
    assert figures.cost({"d": ("kl", made)}, list(made)) is not None


def test_a_noise_that_hardly_meets_the_model_is_told(folder):
    results = read(folder)
    one = results[(results["metric"] == "kl") & (results["dataset"] == "half_moons")]
    one = one[one["method"].isin(["nce", "dsm"])].assign(metric="noise_ess", value=0.0042)
    one.loc[one["method"] == "dsm", "value"] = 0.3
    said = answer(pd.concat([results, one]), "half_moons", METHODS, None)
    assert [str(s) for s in said if "Noise too far" in s] == [
        "Noise too far from the model to learn much from, by its effective share: "
        "<b>nce</b> (0.0042)."
    ]
    assert not [s for s in answer(results, "half_moons", METHODS, None) if "Noise" in s]


def test_mass_off_the_support_is_told(folder):
    results = read(folder)
    here = (results["metric"] == "kl_off_support") & (results["dataset"] == "half_moons")
    last = results["step"] == results.loc[here, "step"].max()
    assert not [s for s in answer(results, "half_moons", METHODS, None) if "support" in s]
    results.loc[here & last & (results["method"] == "dsm") & (results["seed"] < 2), "value"] = 7.04
    results.loc[here & last & (results["method"] == "nce") & (results["seed"] < 1), "value"] = 1.5
    assert [str(s) for s in answer(results, "half_moons", METHODS, None) if "support" in s] == [
        "Most of the learned mass is off the data\u2019s support for <b>dsm</b> (2 of 6 runs, up "
        "to 7.0 nats), <b>nce</b> (1 of 6 runs, up to 1.5 nats); chains that do not find it there "
        "do not show it."
    ]


def test_many_datasets_are_one_shaded_table():
    """Medians, worst where the median run diverged; rows by mean rank, the oracle apart."""
    kl = {"a": [0.02, 0.2, 4.0, 0.5], "b": [0.05, 0.1, 2.0, 0.4], "mle": [0.01] * 4}
    rows = [
        (f"d{d}", method, seed, value * (0.9, 1, 1.1)[seed], "done")
        for method, values in kl.items()
        for d, value in enumerate(values)
        for seed in range(3)
    ]
    rows = [
        row if row[:2] != ("d3", "b") or row[2] == 0 else (*row[:4], "diverged") for row in rows
    ]
    table = pd.DataFrame(rows, columns=["dataset", "method", "seed", "value", "status"])
    table.loc[table["status"] == "diverged", "value"] = np.nan
    table = table.assign(step=10, metric="kl")
    datasets, entries = [f"d{d}" for d in range(4)], ["a", "b", "mle"]
    found = glance(table, datasets, entries)
    assert found.heads == ["mean rank", *datasets]
    assert [name for name, _ in found.rows] == ["a", "b"]  # 1.5 each, the first named first
    cells = {name: [cell.text for cell in row] for name, row in [*found.rows, *found.apart]}
    assert cells["a"] == ["1.5", ".020", ".20", "4.0", ".50"]
    assert cells["b"] == ["1.5", ".050", ".10", "2.0", "diverged"]
    assert cells["mle"][:2] == ["\u2013", ".010"]
    kinds = {name: [cell.kind for cell in row[1:]] for name, row in [*found.rows, *found.apart]}
    assert kinds["a"] == ["shade0 best", "shade2", "shade5", "shade3 best"]
    assert kinds["b"] == ["shade1", "shade2 best", "shade4 best", "shade5"]
    assert kinds["mle"] == ["shade0"] * 4
    assert glance(table, datasets[:3], entries) is None  # the tables themselves are at a glance


def test_many_methods_have_large_pictures_of_the_leading_ones_alone(folder):
    results = read(folder)
    datasets, many = ["eight_gaussians", "half_moons"], [f"m{i}" for i in range(20)]
    assert leading(results, datasets, METHODS, None) == METHODS
    one = results[(results["method"] == "nce") & (results["metric"] == "kl")]
    made = [one.assign(method=m, value=one["value"] * (1 + i)) for i, m in enumerate(many)]
    found = leading(pd.concat([results, *made]), datasets, [*many, "mle"], "m19")
    assert found == [*many[:11], "m19", "mle"]  # the lowest ranks, the reference, the oracle


def test_of_one_seed_every_metric_is_a_column(folder):
    results = read(folder)
    one = results[(results["seed"] == 0) & (results["dataset"] == "half_moons")]
    heads, rows = details(one, "half_moons", METHODS, {})
    assert [row[0].text for row in rows] == METHODS and len({len(row) for row in rows}) == 1
    kl = [head.text for head in heads].index("kl")
    values = final_values(one, "half_moons", "kl")
    for row in rows:
        assert float(row[kl].text) == pytest.approx(values[row[0].text].iloc[0], rel=1e-2)


def test_many_panels_stand_side_by_side(folder):
    """None over another, none out of the figure, each of the data's own proportions."""
    cells = load_study(folder)["runs"].items()
    arrays = next(
        load_arrays(folder, name)
        for name, cell in cells
        if (cell["dataset"], cell["method"]) == ("half_moons", "nce")
    )
    figure = figures.samples(
        figures.Panel("truth", "", arrays), [figures.Panel(f"m{i}", "", arrays) for i in range(20)]
    )
    boxes = [axes.get_position() for axes in figure.axes if axes.axison]
    assert len(boxes) == 2 * 21 + 1  # and the bar
    edges = np.array([box.extents for box in boxes])
    assert edges.min() > 0 and edges.max() < 1
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_a_cell_whose_text_is_a_number_is_sorted_by_it():
    cells = Cell("0.50\u2008", 0.5), Cell("diverged", 1e300), Cell("1,000", 1000.0), Cell("", None)
    assert [cell.order for cell in cells] == [None, "1e+300", "1000", None]


def test_what_was_run_is_said(folder, page):
    study = load_study(folder)
    for words in (
        study["command"],
        study["device"],
        study["code_hash"],
        study["energy"],
        "jax 0.10.2",
    ):
        assert words in page
    said = page.replace("\u00a0", " ")
    assert "2,000 chains from N(0, I) in standardised units, 2,000 unadjusted steps" in said
    assert "h = 0.00132" in said


def test_a_half_done_study(tmp_path):
    missing = (("half_moons", "nce", 0), ("half_moons", "nce", 2))
    missing += tuple(("half_moons", "mle", s) for s in range(3))
    options = {"seeds": 3, "points": 60, "methods": ("cd", "nce", "mle")}
    folder = build(
        tmp_path, datasets=("half_moons",), missing=missing, diverged=(), grid=40, **options
    )
    said = text_of(write_report(folder).read_text())
    assert "Unfinished: 4 of 9 runs are done" in said
    assert "not run yet" in said and "1 of 3 seeds yet" in said
    assert "None: all 4 runs ended with finite numbers" in said


def test_a_study_with_nothing_done(tmp_path):
    every = tuple((d, "cd", s) for d in ("eight_gaussians", "half_moons") for s in range(2))
    folder = build(tmp_path, methods=("cd",), seeds=2, missing=every, points=20, grid=10)
    said = text_of(write_report(folder).read_text())
    assert "No method has a finished run here yet." in said and "0 of 4 runs are done" in said


def test_all_runs_of_all_methods_diverged(tmp_path):
    every = tuple(("half_moons", m, s) for m in ("cd", "nce") for s in range(2))
    options = {"methods": ("cd", "nce"), "datasets": ("half_moons",)}
    folder = build(tmp_path, seeds=2, diverged=every, points=20, grid=10, **options)
    said = text_of(write_report(folder).read_text())
    assert "4 of 4 runs diverged" in said


@pytest.mark.parametrize("dataset", ["line", "table"])
def test_data_of_other_dimensions(tmp_path, dataset):
    folder = build(tmp_path, datasets=(dataset,), methods=("cd", "nce"), seeds=2, points=60)
    said = text_of(write_report(folder).read_text())
    assert (folder / "figures" / f"samples_{dataset}.png").exists()
    assert not (folder / "figures" / f"landscapes_{dataset}.png").exists()
    assert ("NLL" in said) == (dataset == "line")
    assert "MMD" in said and "KL(data" not in said.split("Glossary")[0]
    assert ("Data of more than 2 columns" in said) == (dataset == "table")


def test_names_from_data_are_text(tmp_path):
    nasty, dots = "<script>alert(1)</script> $x^", "../../up"
    folder = build(
        tmp_path / "in" / "it",
        datasets=(nasty, dots),
        methods=("a&b", "{{ c }}"),
        seeds=1,
        points=20,
        title="<b>\u65e5\u672c",
    )
    html = write_report(folder).read_text()
    assert "<script>alert" not in html and "<b>\u65e5" not in html
    assert "&lt;script&gt;alert(1)" in html and "{{ c }}" in html and "a&amp;b" in html
    assert not _Tags(html).wrong
    assert {p.name for p in tmp_path.iterdir()} == {"in"}
    assert {p.name for p in (tmp_path / "in").iterdir()} == {"it"}


def test_a_method_under_two_recipes_is_two_entries(tmp_path):
    folder = build(tmp_path, datasets=("line",), methods=("cd", "nce"), seeds=2, points=20)
    study = json.loads((folder / "study.json").read_text())
    for cell in study["runs"].values():
        cell["recipe"] = "tuned" if cell["seed"] == 1 else "default"
    (folder / "study.json").write_text(json.dumps(study))
    results = (folder / "results.csv").read_text().replace("default,1,", "tuned,1,")
    (folder / "results.csv").write_text(results)
    assert "nce, tuned" in write_report(folder).read_text()


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(0.00834, 4, "0.0083"), (6012.3, 4, "6,012.3"), (-0.5, 2, "\u22120.50"), (-1e-9, 3, "0.000")]
    + [
        (1.28e6, 0, "1.28\u00a0M"),
        (np.inf, 2, "diverged"),
        (np.nan, 2, "\u2013"),
        (0.0, 2, "0.00"),
    ],
)
def test_numbers(value, places, text):
    assert number(value, places) == text


def test_numbers_of_a_column_align():
    padded = [number(v, 4, pad=True) for v in (0.0083, 12.3456, 60123.0)]
    assert len({len(p) - p.replace("\u2008", ".").index(".") for p in padded}) == 1
    assert decimals([0.0083, 6.0, np.nan, np.inf]) == 4 and decimals([]) == 2
    assert interval(0.00712, 0.00971, 4) == "[0.0071, 0.0097]" and interval(np.nan, 1.0, 2) == ""


def test_recipes_are_common_columns_and_what_is_each_its_own():
    nested = {"a": {"n": 1000, "m": {"k": 10}}, "b": {"n": 2000, "m": {"s": 0.5}}}
    assert flat(nested["a"]) == {"n": "1,000", "m.k": "10"}
    assert recipes(nested) == (["n"], [("a", ["1,000"], "k 10"), ("b", ["2,000"], "s 0.5")])


def test_a_method_keeps_its_colour():
    assert figures.colours(["x", "nce", "y"]) == figures.colours(["y", "x", "cd"])
    looks = figures.colours(["cd", "pcd", "dsm", "nce", "mle", "ed", "ssm"])
    assert len({colour for colour, _ in looks.values()}) == 7


def test_formulas_matplotlib_cannot_set_stay_text():
    assert figures.formula(r"$$ \tfrac12 \mathbb{E}_{data} \| x \|^2 $$").startswith(b"<?xml")
    assert figures.formula(r"\begin{aligned} x \end{aligned}") is None
    assert figures.formula("plain words") is None
