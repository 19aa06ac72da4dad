"""The report's tables as plain rows of text: the template only sets them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ebmark.report.page._numbers import DASH, decimals, digits, interval, number
from ebmark.report.page._sentences import diverged
from ebmark.statistics import Summary, best, final_values, role, summary
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
_PARTS = ("kl_off_support", "kl_mode_weights", "kl_within_mode")
# where no density is on a grid; else in details alone
_WITHOUT_GRID = {
    "nll",
    "w2_langevin",
    "sliced_w2_langevin",
    "mmd_sq_langevin",
    "mode_frequency_tv_langevin",
}
_ORDER = [*_MAIN, "w2_exact", "sliced_w2_exact", "mode_weight_tv", "log_z"]
_ORDER += ["log_z_error", "log_z_gap"]
_LABELS = {"median": "median", "mean": "mean [95 %]", "worst": "worst"}
_DETAILS = ["metric", "method", "seeds", "diverged", "median", "95 % of the median", "mean"]
_DETAILS += ["95 % of the mean", "worst", "floor"]
LAST = 1e300  # where what diverged, or is not known, is sorted


class Head(NamedTuple):
    """A column: its group, its label, the metric in one line, and how many the group spans."""

    group: str
    label: str
    says: str
    span: int  # 0 where the group has begun before


class Cell(NamedTuple):
    """A number as text, as a value to sort by, its classes, and what to say of it."""

    text: str
    value: float | None = None
    kind: str = ""
    title: str = ""

    @property
    def order(self) -> str | None:
        """What to sort by where the text itself is no number: a page has many cells."""
        if self.value is None:
            return None
        try:
            float(self.text)
        except ValueError:
            return f"{self.value:.6g}"
        return None


def sortable(value: float) -> float:
    """What to sort a number by: beyond all others where it is not finite."""
    return value if math.isfinite(value) else -LAST if value < 0 else LAST


class Row(NamedTuple):
    """A method's cells; what the method is, what became of its runs."""

    method: str
    title: str
    note: str
    cells: list[Cell]


class Table(NamedTuple):
    """Methods, and apart from them the oracles, the anchors and the floor."""

    heads: list[Head]
    methods: list[Row]
    apart: list[Row]
    floor: Row | None


def main(
    table: pd.DataFrame,
    dataset: str,
    methods: Sequence[str],
    about: Mapping[str, Any],
    null_ranges: Mapping[str, Any],
    seeds: Mapping[str, int],
) -> Table:
    """A row a method, the metrics that matter; the best is marked where it is told apart."""
    runs = {metric: final_values(table, dataset, metric) for metric in _MAIN}
    shown = [m for m in _MAIN if runs[m] and not (runs["kl_off_support"] and m in _WITHOUT_GRID)]
    heads: list[Head] = []
    cells: dict[str, list[Cell]] = {method: [] for method in methods}
    below: list[Cell] = []
    for metric in shown:
        sums = {method: _summary(metric, runs[metric].get(method)) for method in methods}
        places = _places(metric, sums)
        leader = None if metric in UNRANKED else best(table, dataset, metric)
        marked = leader.method if leader and leader.significant else None
        floor = null_ranges.get(stem(metric))
        heads += _heads(metric)
        for which in _MAIN[metric]:
            for method in methods:
                found = _cell(sums[method], which, places, floor, method == marked)
                cells[method].append(found)
            below.append(Cell(_floor(floor, which, places)))
    rows = [_row(table, dataset, m, about, seeds.get(m, 0), cells[m]) for m in methods]
    return Table(
        heads,
        [row for row in rows if role(row.method) is None],
        [row for row in rows if role(row.method)],
        Row("floor", "truth against truth", "", below) if null_ranges else None,
    )


def _heads(metric: str) -> list[Head]:
    info = metric_info(metric)
    if metric in _PARTS:
        span = len(_PARTS) if metric == _PARTS[0] else 0
        return [Head("made of (medians)", info.label, info.description, span)]
    group = info.label if info.unit == "data units" else info.label_with_unit
    which = _MAIN[metric]
    spans = [len(which)] + [0] * (len(which) - 1)
    labels = [_LABELS[statistic] for statistic in which]
    return [
        Head(group, label, info.description, span)
        for label, span in zip(labels, spans, strict=True)
    ]


def _summary(metric: str, runs: pd.Series | None) -> Summary:
    """A metric over seeds. What a diverged run cost is not known, and not the worst."""
    runs = pd.Series(dtype=float) if runs is None else runs
    return summary(runs.dropna() if metric in COSTS else runs)


def _places(metric: str, sums: Mapping[str, Summary]) -> int:
    if metric in COSTS:
        return 1 if metric.endswith("seconds") else 0
    return decimals([s.median for s in sums.values()], digits(metric))


def _cell(
    s: Summary, which: str, places: int, floor: Mapping[str, Any] | None, marked: bool
) -> Cell:
    if s.n == 0:
        return Cell(DASH)
    if which == "mean":
        text = f"{number(s.mean, places)} {interval(s.low, s.high, places)}".strip()
        return Cell(text, sortable(s.mean), "mean")
    value = s.median if which == "median" else s.worst
    kinds, titles = [which], []
    if marked and which == "median":
        kinds.append("best")
        titles.append("lowest, and told apart from the next")
    if floor and which == "median" and value <= floor["high"]:
        kinds.append("floored")
        titles.append("not above the floor\u2019s 95 % range")
    if math.isinf(value):
        kinds.append("lost")
    return Cell(
        number(value, places, pad=True), sortable(value), " ".join(kinds), "; ".join(titles)
    )


def _floor(floor: Mapping[str, Any] | None, which: str, places: int) -> str:
    if not floor or which == "worst":
        return ""
    if which == "mean":
        return interval(floor["low"], floor["high"], places)
    return number(floor["mean"], places, pad=True)


def _row(
    table: pd.DataFrame,
    dataset: str,
    method: str,
    about: Mapping[str, Any],
    seeds: int,
    cells: list[Cell],
) -> Row:
    lost, of = diverged(table, dataset, method)
    notes = [f"{lost} of {of} diverged"] if lost else []
    if of < seeds:
        notes.append(f"{of} of {seeds} seeds yet" if of else "not run yet")
    return Row(method, about.get(method, {}).get("title", method), "; ".join(notes), cells)


def details(
    table: pd.DataFrame, dataset: str, methods: Sequence[str], null_ranges: Mapping[str, Any]
) -> tuple[list[Cell], list[list[Cell]]]:
    """Heads, and everything over seeds: a row for each metric and method.

    Of one seed there is a number each: a row a method, a column a metric.
    """
    here = table[table["dataset"] == dataset]
    measured, runs = sorted(here["metric"].unique()), {}
    for metric in dict.fromkeys([*_ORDER, *measured]):
        found = final_values(table, dataset, metric)
        if found:
            runs[metric] = {m: _summary(metric, found[m]) for m in methods if m in found}
    if here["seed"].nunique() == 1:
        return _of_one_seed(runs, null_ranges)
    rows = []
    for metric, sums in runs.items():
        places = decimals([s.median for s in sums.values()], 3, 6)
        floor = null_ranges.get(stem(metric))
        truth = [_floor(floor, which, places) for which in ("median", "mean")]
        for method, s in sums.items():
            rows.append(
                [
                    Cell(metric, title=metric_info(metric).description),
                    Cell(method),
                    Cell(str(s.n), s.n),
                    Cell(str(s.diverged) if s.diverged else "", s.diverged),
                    _cell(s, "median", places, None, False),
                    Cell(interval(s.median_low, s.median_high, places), kind="mean"),
                    Cell(number(s.mean, places, pad=True), s.mean),
                    Cell(interval(s.low, s.high, places), kind="mean"),
                    _cell(s, "worst", places, None, False),
                    Cell(" ".join(truth).strip(), kind="mean"),
                ]
            )
    return [Cell(name) for name in _DETAILS], rows


def _of_one_seed(
    runs: Mapping[str, Mapping[str, Summary]], null_ranges: Mapping[str, Any]
) -> tuple[list[Cell], list[list[Cell]]]:
    heads, columns = [Cell("method")], []
    for metric, sums in runs.items():
        places = decimals([s.median for s in sums.values()], 3, 6)
        floor = _floor(null_ranges.get(stem(metric)), "mean", places)
        says = metric_info(metric).description + (f" Floor: {floor}." if floor else "")
        heads.append(Cell(metric.replace("_", " "), title=says))
        columns.append({m: _cell(s, "median", places, None, False) for m, s in sums.items()})
    names = dict.fromkeys(method for sums in runs.values() for method in sums)
    rows = [[Cell(m), *(column.get(m, Cell(DASH)) for column in columns)] for m in names]
    return heads, [[cell._replace(kind="") for cell in row] for row in rows]


def flat(nested: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """A nested recipe as one level: method.steps = 10."""
    found: dict[str, str] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}.")
        elif type(value) is int:
            found[above + name] = f"{value:,}"
        else:
            text = f"{value:g}" if isinstance(value, float) else str(value)
            found[above + name] = "auto" if value is None else text
    return found


def recipes(
    nested: Mapping[str, Mapping[str, Any]],
) -> tuple[list[str], list[tuple[str, list[str], str]]]:
    """What all recipes have as columns, what is each one's own as text."""
    flats = {name: flat(recipe) for name, recipe in nested.items()}
    first = next(iter(flats.values()), {})
    common = [key for key in first if all(key in one for one in flats.values())]
    rows = []
    for name, one in flats.items():
        own = [f"{key.rpartition('.')[2]} {one[key]}" for key in one if key not in common]
        rows.append((name, [one[key] for key in common], ", ".join(own)))
    return common, rows
