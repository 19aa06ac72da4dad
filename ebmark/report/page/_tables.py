"""The table of all configurations on all datasets: main columns first, all others on demand."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from ebmark.report.page._cells import LAST, Cell, sortable
from ebmark.report.page._diagnostics import KL_PARTS, count_diverged, count_unresolved
from ebmark.report.page._numbers import DASH, format_brief, format_interval
from ebmark.report.page._result_cells import (
    build_cell,
    count_column_decimals,
    describe_null,
    find_mark,
    format_null,
    summarize_runs,
)
from ebmark.report.page._rows import list_unique
from ebmark.statistics import all_positive, final_values, role, summary
from ebmark.store.metric_info import metric_info, stem
from ebmark.store.units import DATA_UNITS

_DECIDING = ("kl", "nll")  # the first that was measured comes first, with its interval
_MAIN = ("kl_lower", "kl_upper", "w1_langevin", "train_cpu_seconds")
_FULL = {"kl", "nll", "w1_langevin"}  # with mean, interval and worst value
_ORDER = ["kl", "nll", *_MAIN, *KL_PARTS, "tv", "w1_exact", "w1_native", "network_evaluations"]
_KINDS = {True: "geometric", False: "arithmetic"}

Runs = dict[str, dict[str, pd.Series]]  # dataset -> configuration -> values by seed


class Head(NamedTuple):
    """Head of a column: its label, the metric it defines, and whether it is shown at first."""

    label: str
    metric: str
    is_main: bool


class Row(NamedTuple):
    """A configuration on a dataset: a note on its runs, its kind, and its cells.

    The kind is empty for methods, `role` for oracle and baselines, and `null` for the null range.
    """

    dataset: str
    method: str
    title: str
    note: str
    kind: str
    cells: list[Cell]


class Results(NamedTuple):
    """Heads and rows of the table."""

    heads: list[Head]
    rows: list[Row]


class Column(NamedTuple):
    """A column: its head, and the cells by dataset and configuration; None is the null range."""

    head: Head
    cells: dict[tuple[str, str | None], Cell]

    @property
    def missing(self) -> Cell:
        """The cell of a configuration without the metric."""
        return Cell(DASH, LAST, "" if self.head.is_main else "more")


def build_results(
    table: pd.DataFrame,
    entries: Mapping[str, Mapping[str, int]],
    method_info: Mapping[str, Any],
    null_ranges: Mapping[str, Mapping[str, Any]],
    unit: str = DATA_UNITS,
) -> Results:
    """Build the table.

    Args:
        table: The results, with configurations for methods.
        entries: Dataset -> configuration -> number of planned seeds.
        method_info: Method -> its title.
        null_ranges: Dataset -> metric -> its null range.
        unit: Unit of distances.

    Returns:
        The table; the best median is marked if it is significantly better than the runner-up, and
        every median whose seeds are not significantly worse than the null.
    """
    measured = list_unique(table, "metric")
    order = [metric for metric in dict.fromkeys([*_ORDER, *sorted(measured)]) if metric in measured]
    runs = {m: {name: final_values(table, name, m) for name in entries} for m in order}
    order = [metric for metric in order if any(runs[metric].values())]
    first = next((metric for metric in _DECIDING if metric in order), None)
    columns: list[Column] = []
    for metric in order:
        is_main = metric == first or metric in _MAIN
        columns += _columns(table, metric, runs[metric], null_ranges, unit, is_main)
        if metric == first:
            columns.append(_interval(metric, runs[metric]))
            columns += _of_kl(runs) if metric == "kl" else []
    columns.sort(key=lambda column: not column.head.is_main)
    for column in columns:
        if not column.head.is_main:
            for key, cell in column.cells.items():
                column.cells[key] = cell._replace(kind=f"{cell.kind} more".strip())
    rows = []
    for dataset, planned in entries.items():
        for entry, num_seeds in planned.items():
            cells = [column.cells.get((dataset, entry), column.missing) for column in columns]
            note = _note(table, dataset, entry, num_seeds)
            title = method_info.get(entry, {}).get("title", entry)
            rows.append(Row(dataset, entry, title, note, "role" if role(entry) else "", cells))
        if null_ranges.get(dataset):
            cells = [
                column.cells.get((dataset, None), column.missing._replace(text=""))
                for column in columns
            ]
            rows.append(Row(dataset, "null range", "two target samples", "", "null", cells))
    return Results([column.head for column in columns], rows)


def _columns(
    table: pd.DataFrame,
    metric: str,
    runs: Runs,
    null_ranges: Mapping[str, Mapping[str, Any]],
    unit: str,
    is_main: bool,
) -> list[Column]:
    """The columns of a metric: median, and for some metrics mean and worst value."""
    info = metric_info(metric, unit)
    name = info.label.replace("_", " ").replace("(target ‖ model)", "")
    if info.unit and info.unit != DATA_UNITS:
        name += f", {info.unit}"
    is_geometric = all_positive([values for by in runs.values() for values in by.values()])
    labels = {"median": name}
    if metric in _FULL:
        labels |= {
            "mean": f"{name}: {_KINDS[is_geometric]} mean [95% CI]",
            "worst": f"{name}: worst",
        }
    cells: dict[str, dict[tuple[str, str | None], Cell]] = {label: {} for label in labels}
    for dataset, by_entry in runs.items():
        summaries = {e: summarize_runs(metric, by_entry[e], is_geometric) for e in by_entry}
        decimals = count_column_decimals(metric, summaries)
        marked = find_mark(table, dataset, metric)
        null_range = null_ranges.get(dataset, {}).get(stem(metric))
        for statistic in labels:
            for entry, stats in summaries.items():
                null = describe_null(metric, by_entry[entry], null_range)
                mark = marked.get(entry, "")
                cell = build_cell(stats, statistic, decimals, null=null, mark=mark)
                cells[statistic][dataset, entry] = cell
            cells[statistic][dataset, None] = Cell(format_null(null_range, statistic, decimals))
    return [
        Column(Head(label, stem(metric), is_main and statistic == "median"), cells[statistic])
        for statistic, label in labels.items()
    ]


def _interval(metric: str, runs: Runs) -> Column:
    """The 95% interval of the median."""
    cells: dict[tuple[str, str | None], Cell] = {}
    is_geometric = all_positive([values for by in runs.values() for values in by.values()])
    for dataset, by_entry in runs.items():
        summaries = {e: summarize_runs(metric, by_entry[e], is_geometric) for e in by_entry}
        decimals = count_column_decimals(metric, summaries)
        for entry, stats in summaries.items():
            text = format_interval(stats.median_low, stats.median_high, decimals)
            cells[dataset, entry] = Cell(text, kind="mean")
    return Column(Head("95% CI of the median", metric, True), cells)


def _of_kl(runs: Mapping[str, Runs]) -> list[Column]:
    """KL relative to the oracle, and its largest part by medians over seeds."""
    ratios: dict[tuple[str, str | None], Cell] = {}
    parts: dict[tuple[str, str | None], Cell] = {}
    for dataset, by_entry in runs["kl"].items():
        oracle = summary(by_entry.get("mle", ())).median
        for entry, values in by_entry.items():
            if 0 < oracle < math.inf:
                ratio = summary(values).median / oracle
                text = f"{format_brief(ratio)}" if math.isfinite(ratio) else "diverged"
                ratios[dataset, entry] = Cell(text, sortable(ratio))
            sizes = {
                name: summary(runs[part][dataset].get(entry, ())).median
                for part, name in KL_PARTS.items()
                if part in runs
            }
            finite = {name: size for name, size in sizes.items() if math.isfinite(size)}
            if finite:
                largest = max(finite, key=lambda name: finite[name])
                text = f"{largest.removesuffix(' KL')} ({format_brief(finite[largest])})"
                parts[dataset, entry] = Cell(text)
    columns = {"KL / oracle": ratios, "largest part of KL": parts}
    return [Column(Head(label, "kl", True), cells) for label, cells in columns.items() if cells]


def _note(table: pd.DataFrame, dataset: str, entry: str, num_seeds: int) -> str:
    num_diverged, num_runs = count_diverged(table, dataset, entry)
    notes = []
    if num_diverged:
        notes.append(f"{num_diverged} of {num_runs} diverged")
    if num_unresolved := count_unresolved(table, dataset, entry):
        notes.append(f"{num_unresolved} of {num_runs} unresolved")
    if num_runs < num_seeds:
        notes.append(f"{num_runs} of {num_seeds} seeds yet" if num_runs else "not run yet")
    return "; ".join(notes)
