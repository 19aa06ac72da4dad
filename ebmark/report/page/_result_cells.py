"""Fields of the results tables: a metric over seeds, its mark and its null."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ebmark.report.page._cells import Cell, sortable
from ebmark.report.page._numbers import (
    DASH,
    count_decimals,
    describe_rank_test,
    format_interval,
    format_number,
    significant_digits,
)
from ebmark.statistics import LEVEL, Summary, best, compare_to_null, other_level, summary
from ebmark.store.metric_info import COSTS, UNRANKED, metric_info


def find_mark(table: pd.DataFrame, dataset: str, metric: str) -> dict[str, str]:
    """Return the configuration that is significantly better than the runner-up, and a tooltip."""
    if metric in UNRANKED:
        return {}
    higher_is_better = metric_info(metric).higher_is_better
    leader = best(table, dataset, metric, higher_is_better=higher_is_better)
    if leader is None or not leader.significant:
        return {}
    words = ("highest", "higher") if higher_is_better else ("lowest", "lower")
    tooltip = "{}, significantly {} than the runner-up (unadjusted)".format(*words)
    return {leader.method: tooltip}


def describe_null(
    metric: str, values: pd.Series | Sequence[float], null_range: Mapping[str, Any] | None
) -> str:
    """Return the tooltip of a median that is not worse than the null; empty if it is worse."""
    if null_range is None:
        return ""
    higher_is_better = metric_info(metric).higher_is_better
    found = compare_to_null(values, null_range, higher_is_better=higher_is_better)
    worse = "below" if higher_is_better else "above"
    if found is None or found.position == worse:
        return ""
    if found.of_single_draws:
        return f"not {worse} the null range of a single draw"
    return f"not significantly {worse} the null ({describe_rank_test(found.p)})"


def summarize_runs(metric: str, values: pd.Series | None, is_geometric: bool) -> Summary:
    """Summarize a metric over seeds; the cost of a diverged run is unknown, not the worst."""
    if values is None:
        return summary(())
    return summary(
        values.dropna() if metric in COSTS else values,
        is_geometric=is_geometric,
        higher_is_better=metric_info(metric).higher_is_better,
    )


def count_column_decimals(metric: str, summaries: Mapping[str, Summary]) -> int:
    """Return the decimals of all medians of a metric."""
    if metric in COSTS:
        return 1 if metric.endswith("seconds") else 0
    medians = [stats.median for stats in summaries.values()]
    return count_decimals(medians, significant_digits(metric))


def build_cell(
    stats: Summary,
    statistic: str,
    decimals: int,
    null: str = "",
    mark: str = "",
) -> Cell:
    """Build the cell of a statistic: `median`, `mean` or `worst`.

    Args:
        stats: The metric over seeds.
        statistic: Which one.
        decimals: Those of the column.
        null: Tooltip of a median that is not worse than the null.
        mark: Tooltip of the best median.
    """
    if stats.n == 0:
        return Cell(DASH)
    if statistic == "mean":
        interval = format_interval(stats.low, stats.high, decimals)
        text = f"{format_number(stats.mean, decimals)} {interval}".strip()
        return Cell(text, sortable(stats.mean), "mean")
    value = stats.median if statistic == "median" else stats.worst
    kinds = [statistic]
    titles = []
    if mark and statistic == "median":
        kinds.append("best")
        titles.append(mark)
    if null and statistic == "median":
        kinds.append("within-null")
        titles.append(null)
    if math.isinf(value):
        kinds.append("diverged")
    text = format_number(value, decimals, pad=True)
    return Cell(text, sortable(value), " ".join(kinds), "; ".join(titles))


def format_null(null_range: Mapping[str, Any] | None, statistic: str, decimals: int) -> str:
    """Format the mean of a null range below medians, the range below means."""
    if not null_range or statistic == "worst":
        return ""
    if statistic == "mean":
        interval = format_interval(null_range["low"], null_range["high"], decimals)
        return interval + other_level(null_range.get("level", LEVEL))
    return format_number(null_range["mean"], decimals, pad=True)
