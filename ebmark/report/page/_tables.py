"""Results tables of a dataset: the main one, and every metric in detail."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ebmark.report.page._cells import Cell
from ebmark.report.page._diagnostics import KL_PARTS, count_diverged, count_unresolved
from ebmark.report.page._numbers import DASH, count_decimals, format_interval, format_number
from ebmark.report.page._result_cells import (
    build_cell,
    count_column_decimals,
    describe_null,
    find_mark,
    format_null,
    summarize_runs,
)
from ebmark.report.page._rows import count_unique, list_unique, select_rows
from ebmark.statistics import Summary, all_positive, final_values, role
from ebmark.store.metric_info import metric_info, stem
from ebmark.store.units import DATA_UNITS

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
_DETAILS = [
    "metric",
    "method",
    "seeds",
    "diverged or unresolved",
    "median",
    "95% CI of the median",
    "mean",
]
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
    unit: str = DATA_UNITS,
) -> Results:
    """Build the main table of a dataset.

    Args:
        table: The results, with configurations for methods.
        dataset: The dataset.
        entries: Its configurations, one row each.
        method_info: Method -> its title.
        null_ranges: Metric -> its null range on this dataset.
        num_seeds: Configuration -> number of planned seeds.
        unit: Unit of distances.

    Returns:
        The table; the best median is marked if it is significantly better than the runner-up, and
        every median whose seeds are not significantly worse than the null.
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
            entry: summarize_runs(metric, runs[metric].get(entry), is_geometric)
            for entry in entries
        }
        decimals = count_column_decimals(metric, summaries)
        marked = find_mark(table, dataset, metric)
        null_range = null_ranges.get(stem(metric))
        nulls = {
            entry: describe_null(metric, runs[metric].get(entry, ()), null_range)
            for entry in entries
        }
        heads += _heads(metric, _KINDS[is_geometric], unit)
        for statistic in _MAIN[metric]:
            for entry in entries:
                cells[entry].append(
                    build_cell(
                        summaries[entry],
                        statistic,
                        decimals,
                        null=nulls[entry],
                        mark=marked.get(entry, ""),
                    )
                )
            null_cells.append(Cell(format_null(null_range, statistic, decimals)))
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


def _heads(metric: str, kind: str, unit: str) -> list[Head]:
    info = metric_info(metric, unit)
    name = info.label.replace("_", " ")
    if metric in KL_PARTS:
        span = len(KL_PARTS) if metric == next(iter(KL_PARTS)) else 0
        label = KL_PARTS[metric].removesuffix(" KL")
        return [Head("KL decomposition (medians)", label, info.description, span)]
    group = f"{name}, {info.unit}" if info.unit and info.unit != DATA_UNITS else name
    statistics = _MAIN[metric]
    spans = [len(statistics)] + [0] * (len(statistics) - 1)
    return [
        Head(group, _LABELS[statistic].format(kind=kind), info.description, span)
        for statistic, span in zip(statistics, spans, strict=True)
    ]


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
    if num_unresolved := count_unresolved(table, dataset, entry):
        notes.append(f"{num_unresolved} of {num_runs} unresolved")
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
            summaries[metric] = {
                e: summarize_runs(metric, runs[e], kind) for e in entries if e in runs
            }
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
    null = [format_null(null_range, statistic, decimals) for statistic in ("median", "mean")]
    return [
        Cell(metric, title=metric_info(metric).description),
        Cell(entry),
        Cell(str(stats.n), stats.n),
        Cell(str(stats.diverged) if stats.diverged else "", stats.diverged),
        build_cell(stats, "median", decimals),
        Cell(format_interval(stats.median_low, stats.median_high, decimals), kind="mean"),
        Cell(format_number(stats.mean, decimals, pad=True), stats.mean),
        Cell(_KINDS[stats.is_geometric]),
        Cell(format_interval(stats.low, stats.high, decimals), kind="mean"),
        build_cell(stats, "worst", decimals),
        Cell(" ".join(null).strip(), kind="mean"),
    ]


def _of_one_seed(
    summaries: Mapping[str, Mapping[str, Summary]], null_ranges: Mapping[str, Any]
) -> tuple[list[Cell], list[list[Cell]]]:
    heads = [Cell("method")]
    columns = []
    for metric, by_entry in summaries.items():
        decimals = count_decimals([stats.median for stats in by_entry.values()], 3, 6)
        null = format_null(null_ranges.get(stem(metric)), "mean", decimals)
        description = metric_info(metric).description + (f" Null range: {null}." if null else "")
        heads.append(Cell(metric.replace("_", " "), title=description))
        columns.append({e: build_cell(stats, "median", decimals) for e, stats in by_entry.items()})
    entries = dict.fromkeys(entry for by_entry in summaries.values() for entry in by_entry)
    missing = Cell(DASH)
    rows = [[Cell(e), *(column.get(e, missing) for column in columns)] for e in entries]
    return heads, [[cell._replace(kind="") for cell in row] for row in rows]
