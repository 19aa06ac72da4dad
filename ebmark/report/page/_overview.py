"""Every entry on every dataset, as one shaded table: what a page of many datasets begins with."""

import bisect
import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from ebmark.report.page._numbers import DASH, brief
from ebmark.report.page._tables import LAST, Cell, sortable
from ebmark.statistics import final_values, ranks, role, summary

LEAST = 4  # datasets, below which the tables themselves are at a glance
SHADES = (0.03, 0.1, 0.3, 1.0, 3.0)  # nats at which the next deeper shade begins


class Glance(NamedTuple):
    """Headings, and rows of an entry and its cells: methods by mean rank, then what has no rank."""

    heads: list[str]
    rows: list[tuple[str, list[Cell]]]
    apart: list[tuple[str, list[Cell]]]


def glance(table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str]) -> Glance | None:
    """Median KL over seeds, of all runs; None where there are few datasets or no KL."""
    runs = {dataset: final_values(table, dataset, "kl") for dataset in datasets}
    runs = {dataset: one for dataset, one in runs.items() if one}
    if len(runs) < LEAST:
        return None
    medians = {
        d: {e: summary(one[e]).median for e in entries if e in one} for d, one in runs.items()
    }
    least = {
        d: min((v for e, v in one.items() if role(e) is None), default=math.nan)
        for d, one in medians.items()
    }
    ranked = ranks(table, list(runs), entries, "kl")
    by_rank = dict(zip(ranked.entries, ranked.mean, strict=True)) if ranked else {}
    shown = [e for e in entries if any(e in one for one in medians.values())]
    order = [*by_rank, *(e for e in shown if e not in by_rank)]
    rows = {
        entry: [
            Cell(f"{by_rank[entry]:.1f}" if entry in by_rank else DASH, by_rank.get(entry, LAST)),
            *(_cell(entry, d, medians[d].get(entry), least[d]) for d in runs),
        ]
        for entry in order
    }
    parted = [
        [(e, r) for e, r in rows.items() if (role(e) is None) == own] for own in (True, False)
    ]
    return Glance(["mean rank", *runs], *parted)


def _cell(entry: str, dataset: str, value: float | None, least: float) -> Cell:
    if value is None or math.isnan(value):
        return Cell(DASH, LAST)
    shade = bisect.bisect(SHADES, value)
    kind = f"shade{shade}" + (" best" if value == least and role(entry) is None else "")
    text = "diverged" if math.isinf(value) else brief(value) if value < 10 else f"{value:.0f}"
    return Cell(text.removeprefix("0"), sortable(value), kind, f"{entry} on {dataset}")
