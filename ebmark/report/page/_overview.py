"""Overview: the median KL of every configuration on every dataset, as one shaded table."""

import bisect
import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from ebmark.report.page._cells import LAST, Cell, sortable
from ebmark.report.page._numbers import DASH, format_brief
from ebmark.statistics import final_values, ranks, role, summary

MIN_DATASETS = 4  # with fewer, the tables of the datasets are overview enough
SHADES = (0.03, 0.1, 0.3, 1.0, 3.0)  # nats at which the next darker shade begins


class Overview(NamedTuple):
    """Heads and rows: methods by mean rank, then oracle and baselines, which have no rank."""

    heads: list[str]
    methods: list[tuple[str, list[Cell]]]
    unranked: list[tuple[str, list[Cell]]]


def build_overview(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str]
) -> Overview | None:
    """Build the table of median KLs over seeds, diverged runs included.

    Returns:
        None where there are fewer than `MIN_DATASETS` datasets with a KL.
    """
    medians = _medians(table, datasets, entries)
    if len(medians) < MIN_DATASETS:
        return None
    lowest = {
        dataset: min((kl for entry, kl in column.items() if role(entry) is None), default=math.nan)
        for dataset, column in medians.items()
    }
    ranking = ranks(table, list(medians), entries, "kl")
    mean_ranks = dict(zip(ranking.entries, ranking.mean, strict=True)) if ranking else {}
    measured = [entry for entry in entries if any(entry in column for column in medians.values())]
    order = [*mean_ranks, *(entry for entry in measured if entry not in mean_ranks)]
    rows: list[tuple[str, list[Cell]]] = []
    for entry in order:
        cells = [_rank_cell(mean_ranks.get(entry))]
        cells += [_kl_cell(entry, d, medians[d].get(entry), lowest[d]) for d in medians]
        rows.append((entry, cells))
    methods = [row for row in rows if role(row[0]) is None]
    unranked = [row for row in rows if role(row[0]) is not None]
    return Overview(["mean rank", *medians], methods, unranked)


def _medians(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Median KL by dataset and configuration; only datasets that have a KL."""
    medians = {}
    for dataset in datasets:
        runs = final_values(table, dataset, "kl")
        if runs:
            medians[dataset] = {e: summary(runs[e]).median for e in entries if e in runs}
    return medians


def _rank_cell(mean_rank: float | None) -> Cell:
    if mean_rank is None:
        return Cell(DASH, LAST)
    return Cell(f"{mean_rank:.1f}", mean_rank)


def _kl_cell(entry: str, dataset: str, kl: float | None, lowest: float) -> Cell:
    if kl is None or math.isnan(kl):
        return Cell(DASH, LAST)
    kind = f"shade{bisect.bisect(SHADES, kl)}"
    if kl == lowest < math.inf and role(entry) is None:
        kind += " best"
    text = f"{kl:.0f}" if 10 <= kl < math.inf else format_brief(kl)
    return Cell(text, sortable(kl), kind, f"{entry} on {dataset}")
