"""Which differences are real: the verdicts as a table and in words, the ranks in words."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from ebmark.report.page._numbers import (
    DASH,
    INFINITY,
    MINUS,
    brief,
    decimals,
    digits,
    interval,
    number,
    probability,
)
from ebmark.report.page._tables import Cell, sortable
from ebmark.statistics import (
    SIGNIFICANT,
    Comparison,
    Ranks,
    bca,
    compare_to_reference,
    final_values,
    metric_of,
    ranks,
)
from ebmark.statistics import reference as the_reference

_MANY = 1_000  # seeds beyond which a number says nothing more


class Sheet(NamedTuple):
    """A table: its headings, and rows of an entry and its cells."""

    heads: list[str]
    rows: list[tuple[str, list[Cell]]]


def comparisons(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str], wanted: str | None
) -> dict[str, Any] | None:
    """What the section needs; None where there is nothing to compare."""
    metric, against = metric_of(table, datasets), the_reference(entries, wanted)
    if metric is None or against is None:
        return None
    found = compare_to_reference(table, datasets, entries, metric, against)
    if not found:
        return None
    here = [d for d in datasets if any(one.dataset == d for one in found)]
    return {
        "reference": against,
        "metric": metric.upper(),
        "count": len(found),
        "warning": _too_many(found),
        "words": [(d, _groups([one for one in found if one.dataset == d], against)) for d in here],
        "tables": [
            (d, _sheet(table, [one for one in found if one.dataset == d], metric)) for d in here
        ],
        "ranks": rank_words(ranks(table, datasets, entries, metric)),
    }


def _too_many(found: Sequence[Comparison]) -> str:
    """Whether the seeds are too few for any of so many comparisons to pass Holm's correction."""
    seeds, m = max(one.paired.n for one in found), len(found)
    if m * 2.0 ** (1 - seeds) < SIGNIFICANT:
        return ""
    needed = max(6, 1 + math.floor(math.log2(m / SIGNIFICANT)) + 1)
    many = f"{m} comparisons" if m > 1 else "one comparison"
    return (
        f"With {seeds} {'seed' if seeds == 1 else 'seeds'} and {many} no outcome at all could be "
        f"told apart after the correction: {needed} seeds are the least, or fewer entries."
    )


def _groups(found: Sequence[Comparison], against: str) -> list[Markup]:
    """Who is lower, who higher, who is not told apart, in a sentence each."""
    kinds = {
        "lower than {}: ": [one for one in found if one.is_significant and one.is_lower],
        "higher than {}: ": [one for one in found if one.is_significant and not one.is_lower],
        "not told apart from {}: ": [one for one in found if not one.is_significant],
    }
    said = []
    for words, ones in kinds.items():
        if ones:
            ones = sorted(ones, key=lambda one: one.paired.difference)
            names = Markup(", ").join(
                Markup("<b>{}</b>{}").format(
                    one.entry, f" ({_signed(one.paired.difference)})" if one.is_significant else ""
                )
                for one in ones
            )
            said.append(Markup(words[0].upper() + words[1:]).format(against) + names + ".")
    return said


def _signed(value: float, places: int | None = None) -> str:
    """A difference with its sign."""
    if math.isnan(value):
        return DASH
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    size = abs(value)
    if math.isinf(size):
        return sign + INFINITY
    return sign + (brief(size) if places is None else number(size, places))


def verdict(one: Comparison) -> str:
    """A verdict in words."""
    n = one.paired.n
    seeds = "1 seed" if n == 1 else f"{n} seeds"
    if n == 0:
        return "no seed in common yet"
    if one.is_significant:
        return "different: lower" if one.is_lower else "different: higher"
    said = f"not told apart with {seeds}"
    if not one.paired.enough:
        return f"{said}; 6 are the least"
    if one.has_diverged:
        return f"{said}; runs diverged, so that no number would be sure to do"
    if one.seeds_needed is None:
        return f"{said}; no difference was seen"
    if one.seeds_needed > _MANY:
        return f"{said}; more than {_MANY:,} would be needed"
    if one.seeds_needed <= n:
        return f"{said}; so many should do: luck, or many comparisons"
    return f"{said}; about {one.seeds_needed:,} would be needed"


def _sheet(table: pd.DataFrame, found: Sequence[Comparison], metric: str) -> Sheet:
    places = decimals(
        [v for one in found for v in (one.median, one.reference_median)], max(digits(metric), 3)
    )
    heads = ["entry", "median", "difference", "95 %", "p, Holm", "verdict", "ended"]
    heads += ["mean of these [BCa]"]
    rows, runs = [], final_values(table, found[0].dataset, metric)
    for one in found:
        test = one.paired
        ends = f"[{_signed(test.low, places)}, {_signed(test.high, places)}]"
        mean, low, high = bca(runs[one.entry])
        tested = not math.isnan(test.p)
        cells = [
            Cell(number(one.median, places), sortable(one.median)),
            Cell(_signed(test.difference, places), sortable(test.difference)),
            Cell(ends if tested else "", kind="mean"),
            Cell(
                probability(one.adjusted).replace("p\u00a0=\u00a0", "").replace("p\u00a0", "")
                if tested
                else DASH,
                one.adjusted if tested else 2.0,
            ),
            Cell(verdict(one), kind="said best" if one.is_significant else "said"),
            Cell(
                f"{one.num_completed} of {one.num_runs}",
                one.num_completed / max(one.num_runs, 1),
                "lost" if one.num_completed < one.num_runs else "",
                f"share that ended: {one.completed_low:.2f} to {one.completed_high:.2f}, 95 %",
            ),
            Cell(f"{number(mean, places)} {interval(low, high, places)}".strip(), kind="mean"),
        ]
        rows.append((one.entry, cells))
    return Sheet(heads, rows)


def rank_words(found: Ranks | None) -> Markup | None:
    """The mean ranks, and from 6 datasets on whether they differ by more than luck."""
    if found is None or len(found.datasets) < 2:
        return None
    pairs = zip(found.entries, found.mean, strict=True)
    listed = Markup(", ").join(Markup("<b>{}</b> {}").format(e, f"{m:.1f}") for e, m in pairs)
    said = Markup("Mean ranks over {} datasets, 1 being best: ").format(len(found.datasets))
    said += listed + Markup(". ")
    if not found.enough:
        return said + Markup("Below 6 datasets ranks are not tested.")
    luck = "differ" if found.p < SIGNIFICANT else "do not differ by more than luck could make"
    words = (
        "By Friedman\u2019s test they {} ({}); two that are less than {} apart are not told apart."
    )
    return said + Markup(words).format(luck, probability(found.p), f"{found.critical:.2f}")
