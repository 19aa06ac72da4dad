"""The report's tables as plain rows of text: the template only sets them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ebmark.report._words import COSTS, UNRANKED, decimals, diverged, interval, meaning, number
from ebmark.statistics import ORACLES, Summary, best, final, summary

# (metric, which numbers of it); the first metric there is heads the table
_MAIN = [
    ("kl", ("median", "mean", "worst")),
    ("leak", ("median",)),
    ("masses", ("median",)),
    ("shapes", ("median",)),
    ("tv", ("median",)),
    ("nll", ("median",)),
    ("w1_exact", ("median",)),
    ("w1_langevin", ("median", "mean", "worst")),
    ("w2_langevin", ("median",)),
    ("sliced_w2_langevin", ("median",)),
    ("mmd_langevin", ("median",)),
    ("train_cpu_seconds", ("median",)),
    ("evaluations", ("median",)),
]
_PARTS = ("leak", "masses", "shapes")
_DENSITY_SHOWS = {"nll", "w2_langevin", "sliced_w2_langevin", "mmd_langevin"}  # left to the full table where there is KL
_ORDER = [m for m, _ in _MAIN] + ["w2_exact", "sliced_w2_exact", "mode_tv", "log_z", "log_z_error"]


class Head(NamedTuple):
    """A column: the metric above it, what it holds, and the metric in one line."""

    group: str
    label: str
    says: str
    span: int  # columns of its group; 0 where the group has begun before


class Cell(NamedTuple):
    """A number as text, as a value to sort by, and what to say of it."""

    text: str
    value: float | None = None
    kind: str = ""
    title: str = ""


class Row(NamedTuple):
    method: str
    title: str
    note: str
    cells: list[Cell]


class Table(NamedTuple):
    heads: list[Head]
    methods: list[Row]
    oracles: list[Row]
    floor: Row | None


def main(table: pd.DataFrame, dataset: str, methods: Sequence[str], about: Mapping[str, Any], floors: Mapping[str, Any], seeds: int) -> Table:
    """A row a method: the metrics that matter, the best marked where it is told apart, oracles and floor apart."""
    runs = {metric: final(table, dataset, metric) for metric, _ in _MAIN}
    columns = [(m, which) for m, which in _MAIN if runs[m] and not (runs["kl"] and m in _DENSITY_SHOWS)]
    heads, rows = [], {method: [] for method in methods}
    floor_cells: list[Cell] = []
    for metric, which in columns:
        says, sums = meaning(metric), {m: summarised(metric, runs[metric].get(m)) for m in methods}
        places = decimals([abs(s.median) for s in sums.values()], 3 if metric.startswith("w") else 2)
        places = 1 if metric in COSTS else places
        leader = None if metric in UNRANKED else best(table, dataset, metric)
        floor = floors.get(metric.rpartition("_")[0])
        group = says.name + (f", {says.unit}" if says.unit and says.unit != "data units" else "")
        labels = {"median": "median", "mean": "mean [95 %]", "worst": "worst"}
        if metric in _PARTS:
            heads.append(Head("made of (medians)", says.name, says.says, len(_PARTS) if metric == _PARTS[0] else 0))
        else:
            heads += [Head(group, labels[one], says.says, 0 if i else len(which)) for i, one in enumerate(which)]
        for method in methods:
            for one in which:
                marked = leader is not None and leader.significant and leader.method == method and one == "median"
                rows[method].append(_cell(sums[method], one, places, floor, marked))
        floor_cells += [Cell(_floor(floor, one, places)) for one in which]
    made = [_row(table, dataset, method, about, seeds, rows[method]) for method in methods]
    return Table(
        heads,
        [row for row in made if row.method not in ORACLES],
        [row for row in made if row.method in ORACLES],
        Row("floor", "truth against truth", "", floor_cells) if floors else None,
    )


def summarised(metric: str, runs: pd.Series | None) -> Summary:
    """A metric's summary; what a diverged run cost is not known, and not the worst."""
    runs = pd.Series(dtype=float) if runs is None else runs
    return summary(runs.dropna() if metric in COSTS else runs)


def _cell(s: Summary, which: str, places: int, floor: Mapping[str, Any] | None, best_of_all: bool) -> Cell:
    if s.n == 0:
        return Cell("\u2013")
    if which == "mean":
        text = " ".join(filter(None, (number(s.mean, places), interval(s.low, s.high, places))))
        return Cell(text, s.mean if math.isfinite(s.mean) else None, "mean")
    value = s.median if which == "median" else s.worst
    kinds, titles = [which], []
    if best_of_all:
        kinds.append("best")
        titles.append("lowest, and told apart from the next")
    if floor and which == "median" and value <= floor["high"]:
        kinds.append("floored")
        titles.append("not above the floor\u2019s 95 % range")
    if math.isinf(value):
        kinds.append("lost")
    return Cell(number(value, places, pad=True), value if math.isfinite(value) else 1e300, " ".join(kinds), "; ".join(titles))


def _floor(floor: Mapping[str, Any] | None, which: str, places: int) -> str:
    if not floor or which == "worst":
        return ""
    return number(floor["mean"], places, pad=True) if which == "median" else interval(floor["low"], floor["high"], places)


def _row(table: pd.DataFrame, dataset: str, method: str, about: Mapping[str, Any], seeds: int, cells: list[Cell]) -> Row:
    lost, of = diverged(table, dataset, method)
    notes = [f"{lost} of {of} diverged"] if lost else []
    if of < seeds:
        notes.append(f"{of} of {seeds} seeds yet" if of else "not run yet")
    return Row(method, about.get(method, {}).get("title", method), "; ".join(notes), cells)


def details(table: pd.DataFrame, dataset: str, methods: Sequence[str], floors: Mapping[str, Any]) -> list[list[Cell]]:
    """Everything over seeds, a row for each metric and method."""
    known = list(dict.fromkeys([*_ORDER, *sorted(table.loc[table["dataset"] == dataset, "metric"].unique())]))
    rows = []
    for metric in known:
        runs = final(table, dataset, metric)
        if not runs:
            continue
        says, sums = meaning(metric), {m: summarised(metric, runs.get(m)) for m in methods}
        places = decimals((abs(s.median) for s in sums.values()), 3, 6)
        floor = floors.get(metric.removesuffix("_exact").removesuffix("_langevin"))
        for method in methods:
            s = sums[method]
            if s.n == 0:
                continue
            numbers = [s.median, s.mean, s.worst]
            shown = [Cell(number(v, places, pad=True), v if math.isfinite(v) else 1e300) for v in numbers]
            between = [
                Cell(interval(s.median_low, s.median_high, places), kind="mean"),
                Cell(interval(s.low, s.high, places), kind="mean"),
            ]
            truth = f"{number(floor['mean'], places)} {interval(floor['low'], floor['high'], places)}" if floor else ""
            counts = [Cell(str(s.n), s.n), Cell(str(s.diverged) if s.diverged else "", s.diverged)]
            name = Cell(metric, title=says.says)
            rows.append([name, Cell(method), *counts, shown[0], between[0], shown[1], between[1], shown[2], Cell(truth, kind="mean")])
    return rows


def flat(nested: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """A nested recipe as one level: method.steps = 10."""
    found: dict[str, str] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}.")
        else:
            found[above + name] = f"{value:,}" if type(value) is int else f"{value:g}" if isinstance(value, float) else str(value)
    return found


def recipes(nested: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[tuple[str, list[str], str]]]:
    """What all recipes have as columns, what is each one's own as text."""
    flats = {name: flat(recipe) for name, recipe in nested.items()}
    common = [key for key in next(iter(flats.values()), {}) if all(key in one for one in flats.values())]
    rows = []
    for name, one in flats.items():
        own = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in one.items() if key not in common)
        rows.append((name, [one[key] for key in common], own))
    return common, rows
