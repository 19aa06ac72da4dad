"""A study's results as a table for a paper: one metric, a row an entry, a column a dataset."""

import csv
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ebmark.errors import UserError, unknown
from ebmark.report import markdown
from ebmark.statistics import Summary, best, final_values, role, summary
from ebmark.store.metric_info import UNRANKED, metric_info, stem
from ebmark.store.schema import load_study
from ebmark.store.table import current, with_entries

FORMS = ("markdown", "latex", "csv")
STATISTICS = ("mean", "median")
_TEX = {"_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
_TEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


class Value(NamedTuple):
    """A number over seeds, its 95 % interval, its runs, and whether it is told apart as lowest."""

    value: float
    low: float
    high: float
    seeds: int
    diverged: int
    best: bool


class PaperTable(NamedTuple):
    """Columns are datasets; a row is an entry and its values, None where it was not run."""

    metric: str
    statistic: str
    datasets: list[str]
    rows: list[tuple[str, list[Value | None]]]
    null_ranges: list[tuple[float, float] | None]  # the 95 % range of two samples of the truth


def paper_table(folder: Path, metric: str, statistic: str = "mean") -> PaperTable:
    """The table of a folder that `ebmark run` wrote.

    The mean is geometric, over the runs that ended, its interval by t on the logarithm; the median
    is that of all runs, one that diverged counting as the worst. Raises UserError where the metric
    was not measured, or no such statistic is known.
    """
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    study = load_study(folder)
    study, table = with_entries(study, current(folder, study)[0])
    measured = sorted(set(table["metric"]))
    if metric not in measured:
        raise unknown("metric", metric, measured)
    here = set(table["dataset"])
    runs = {d: final_values(table, d, metric) for d in study["datasets"] if d in here}
    runs = {dataset: one for dataset, one in runs.items() if one}
    if not runs:
        raise UserError(f"{folder}: no run that ended has {metric}")
    entries = dict.fromkeys(cell["method"] for cell in study["runs"].values())
    order = sorted(entries, key=lambda entry: role(entry) is not None)  # oracles, anchors last
    marked = {dataset: _told_apart(table, dataset, metric) for dataset in runs}
    rows = [
        (entry, [_value(runs[d].get(entry), statistic, entry in marked[d]) for d in runs])
        for entry in order
        if any(entry in one for one in runs.values())
    ]
    return PaperTable(metric, statistic, list(runs), rows, _floors(study, list(runs), metric))


def _value(runs: pd.Series | None, statistic: str, marked: bool) -> Value | None:
    if runs is None or not len(runs):
        return None
    s: Summary = summary(runs)
    three = (s.mean, s.low, s.high)
    if statistic == "median":
        three = (s.median, s.median_low, s.median_high)
    return Value(*three, s.n, s.diverged, marked)


def _told_apart(table: pd.DataFrame, dataset: str, metric: str) -> set[str]:
    """The lowest where it is told apart from the next, and who else has the very same runs."""
    first = None if metric in UNRANKED else best(table, dataset, metric)
    if first is None or not first.significant:
        return set()
    runs = final_values(table, dataset, metric)
    return {entry for entry, one in runs.items() if one.equals(runs[first.method])}


def _floors(
    study: Mapping[str, Any], datasets: Sequence[str], metric: str
) -> list[tuple[float, float] | None]:
    found = [study["null_ranges"].get(dataset, {}).get(stem(metric)) for dataset in datasets]
    return [None if floor is None else (floor["low"], floor["high"]) for floor in found]


def written(table: PaperTable, form: str, digits: int = 3) -> str:
    """The table as Markdown, LaTeX (booktabs) or CSV, with so many significant digits."""
    if not 1 <= digits <= 15:
        raise UserError(f"--digits {digits}: 1 to 15 significant digits")
    if form not in FORMS:
        raise unknown("form", form, FORMS)
    if form == "csv":
        return _csv(table)
    return _markdown(table, digits) if form == "markdown" else _latex(table, digits)


def says(table: PaperTable) -> str:
    """The caption: what the numbers are, over how many seeds."""
    values = [value for _, row in table.rows for value in row if value]
    low, high = min(v.seeds for v in values), max(v.seeds for v in values)
    seeds = f"{high} seeds" if low == high else f"{low} to {high} seeds"
    positive = all(v.value > 0 for v in values if math.isfinite(v.value))
    words = {"mean": "geometric mean" if positive else "mean", "median": "median"}[table.statistic]
    how = " by t on the logarithm" if table.statistic == "mean" and positive else ""
    bold = "; bold: lowest and told apart from the next (signed-rank test on the seeds, p < .05)"
    lost = "; (k): k runs diverged" if any(v.diverged for v in values) else ""
    name = metric_info(table.metric).label_with_unit
    if high == 1:
        return f"{name}: one seed{lost}."
    return (
        f"{name}: {words} over {seeds} "
        f"with its 95 % interval{how}{bold if any(v.best for v in values) else ''}{lost}."
    )


def number(value: float, digits: int) -> str:
    """So many significant digits, without the zero before the point: .0117, 1.32, 26.6."""
    if not math.isfinite(value):
        return "diverged" if math.isinf(value) else "-"
    size = math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:.{max(0, digits - 1 - size)}f}"
    return re.sub(r"^(-?)0\.", r"\1.", text)


def _text(value: Value | None, digits: int, bold: str) -> str:
    if value is None:
        return ""
    text = number(value.value, digits)
    text = bold.format(text) if value.best else text
    if math.isfinite(value.low) and math.isfinite(value.high):
        text += f" [{number(value.low, digits)}, {number(value.high, digits)}]"
    return text + (f" ({value.diverged})" if value.diverged else "")


def _cells(
    table: PaperTable, digits: int, bold: str, escape: Callable[[str], str]
) -> list[list[str]]:
    """The heading and all rows; only names are in want of `escape`."""
    rows = [["", *map(escape, table.datasets)]]
    for entry, values in table.rows:
        name = f"{entry} ({role(entry)})" if role(entry) else entry
        rows.append([escape(name), *(_text(value, digits, bold) for value in values)])
    if any(table.null_ranges):
        ranges = [
            f"{number(one[0], digits)} to {number(one[1], digits)}" if one else ""
            for one in table.null_ranges
        ]
        rows.append(["truth against truth", *ranges])
    return rows


def _markdown(table: PaperTable, digits: int) -> str:
    heads, *rows = _cells(table, digits, "**{}**", markdown.escaped)
    return "\n".join([*markdown.table(heads, rows), "", says(table), ""])


def _latex(table: PaperTable, digits: int) -> str:
    heads, *rows = (
        " & ".join(cells) + r" \\" for cells in _cells(table, digits, r"\textbf{{{}}}", _tex)
    )
    lines = [
        r"\begin{tabular}{l" + "l" * len(table.datasets) + "}",
        r"\toprule",
        heads,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        f"% {says(table)}",
    ]
    return "\n".join([*lines, ""])


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def _csv(table: PaperTable) -> str:
    """A row an entry and dataset, numbers in full."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["entry", "dataset", table.metric, "low", "high", "seeds", "diverged", "best"])
    for entry, values in table.rows:
        for dataset, value in zip(table.datasets, values, strict=True):
            if value is not None:
                rows.writerow([entry, dataset, *value])
    return out.getvalue()
