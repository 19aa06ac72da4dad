"""Statistical significance: paired comparisons with the reference method, and mean ranks."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from markupsafe import Markup

from ebmark.report.page._cells import Block, Cell, Sheet, sortable
from ebmark.report.page._numbers import (
    DASH,
    count_decimals,
    count_seeds,
    format_interval,
    format_number,
    format_p,
    format_signed,
    significant_digits,
    state_p,
)
from ebmark.statistics import (
    SIGNIFICANT,
    Comparison,
    Ranks,
    bca,
    compare_to_reference,
    fewest_seeds,
    final_values,
    metric_of,
    ranks,
    reference,
)

_MAX_SEEDS = 1_000  # the largest number of needed seeds that is worth stating
_POWER = "for 80% power if the observed difference is the true one"


class Comparisons(NamedTuple):
    """All paired comparisons of a report, which share one Holm adjustment."""

    reference: str
    metric: str
    pairs: list[Comparison]


class Significance(NamedTuple):
    """The section on statistical significance."""

    reference: str
    metric: str
    num_comparisons: int
    warning: str
    blocks: list[Block]
    ranks: Markup | None


def compare_entries(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str], wanted: str | None
) -> Comparisons | None:
    """Compare every configuration with the reference; None if there is nothing to compare."""
    metric = metric_of(table, datasets)
    against = reference(entries, wanted)
    if metric is None or against is None:
        return None
    pairs = compare_to_reference(table, datasets, entries, metric, against)
    return Comparisons(against, metric, pairs) if pairs else None


def build_significance(
    table: pd.DataFrame,
    datasets: Sequence[str],
    detailed: Sequence[str],
    entries: Sequence[str],
    compared: Comparisons | None,
) -> Significance | None:
    """Describe the comparisons.

    Args:
        table: The results.
        datasets: Those over which ranks are averaged.
        detailed: Those that get sentences and a table.
        entries: The configurations.
        compared: The comparisons.
    """
    if compared is None:
        return None
    blocks = []
    for dataset in detailed:
        pairs = [pair for pair in compared.pairs if pair.dataset == dataset]
        if pairs:
            sentences = _group(pairs, compared.reference)
            blocks.append(Block(dataset, sentences, _sheet(table, pairs, compared.metric)))
    ranking = ranks(table, datasets, entries, compared.metric)
    return Significance(
        compared.reference,
        compared.metric.upper(),
        len(compared.pairs),
        _warn_of_few_seeds(compared.pairs),
        blocks,
        describe_ranks(ranking),
    )


def _warn_of_few_seeds(pairs: Sequence[Comparison]) -> str:
    """Warn if the seeds are too few for any comparison to pass the Holm adjustment."""
    num_seeds = max(pair.paired.n for pair in pairs)
    num_pairs = len(pairs)
    needed = fewest_seeds(num_pairs)
    if num_seeds == 0 or num_seeds >= needed:
        return ""
    counted = f"{num_pairs} comparisons" if num_pairs > 1 else "one comparison"
    return (
        f"With {count_seeds(num_seeds)} to compare and {counted}, no difference can be significant "
        f"after Holm adjustment. Use at least {needed} seeds, or fewer configurations."
    )


def _group(pairs: Sequence[Comparison], against: str) -> list[Markup]:
    """One sentence each: significantly lower, significantly higher, no significant difference."""
    significant = [pair for pair in pairs if pair.is_significant]
    groups = {
        "Significantly lower than {}: ": [pair for pair in significant if pair.is_lower],
        "Significantly higher than {}: ": [pair for pair in significant if not pair.is_lower],
        "No significant difference from {}: ": [pair for pair in pairs if not pair.is_significant],
    }
    sentences = []
    for beginning, group in groups.items():
        if group:
            ordered = sorted(group, key=lambda pair: pair.paired.difference)
            names = Markup(", ").join(_name_pair(pair) for pair in ordered)
            sentences.append(Markup(beginning).format(against) + names + Markup("."))
    return sentences


def _name_pair(pair: Comparison) -> Markup:
    name = Markup("<b>{}</b>").format(pair.entry)
    if pair.is_significant:
        name += Markup(" ({})").format(format_signed(pair.paired.difference))
    return name


def describe_comparison(pair: Comparison) -> str:
    """Describe the outcome of a comparison, and the seeds needed if it is not significant."""
    n = pair.paired.n
    if n == 0:
        return "no seeds to compare"
    if pair.is_significant:
        return "significantly lower" if pair.is_lower else "significantly higher"
    outcome = f"not significant ({count_seeds(n)})"
    if not pair.paired.enough:
        return f"{outcome}; at least 6 seeds needed"
    if pair.has_diverged:
        return f"{outcome}; runs diverged, so the number of seeds needed is unknown"
    if pair.seeds_needed is None:
        return f"{outcome}; no difference observed"
    if pair.seeds_needed > _MAX_SEEDS:
        return f"{outcome}; more than {_MAX_SEEDS:,} seeds needed {_POWER}"
    if pair.seeds_needed <= n:
        return f"{outcome}; {pair.seeds_needed:,} seeds suffice {_POWER}"
    return f"{outcome}; about {pair.seeds_needed:,} seeds needed {_POWER}"


def _sheet(table: pd.DataFrame, pairs: Sequence[Comparison], metric: str) -> Sheet:
    medians = [median for pair in pairs for median in (pair.median, pair.reference_median)]
    decimals = count_decimals(medians, max(significant_digits(metric), 3))
    heads = ["configuration", "median", "difference", "95% CI", "p", "p, Holm", "outcome"]
    heads += ["completed", "mean of completed [BCa]"]
    runs = final_values(table, pairs[0].dataset, metric)
    return Sheet(heads, [(pair.entry, _cells(pair, runs[pair.entry], decimals)) for pair in pairs])


def _cells(pair: Comparison, values: pd.Series, decimals: int) -> list[Cell]:
    test = pair.paired
    interval = f"[{format_signed(test.low, decimals)}, {format_signed(test.high, decimals)}]"
    is_tested = not math.isnan(test.p)
    mean, low, high = bca(values)
    mean_text = f"{format_number(mean, decimals)} {format_interval(low, high, decimals)}".strip()
    return [
        Cell(format_number(pair.median, decimals), sortable(pair.median)),
        Cell(format_signed(test.difference, decimals), sortable(test.difference)),
        Cell(interval if is_tested else "", kind="mean"),
        _p_cell(test.p),
        _p_cell(pair.adjusted),
        Cell(describe_comparison(pair), kind="outcome best" if pair.is_significant else "outcome"),
        Cell(
            f"{pair.num_completed} of {pair.num_runs}",
            pair.num_completed / max(pair.num_runs, 1),
            "diverged" if pair.num_completed < pair.num_runs else "",
            "fraction of completed runs: 95% CI "
            f"[{pair.completed_low:.2f}, {pair.completed_high:.2f}]",
        ),
        Cell(mean_text, kind="mean"),
    ]


def _p_cell(p: float) -> Cell:
    """A p value; what was not tested sorts after every p."""
    return Cell(DASH, 2.0) if math.isnan(p) else Cell(format_p(p), p)


def describe_ranks(ranking: Ranks | None) -> Markup | None:
    """Describe the mean ranks over datasets, and from 6 datasets on Friedman's test."""
    if ranking is None or len(ranking.datasets) < 2:
        return None
    pairs = zip(ranking.entries, ranking.mean, strict=True)
    listed = Markup(", ").join(Markup("<b>{}</b> {}").format(e, f"{m:.1f}") for e, m in pairs)
    sentence = Markup("Mean ranks over {} datasets (1 is best): {}. ").format(
        len(ranking.datasets), listed
    )
    if not ranking.enough:
        return sentence + Markup("Ranks are tested from 6 datasets on.")
    outcome = "differ significantly" if ranking.p < SIGNIFICANT else "do not differ significantly"
    test = Markup(
        "They {} (Friedman test, {}). Two configurations whose mean ranks differ by less than the "
        "critical difference {} are not significantly different (Nemenyi test, 5%)."
    )
    return sentence + test.format(outcome, state_p(ranking.p), f"{ranking.critical:.2f}")
