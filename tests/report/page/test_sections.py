"""Sections of the report: sentences and tables derived from the results."""

import numpy as np
import pandas as pd
import pytest
from helpers.results_folder import build

from ebmark.report.page._cells import Cell
from ebmark.report.page._comparisons import Comparisons, describe_comparison
from ebmark.report.page._decomposition import describe_w1
from ebmark.report.page._numbers import (
    count_decimals,
    format_interval,
    format_number,
    format_p,
    format_signed,
    state_p,
)
from ebmark.report.page._overview import build_overview
from ebmark.report.page._recipes import build_recipes, flatten
from ebmark.report.page._sentences import describe_test, summarize_dataset
from ebmark.report.page._tables import build_results
from ebmark.report.page._top_entries import select_leading
from ebmark.statistics import (
    Comparison,
    ErrorSources,
    NullComparison,
    Paired,
    error_sources,
    final_values,
    summary,
)
from ebmark.store.schema import load_study
from ebmark.store.table import read

METHODS = ["cd", "dsm", "nce", "mle"]
SEEDS = dict.fromkeys(METHODS, 6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("toy"), seeds=6, points=200, grid=40)


@pytest.fixture
def results(folder):
    return read(folder)


def comparison(n, p, adjusted, needed=None, completed=None):
    completed = n if completed is None else completed
    test = Paired(n, p, 0.1, 0.05, 0.2)
    counts = (needed, completed, n, 0.5, 1.0, completed < n)
    return Comparison("half_moons", "cd", 0.2, 0.1, test, adjusted, *counts)


def table_of(results, dataset="half_moons", null_ranges=None):
    planned = {dataset: SEEDS}
    return build_results(results, planned, {}, {dataset: null_ranges} if null_ranges else {})


def column(table, label):
    """Configuration -> the cell of a column."""
    i = [head.label for head in table.heads].index(label)
    return {row.method: row.cells[i] for row in table.rows}


@pytest.mark.slow
def test_results_table_has_the_statistics(folder, results):
    null_ranges = load_study(folder)["null_ranges"]["half_moons"]
    table = table_of(results, null_ranges=null_ranges)
    assert [row.method for row in table.rows] == [*METHODS, "null range"]
    assert [row.kind for row in table.rows] == ["", "", "", "role", "null"]
    assert all(len(row.cells) == len(table.heads) for row in table.rows)
    assert [head.is_main for head in table.heads] == sorted(
        (head.is_main for head in table.heads), reverse=True
    )
    runs = final_values(results, "half_moons", "kl")
    oracle = summary(runs["mle"]).median
    ratios = column(table, "KL / oracle")
    for method, cell in column(table, "KL, nats").items():
        if method in runs:
            assert float(cell.text) == pytest.approx(summary(runs[method]).median, abs=5e-5)
            assert cell.value == summary(runs[method]).median
            assert ratios[method].value == pytest.approx(cell.value / oracle)
    assert table.rows[0].note == "1 of 6 diverged"
    assert column(table, "KL, nats: worst")["cd"].text == "diverged"
    assert column(table, "KL, nats: worst")["cd"].kind.endswith("more")


def test_largest_part_of_kl_is_named(results):
    """The part with the largest median: off-support, mode-weight or within-mode."""
    parts = {
        part: final_values(results, "half_moons", f"kl_{part.replace('-', '_')}")
        for part in ("off-support", "mode-weights", "within-mode")
    }
    for method, cell in column(table_of(results), "largest part of KL").items():
        medians = {part: summary(runs[method]).median for part, runs in parts.items()}
        largest = max(medians, key=medians.get)
        assert cell.text.startswith(largest.removesuffix("s"))


def test_best_is_marked_only_if_significant(results):
    """Never the oracle, and with 5 seeds no outcome is significant."""
    few = results[results["seed"] < 5]
    for rows, expected in ((results, {"nce"}), (few, set())):
        cells = column(table_of(rows), "KL, nats")
        assert {method for method, cell in cells.items() if "best" in cell.kind} == expected
    text = " ".join(summarize_dataset(few, "half_moons", METHODS))
    assert "not tested (5 seeds; at least 6 are needed)" in text


def test_summary_uses_holm_adjusted_p(results):
    """The comparison of lowest and runner-up decides only if the report has it."""
    pair = comparison(6, 0.03, 0.15)
    compared = Comparisons("nce", "kl", [pair])
    (first, *_) = summarize_dataset(results, "half_moons", METHODS, compared=compared)
    assert "0.15 after Holm adjustment: not significant." in first
    other = Comparisons("dsm", "kl", [pair])
    (first, *_) = summarize_dataset(results, "half_moons", METHODS, compared=other)
    assert "Holm" not in first and "(unadjusted): significant without adjustment." in first


def test_test_is_described_with_difference_and_p():
    test = Paired(20, 0.030, -0.0016)
    adjusted = comparison(20, 0.030, 0.15)
    assert describe_test(test, " nats", adjusted).replace("\u00a0", " ") == (
        "paired difference 0.0016 nats, Wilcoxon p = 0.030 (unadjusted), 0.15 after Holm "
        "adjustment: not significant"
    )
    assert describe_test(Paired(0, np.nan, np.nan)) == "not tested (no seeds to compare)"


@pytest.mark.parametrize(
    ("pair", "outcome"),
    [
        (comparison(10, 0.01, 0.03), "significantly higher"),
        (
            comparison(10, 0.03, 0.06, 14),
            "not significant (10 seeds); about 14 seeds needed for 80% power if the observed "
            "difference is the true one",
        ),
        (comparison(10, 0.9, 1.0, 5_000), "more than 1,000 seeds needed"),
        (comparison(10, 0.06, 0.06, 9), "9 seeds suffice for 80% power"),
        (comparison(10, 0.9, 1.0), "no difference observed"),
        (comparison(5, np.nan, np.nan, 7), "not significant (5 seeds); at least 6 seeds needed"),
        (comparison(10, 0.3, 0.6, None, 8), "runs diverged"),
        (comparison(0, np.nan, np.nan), "no seeds to compare"),
    ],
)
def test_comparison_is_described(pair, outcome):
    assert outcome in describe_comparison(pair)


def test_error_sources_add_up(folder, results):
    """Null mean + model error + method error = W1 of exact samples, or the null mean."""
    null_range = load_study(folder)["null_ranges"]["half_moons"]["w1"]
    for source in error_sources(results, "half_moons", METHODS, null_range):
        total = source.null_mean + source.model + source.method
        assert total == pytest.approx(max(source.exact, null_range["mean"]))


def test_masked_error_is_described():
    significant = Paired(10, 0.002, 0.3, 0.2, 0.4)
    lower = Paired(10, 0.002, -0.2, -0.3, -0.1)
    none = Paired(10, 0.5, 0.0, -0.1, 0.1)
    nulls = (NullComparison("above", 1e-4), NullComparison("within", 0.4))
    masking = ErrorSources("dsm", 0.1, 0.0, 0.5, 0.3, 0.6, 0.4, significant, lower, nulls[0])
    converged = ErrorSources("nce", 0.1, 0.0, 0.0, 0.0, 0.1, 0.1, none, none, nulls[1])
    text = " ".join(describe_w1([masking, converged], {"high": 0.15, "n": 500}))
    assert "Masked by unconverged chains:</b> W1 is lower" in text and "of dsm, by 0.20" in text
    assert "significantly larger than its null for dsm (by 0.30)" in text
    assert "above the null only for dsm (Mann–Whitney test of all seeds, Holm" in text


def test_low_noise_ess_is_described(results):
    runs = results[(results["metric"] == "kl") & (results["dataset"] == "half_moons")]
    runs = runs[runs["method"].isin(["nce", "dsm"])].assign(metric="noise_ess", value=0.0042)
    runs.loc[runs["method"] == "dsm", "value"] = 0.3
    sentences = summarize_dataset(pd.concat([results, runs]), "half_moons", METHODS)
    assert [str(sentence) for sentence in sentences if "noise ESS" in sentence] == [
        "The noise distribution is too far from the model for efficient training (noise ESS below "
        "0.01): <b>nce</b> (0.0042)."
    ]
    sentences = summarize_dataset(results, "half_moons", METHODS)
    assert not any("noise ESS" in sentence for sentence in sentences)


def test_off_support_mass_is_described(results):
    is_leak = (results["metric"] == "kl_off_support") & (results["dataset"] == "half_moons")
    is_last = results["step"] == results.loc[is_leak, "step"].max()

    def sentences():
        found = summarize_dataset(results, "half_moons", METHODS)
        return [str(sentence) for sentence in found if "support" in sentence]

    assert sentences() == []
    is_dsm = (results["method"] == "dsm") & (results["seed"] < 2)
    is_nce = (results["method"] == "nce") & (results["seed"] < 1)
    results.loc[is_leak & is_last & is_dsm, "value"] = 7.04
    results.loc[is_leak & is_last & is_nce, "value"] = 1.5
    assert sentences() == [
        "<b>dsm</b> assigns most of its mass outside the target\u2019s support in 2 of 6 runs "
        "(off-support KL up to 7.0 nats), <b>nce</b> in 1 of 6 runs (up to 1.5 nats). Langevin "
        "samples miss this mass if no chain reaches it."
    ]


def test_overview_shades_relative_kl():
    """Median KL / 0.01, "diverged" if the median run did; by mean rank, the oracle unranked."""
    kl = {"a": [0.02, 0.2, 4.0, 0.5], "b": [0.06, 0.1, 2.0, 0.4], "mle": [0.01] * 4}
    rows = [
        (f"d{d}", method, seed, value * (0.9, 1, 1.1)[seed], "done")
        for method, values in kl.items()
        for d, value in enumerate(values)
        for seed in range(3)
    ]
    names = ["dataset", "method", "seed", "value", "status"]
    table = pd.DataFrame(rows, columns=names)
    lost = (table["dataset"] == "d3") & (table["method"] == "b") & (table["seed"] > 0)
    table.loc[lost, "value"] = np.nan
    table.loc[lost, "status"] = "diverged"
    table = table.assign(step=10, metric="kl")
    datasets = [f"d{d}" for d in range(4)]
    entries = ["a", "b", "mle"]
    overview = build_overview(table, datasets, entries)
    assert overview.heads == ["family", "mean rank", *datasets]
    assert [name for name, _ in overview.methods] == ["a", "b"]
    all_rows = dict([*overview.methods, *overview.unranked])
    texts = {name: [cell.text for cell in cells] for name, cells in all_rows.items()}
    assert texts["a"] == ["other", "1.5", "2.0", "20", "400", "50"]
    assert texts["b"] == ["other", "1.5", "6.0", "10", "200", "diverged"]
    assert texts["mle"][:3] == ["baseline", "\u2013", "1.0"]
    kinds = {name: [cell.kind for cell in cells[2:]] for name, cells in all_rows.items()}
    assert kinds["a"] == ["shade1 best", "shade4", "shade5", "shade5 best"]
    assert kinds["b"] == ["shade3", "shade4 best", "shade5 best", "shade5"]
    assert kinds["mle"] == ["shade0"] * 4
    assert build_overview(table, datasets[:3], entries) is None


def test_leading_entries_of_many(results):
    """The reference, the lowest ranks and the oracle, at most 12 methods."""
    datasets = ["eight_gaussians", "half_moons"]
    many = [f"m{i}" for i in range(20)]
    assert select_leading(results, datasets, METHODS, None) == METHODS
    runs = results[(results["method"] == "nce") & (results["metric"] == "kl")]
    copies = [runs.assign(method=m, value=runs["value"] * (1 + i)) for i, m in enumerate(many)]
    table = pd.concat([results, *copies])
    leading = select_leading(table, datasets, [*many, "mle"], "m19")
    assert leading == [*many[:11], "m19", "mle"]


def test_cell_is_sorted_by_its_value():
    cells = Cell("0.50\u2008", 0.5), Cell("diverged", 1e300), Cell("1,000", 1000.0), Cell("", None)
    assert [cell.order for cell in cells] == [None, "1e+300", "1000", None]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.00834, 4, "0.0083"),
        (6012.3, 4, "6,012.3"),
        (-0.5, 2, "\u22120.50"),
        (-1e-9, 3, "0.000"),
        (1.28e6, 0, "1.28\u00a0M"),
        (np.inf, 2, "diverged"),
        (np.nan, 2, "\u2013"),
        (0.0, 2, "0.00"),
    ],
)
def test_number_format(value, decimals, text):
    assert format_number(value, decimals) == text


def test_numbers_of_a_column_align():
    padded = [format_number(value, 4, pad=True) for value in (0.0083, 12.3456, 60123.0)]
    assert len({len(p) - p.replace("\u2008", ".").index(".") for p in padded}) == 1
    assert count_decimals([0.0083, 6.0, np.nan, np.inf]) == 4 and count_decimals([]) == 2
    assert format_interval(0.00712, 0.00971, 4) == "[0.0071, 0.0097]"
    assert format_interval(np.nan, 1.0, 2) == ""


def test_p_values_and_differences_have_leading_zeros():
    assert [format_p(p) for p in (0.0004, 0.03, 0.154)] == ["<0.001", "0.030", "0.15"]
    assert state_p(0.0004) == "p\u00a0<\u00a00.001" and state_p(0.03) == "p\u00a0=\u00a00.030"
    assert [format_signed(value) for value in (0.012, -0.012)] == ["+0.012", "\u22120.012"]


def test_recipes_have_common_keys_as_columns():
    nested = {"a": {"n": 1000, "m": {"k": 10}}, "b": {"n": 2000, "m": {"s": 0.5}}}
    assert flatten(nested["a"]) == {"n": "1,000", "m.k": "10"}
    rows = [("a", ["1,000"], "k 10"), ("b", ["2,000"], "s 0.5")]
    assert build_recipes(nested) == (["n"], rows)
