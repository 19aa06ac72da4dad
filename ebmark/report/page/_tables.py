"""Results tables of a dataset: the main one, and every metric in detail."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ebmark.report.page._cells import Cell, sortable
from ebmark.report.page._diagnostics import KL_PARTS, count_diverged
from ebmark.report.page._numbers import (
    DASH,
    count_decimals,
    format_interval,
    format_number,
    significant_digits,
)
from ebmark.report.page._rows import count_unique, list_unique, select_rows
from ebmark.statistics import Summary, all_positive, best, final_values, role, summary
from ebmark.store.metric_info import COSTS, UNRANKED, metric_info, stem

_FULL = ("median", "mean", "worst")
_MAIN = {
    "kl": _FULL,
    "kl_off_support": ("median",),
    "kl_mode_weights": ("median",),
    "kl_within_mode": ("median",),
    "tv": ("median",),
    "nll": _FULL,
    "w1_exact": ("median",),
    "w1_langevin": _FULL,
    "w1_native": ("median",),
    "w2_langevin": ("median",),
    "sliced_w2_langevin": ("median",),
    "mmd_sq_langevin": ("median",),
    "mode_frequency_tv_langevin": ("median",),
    "train_cpu_seconds": ("median",),
    "network_evaluations": ("median",),
}
# in the main table only where no density is on a grid, else among the details
_WITHOUT_GRID = {
    "nll",
    "w2_langevin",
    "sliced_w2_langevin",
    "mmd_sq_langevin",
    "mode_frequency_tv_langevin",
}
_ORDER = [*_MAIN, "w2_exact", "sliced_w2_exact", "mode_weight_tv", "log_z", "log_z_error"]
_LABELS = {"median": "median", "mean": "{kind} mean [95% CI]", "worst": "worst"}
_KINDS = {True: "geometric", False: "arithmetic"}
_DETAILS = ["metric", "method", "seeds", "diverged", "median", "95% CI of the median", "mean"]
_DETAILS += ["kind of mean", "95% CI of the mean", "worst", "null range"]


class Head(NamedTuple):
    """Head of a column.

    Attributes:
        group: The metric.
        label: The statistic.
        description: The metric in one line.
        span: Number of columns of the group; 0 if it began before this column.
    """

    group: str
    label: str
    description: str
    span: int


class Row(NamedTuple):
    """A configuration: its name, the method's title, a note on its runs, and its cells."""

    method: str
    title: str
    note: str
    cells: list[Cell]


class Results(NamedTuple):
    """The main table: methods, then oracle and baselines, then the null range."""

    heads: list[Head]
    methods: list[Row]
    unranked: list[Row]
    null_range: Row | None


def build_results(
    table: pd.DataFrame,
    dataset: str,
    entries: Sequence[str],
    method_info: Mapping[str, Any],
    null_ranges: Mapping[str, Any],
    num_seeds: Mapping[str, int],
) -> Results:
    """Build the main table of a dataset.

    Args:
        table: The results, with configurations for methods.
        dataset: The dataset.
        entries: Its configurations, one row each.
        method_info: Method -> its title.
        null_ranges: Metric -> its null range on this dataset.
        num_seeds: Configuration -> number of planned seeds.

    Returns:
        The table; the lowest median is marked if it is significantly lower than the runner-up.
    """
    runs = {metric: final_values(table, dataset, metric) for metric in _MAIN}
    has_grid = bool(runs["kl_off_support"])
    metrics = [m for m in _MAIN if runs[m] and not (has_grid and m in _WITHOUT_GRID)]
    heads: list[Head] = []
    cells: dict[str, list[Cell]] = {entry: [] for entry in entries}
    null_cells: list[Cell] = []
    for metric in metrics:
        is_geometric = all_positive(runs[metric].values())
        summaries = {
            entry: _summarize(metric, runs[metric].get(entry), is_geometric) for entry in entries
        }
        decimals = _count_decimals(metric, summaries)
        leader = None if metric in UNRANKED else best(table, dataset, metric)
        marked = leader.method if leader and leader.significant else None
        null_range = null_ranges.get(stem(metric))
        heads += _heads(metric, _KINDS[is_geometric])
        for statistic in _MAIN[metric]:
            for entry in entries:
                is_marked = entry == marked
                cells[entry].append(
                    _cell(summaries[entry], statistic, decimals, null_range, is_marked)
                )
            null_cells.append(Cell(_format_null(null_range, statistic, decimals)))
    rows = [
        _row(table, dataset, entry, method_info, num_seeds.get(entry, 0), cells[entry])
        for entry in entries
    ]
    return Results(
        heads,
        [row for row in rows if role(row.method) is None],
        [row for row in rows if role(row.method) is not None],
        Row("null range", "two target samples", "", null_cells) if null_ranges else None,
    )


def _heads(metric: str, kind: str) -> list[Head]:
    info = metric_info(metric)
    name = info.label.replace("_", " ")
    if metric in KL_PARTS:
        span = len(KL_PARTS) if metric == next(iter(KL_PARTS)) else 0
        label = KL_PARTS[metric].removesuffix(" KL")
        return [Head("KL decomposition (medians)", label, info.description, span)]
    group = f"{name}, {info.unit}" if info.unit and info.unit != "data units" else name
    statistics = _MAIN[metric]
    spans = [len(statistics)] + [0] * (len(statistics) - 1)
    return [
        Head(group, _LABELS[statistic].format(kind=kind), info.description, span)
        for statistic, span in zip(statistics, spans, strict=True)
    ]


def _summarize(metric: str, values: pd.Series | None, is_geometric: bool) -> Summary:
    """Summarize a metric over seeds; the cost of a diverged run is unknown, not the worst."""
    if values is None:
        return summary(())
    return summary(
        values.dropna() if metric in COSTS else values,
        is_geometric=is_geometric,
        higher_is_better=metric_info(metric).higher_is_better,
    )


def _count_decimals(metric: str, summaries: Mapping[str, Summary]) -> int:
    if metric in COSTS:
        return 1 if metric.endswith("seconds") else 0
    medians = [stats.median for stats in summaries.values()]
    return count_decimals(medians, significant_digits(metric))


def _cell(
    stats: Summary,
    statistic: str,
    decimals: int,
    null_range: Mapping[str, Any] | None = None,
    is_marked: bool = False,
) -> Cell:
    if stats.n == 0:
        return Cell(DASH)
    if statistic == "mean":
        interval = format_interval(stats.low, stats.high, decimals)
        text = f"{format_number(stats.mean, decimals)} {interval}".strip()
        return Cell(text, sortable(stats.mean), "mean")
    value = stats.median if statistic == "median" else stats.worst
    kinds = [statistic]
    titles = []
    if is_marked and statistic == "median":
        kinds.append("best")
        titles.append("lowest, significantly lower than the runner-up (unadjusted)")
    if null_range and statistic == "median" and value <= null_range["high"]:
        kinds.append("within-null")
        titles.append("not above the null range")
    if math.isinf(value):
        kinds.append("diverged")
    text = format_number(value, decimals, pad=True)
    return Cell(text, sortable(value), " ".join(kinds), "; ".join(titles))


def _format_null(null_range: Mapping[str, Any] | None, statistic: str, decimals: int) -> str:
    """Format the mean of a null range below medians, its 95% range below means."""
    if not null_range or statistic == "worst":
        return ""
    if statistic == "mean":
        return format_interval(null_range["low"], null_range["high"], decimals)
    return format_number(null_range["mean"], decimals, pad=True)


def _row(
    table: pd.DataFrame,
    dataset: str,
    entry: str,
    method_info: Mapping[str, Any],
    num_seeds: int,
    cells: list[Cell],
) -> Row:
    num_diverged, num_runs = count_diverged(table, dataset, entry)
    notes = []
    if num_diverged:
        notes.append(f"{num_diverged} of {num_runs} diverged")
    if num_runs < num_seeds:
        notes.append(f"{num_runs} of {num_seeds} seeds yet" if num_runs else "not run yet")
    return Row(entry, method_info.get(entry, {}).get("title", entry), "; ".join(notes), cells)


def build_details(
    table: pd.DataFrame, dataset: str, entries: Sequence[str], null_ranges: Mapping[str, Any]
) -> tuple[list[Cell], list[list[Cell]]]:
    """Build heads and rows of every metric: one row per metric and configuration.

    With a single seed: one row per configuration, one column per metric.
    """
    selected = select_rows(table, dataset=dataset)
    measured = sorted(list_unique(selected, "metric"))
    summaries: dict[str, dict[str, Summary]] = {}
    for metric in dict.fromkeys([*_ORDER, *measured]):
        runs = final_values(table, dataset, metric)
        if runs:
            kind = all_positive(runs.values())
            summaries[metric] = {e: _summarize(metric, runs[e], kind) for e in entries if e in runs}
    if count_unique(selected, "seed") == 1:
        return _of_one_seed(summaries, null_ranges)
    rows = []
    for metric, by_entry in summaries.items():
        null_range = null_ranges.get(stem(metric))
        decimals = count_decimals([stats.median for stats in by_entry.values()], 3, 6)
        rows += [
            _details(metric, entry, stats, null_range, decimals)
            for entry, stats in by_entry.items()
        ]
    return [Cell(name) for name in _DETAILS], rows


def _details(
    metric: str,
    entry: str,
    stats: Summary,
    null_range: Mapping[str, Any] | None,
    decimals: int,
) -> list[Cell]:
    null = [_format_null(null_range, statistic, decimals) for statistic in ("median", "mean")]
    return [
        Cell(metric, title=metric_info(metric).description),
        Cell(entry),
        Cell(str(stats.n), stats.n),
        Cell(str(stats.diverged) if stats.diverged else "", stats.diverged),
        _cell(stats, "median", decimals),
        Cell(format_interval(stats.median_low, stats.median_high, decimals), kind="mean"),
        Cell(format_number(stats.mean, decimals, pad=True), stats.mean),
        Cell(_KINDS[stats.is_geometric]),
        Cell(format_interval(stats.low, stats.high, decimals), kind="mean"),
        _cell(stats, "worst", decimals),
        Cell(" ".join(null).strip(), kind="mean"),
    ]


def _of_one_seed(
    summaries: Mapping[str, Mapping[str, Summary]], null_ranges: Mapping[str, Any]
) -> tuple[list[Cell], list[list[Cell]]]:
    heads = [Cell("method")]
    columns = []
    for metric, by_entry in summaries.items():
        decimals = count_decimals([stats.median for stats in by_entry.values()], 3, 6)
        null = _format_null(null_ranges.get(stem(metric)), "mean", decimals)
        description = metric_info(metric).description + (f" Null range: {null}." if null else "")
        heads.append(Cell(metric.replace("_", " "), title=description))
        columns.append({e: _cell(stats, "median", decimals) for e, stats in by_entry.items()})
    entries = dict.fromkeys(entry for by_entry in summaries.values() for entry in by_entry)
    missing = Cell(DASH)
    rows = [[Cell(e), *(column.get(e, missing) for column in columns)] for e in entries]
    return heads, [[cell._replace(kind="") for cell in row] for row in rows]
