"""The report: the page states the numbers of the table, whatever state the folder is in."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html import unescape
from html.parser import HTMLParser

import pytest
from helpers.dead_links import dead_links
from helpers.results_folder import REASON, build

from ebmark.errors import UserError
from ebmark.report.page import answer, write_report
from ebmark.report.page._comparisons import describe_comparison
from ebmark.report.page._numbers import format_brief
from ebmark.statistics import compare_to_reference, final_values, summary
from ebmark.store.schema import load_study
from ebmark.store.table import read
from ebmark.system.listed_files import write_listed
from ebmark.system.writing import write_json

METHODS = ["cd", "dsm", "nce", "mle"]


@pytest.fixture
def folder(toy):
    return toy


@pytest.fixture
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class _Tags(HTMLParser):
    """Tags that stay open or close what is not open, ids, links, and what a browser fetches."""

    VOID = {"meta", "link", "img", "br", "hr", "input"}

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.wrong = []
        self.fetched = []
        self.ids = []
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key in {"src", "srcset"} or (tag == "link" and key == "href"):
                self.fetched.append(value)
            if key == "id":
                self.ids.append(value)
            if tag == "a" and key == "href" and value.startswith("#"):
                self.links.append(value[1:])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def text_of(html):
    visible = re.sub(r"<(style|script)>.*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", visible)


def test_page_is_well_formed_and_self_contained(page):
    tags = _Tags(page)
    assert not tags.wrong and not tags.open
    assert tags.fetched and all(link.startswith("data:") for link in tags.fetched)
    assert len(page) <= 1.5e6


@pytest.mark.full
def test_many_datasets_have_a_page_each(tmp_path):
    """The index and the pages are linked, and share the number of comparisons that Holm uses."""
    datasets = ("eight_gaussians", "half_moons", "line", "table", "rings")
    sizes = {"seeds": 2, "points": 20, "grid": 20, "methods": ("cd", "nce")}
    folder = build(tmp_path, datasets=datasets, maps=False, diverged=(), **sizes)
    index = write_report(folder).read_text(encoding="utf-8")
    assert not dead_links(folder)
    pages = {name: folder / "datasets" / name / "report.html" for name in datasets}
    for name, path in pages.items():
        text = path.read_text(encoding="utf-8")
        assert f'href="datasets/{name}/report.html"' in index and 'href="../../report.html"' in text
        assert f"<h1>{name}: Toy study</h1>" in text
        assert "2 configurations on 1 dataset" in text and "all 2 comparisons" in text
    assert "all 2 comparisons" in index and '<table class="results' not in index
    assert (pages["line"].parent / "figures" / "samples_line.png").exists()


def test_page_links_to_every_section(page):
    tags = _Tags(page)
    assert len(set(tags.ids)) == len(tags.ids)
    assert set(tags.links) <= set(tags.ids)
    sections = re.findall(r'<section id="(.*?)">', page)
    assert set(sections) <= set(tags.links)


def test_navigation_has_the_headings(page):
    names = re.findall(r'<a href="#[a-z-]+">(.*?)</a>', page.partition("<main>")[0])
    assert names == re.findall(r"<h2>(.*?)</h2>", page)


@pytest.mark.full
def test_published_page_has_no_dead_link(folder, tmp_path):
    """A page in a folder without figures does not link to them; all others resolve."""
    (tmp_path / "results.csv").touch()
    for page, base in (
        (write_report(folder), folder),
        (write_report(folder, place=tmp_path), tmp_path),
    ):
        links = re.findall(r'href="([^"#]+)"', page.read_text())
        files = [link for link in links if not link.startswith("data:")]
        assert files and all((base / link).exists() for link in files)
    assert not (tmp_path / "figures").exists()


def test_sections_are_in_order(page):
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == ["Summary", "See it", "How sure?", "Why?", "Cost", "All runs", "Setup"]


def test_page_begins_with_the_answer(folder, page):
    found = answer(read(folder), load_study(folder))
    first = unescape(text_of(page.partition("<main>")[2]))[:1_200]
    for text in (found.question, found.sentence, found.test):
        assert text.replace("\u00a0", " ") in first


def test_charts_state_their_finding(page):
    labels = re.findall(r'<svg class="chart[^>]*aria-label="(.*?)"', page)
    assert labels and all(len(label) > 10 for label in labels)
    assert any("half_moons: nce has the lowest median KL" in label for label in labels)
    assert any("half_moons: significantly lower than cd: " in label for label in labels)


def test_figures_are_written_as_png_and_svg(folder):
    names = {path.stem for path in (folder / "figures").iterdir()}
    kinds = {"samples", "landscapes", "trajectories"}
    expected = {f"{kind}_{data}" for kind in kinds for data in ("eight_gaussians", "half_moons")}
    assert names == expected | {"kl_decomposition", "cost", "w1", "profile", "error_sources"}
    for name in names:
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        ElementTree.fromstring((folder / "figures" / f"{name}.svg").read_bytes())


@pytest.mark.full
def test_report_is_reproducible_to_the_byte(tmp_path):
    folder = build(tmp_path, datasets=("half_moons",), methods=("cd",), seeds=1, points=60)

    def read_all():
        write_report(folder)
        files = [folder / "report.html", *sorted((folder / "figures").iterdir())]
        return [(file.name, file.read_bytes()) for file in files]

    assert read_all() == read_all()


def test_summary_states_the_numbers(folder, page):
    median = summary(final_values(read(folder), "half_moons", "kl")["nce"]).median
    text = text_of(page)
    assert f"nce has the lowest median KL, {format_brief(median)} nats (6 seeds)." in text
    assert "Exact maximum likelihood with the same network (oracle) reaches" in text
    assert "cd : 1 of 6 runs diverged (counted as the worst value)." in text
    assert REASON.replace("'", "&#39;") in page


def test_significance_states_the_comparisons(folder, page):
    text = text_of(page)
    datasets = ["eight_gaussians", "half_moons"]
    pairs = compare_to_reference(read(folder), datasets, METHODS, "kl", "cd")
    assert "compared with one reference method, cd , on paired seeds" in text
    assert f"Holm-adjusted over all {len(pairs)} comparisons" in text
    outcomes = [describe_comparison(pair) for pair in pairs]
    assert all(outcome in text for outcome in outcomes)
    assert any("diverged" in outcome for outcome in outcomes)
    assert "completed" in text and "6 of 6" in text
    for pair in pairs:
        assert pair.is_significant == (pair.adjusted < 0.05)


def test_summary_and_significance_agree(folder, page):
    """The summary states the unadjusted p with the Holm-adjusted one, which decides."""
    (pair,) = (
        pair
        for pair in compare_to_reference(
            read(folder), ["eight_gaussians", "half_moons"], METHODS, "kl", "cd"
        )
        if (pair.dataset, pair.entry) == ("eight_gaussians", "nce")
    )
    outcome = "significant" if pair.is_significant else "not significant"
    text = text_of(page).replace("\u00a0", " ")
    expected = f"Wilcoxon p = {pair.paired.p:.3f} (unadjusted), "
    expected += f"{pair.adjusted:.2f} after Holm adjustment: {outcome}."
    assert expected in text


@pytest.mark.full
def test_reference_can_be_chosen(tmp_path):
    folder = build(tmp_path, datasets=("half_moons",), methods=("cd", "nce"), seeds=2, points=20)
    assert "reference method, nce , on" in text_of(write_report(folder, "nce").read_text())
    with pytest.raises(UserError, match="nce"):
        write_report(folder, "nec")
    text = text_of(write_report(folder).read_text())
    assert "no difference can be significant after Holm adjustment" in text
    assert "Use at least 6 seeds" in text


def test_budgets_are_stated_for_all_costs(page):
    text = text_of(page)
    assert "At 5,000 updates:" in text
    assert "network evaluations:" in text and "CPU s:" in text
    assert "The sampling error was not measured in these runs." in text


def test_setup_is_stated(folder, page):
    study = load_study(folder)
    for key in ("command", "device", "code_hash", "energy"):
        assert study[key] in page
    assert "jax 0.10.2" in page
    text = page.replace("\u00a0", " ")
    assert "2,000 chains from N(0, I) in standardized coordinates, 2,000 unadjusted steps" in text
    assert "h = 0.00132" in text


@pytest.mark.full
def test_unfinished_study_says_so(tmp_path):
    missing = (("half_moons", "nce", 0), ("half_moons", "nce", 2))
    missing += tuple(("half_moons", "mle", seed) for seed in range(3))
    options = {"seeds": 3, "points": 60, "grid": 40, "methods": ("cd", "nce", "mle")}
    folder = build(tmp_path, datasets=("half_moons",), missing=missing, diverged=(), **options)
    text = text_of(write_report(folder).read_text())
    assert "Unfinished: 4 of 9 runs are done" in text
    assert "not run yet" in text and "1 of 3 seeds yet" in text
    assert "None of the 4 runs diverged" in text


def test_study_without_runs_has_a_report(tmp_path):
    every = tuple((d, "cd", seed) for d in ("eight_gaussians", "half_moons") for seed in range(2))
    folder = build(tmp_path, methods=("cd",), seeds=2, missing=every, points=20, grid=10)
    page = write_report(folder).read_text()
    assert "No completed runs yet." in page and "0 of 4 runs are done" in page
    tags = _Tags(page)
    assert not tags.wrong and set(tags.links) <= set(tags.ids)


def test_study_with_only_diverged_runs_has_a_report(tmp_path):
    every = tuple(("half_moons", method, seed) for method in ("cd", "nce") for seed in range(2))
    options = {"methods": ("cd", "nce"), "datasets": ("half_moons",)}
    folder = build(tmp_path, seeds=2, diverged=every, points=20, grid=10, **options)
    assert "4 of 4 runs diverged" in text_of(write_report(folder).read_text())


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["line", "table"])
def test_data_of_other_dimensions_have_a_report(tmp_path, dataset):
    folder = build(tmp_path, datasets=(dataset,), methods=("cd", "nce"), seeds=2, points=60)
    text = text_of(write_report(folder).read_text())
    assert (folder / "figures" / f"samples_{dataset}.png").exists()
    assert not (folder / "figures" / f"landscapes_{dataset}.png").exists()
    assert ("NLL" in text) == (dataset == "line")
    assert "MMD" in text and "median KL" not in text.split("Glossary")[0]
    assert ("Data of more than 2 columns" in text) == (dataset == "table")


@pytest.mark.slow
def test_names_from_data_are_escaped(tmp_path):
    nasty = "<script>alert(1)</script> $x^"
    folder = build(
        tmp_path / "in" / "it",
        datasets=(nasty, "../../up"),
        methods=("a&b", "{{ c }}"),
        seeds=1,
        points=20,
        title="<b>\u65e5\u672c",
    )
    html = write_report(folder).read_text()
    assert "<script>alert" not in html and "<b>\u65e5" not in html
    assert "&lt;script&gt;alert(1)" in html and "{{ c }}" in html and "a&amp;b" in html
    assert not _Tags(html).wrong
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"it"}


@pytest.mark.full
def test_method_with_two_recipes_is_two_configurations(tmp_path):
    folder = build(tmp_path, datasets=("line",), methods=("cd", "nce"), seeds=2, points=20)
    study = json.loads((folder / "study.json").read_text())
    for run in study["runs"].values():
        run["recipe"] = "tuned" if run["seed"] == 1 else "default"
    write_json(folder / "study.json", study)
    results = (folder / "results.csv").read_text().replace("default,1,", "tuned,1,")
    write_listed(folder / "results.csv", results.encode())
    assert "nce, tuned" in write_report(folder).read_text()
