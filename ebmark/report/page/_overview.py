"""Overview: median KL relative to the oracle, by configuration and dataset, as a heat map."""

import bisect
import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from ebmark.report.page._cells import LAST, Cell, sortable
from ebmark.report.page._numbers import DASH, format_brief
from ebmark.statistics import final_values, ranks, role, summary
from ebmark.store.method_info import look

MIN_DATASETS = 4  # with fewer, the tables of the datasets are overview enough
SHADES = (1.5, 2.5, 5.0, 10.0, 30.0)  # multiples at which the next darker shade begins


class Overview(NamedTuple):
    """Heads and rows: families by best mean rank, methods by mean rank, unranked ones last."""

    heads: list[str]
    methods: list[tuple[str, list[Cell]]]
    unranked: list[tuple[str, list[Cell]]]


def build_overview(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str]
) -> Overview | None:
    """Build the table of median KLs over seeds, diverged runs included, and their ratios.

    Ratios are those to the oracle, or to the lowest median where a dataset has none.

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
    ranked = [*mean_ranks, *(entry for entry in measured if entry not in mean_ranks)]
    families = list(dict.fromkeys(look(entry).family for entry in ranked))
    order = sorted(ranked, key=lambda entry: families.index(look(entry).family))
    rows: list[tuple[str, list[Cell]]] = []
    for entry in order:
        cells = [Cell(look(entry).family, kind="family"), _rank_cell(mean_ranks.get(entry))]
        for dataset, column in medians.items():
            of_oracle = [kl for e, kl in column.items() if role(e) == "oracle"]
            unit = of_oracle[0] if of_oracle else lowest[dataset]
            cells.append(_kl_cell(f"{entry} on {dataset}", column.get(entry), unit))
            if column.get(entry) == lowest[dataset] < math.inf and role(entry) is None:
                cells[-1] = cells[-1]._replace(kind=f"{cells[-1].kind} best")
        rows.append((entry, cells))
    methods = [row for row in rows if role(row[0]) is None]
    unranked = [row for row in rows if role(row[0]) is not None]
    return Overview(["family", "mean rank", *medians], methods, unranked)


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


def _kl_cell(where: str, kl: float | None, unit: float) -> Cell:
    if kl is None or math.isnan(kl) or not unit > 0:
        return Cell(DASH, LAST)
    ratio = kl / unit if unit < math.inf else math.inf
    text = f"{ratio:,.0f}" if 10 <= ratio < math.inf else format_brief(ratio)
    shade = f"shade{bisect.bisect(SHADES, ratio)}"
    return Cell(text, sortable(ratio), shade, f"{where}: KL {format_brief(kl)} nats")
