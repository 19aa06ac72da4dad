"""A study's results as a table for a paper: one metric, configurations by datasets."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ebmark.errors import UserError, unknown
from ebmark.report import markdown
from ebmark.report.marks import MARKS, explain
from ebmark.statistics import LEVEL, all_positive, final_values, other_level, role, summary
from ebmark.store.metric_info import metric_info, stem
from ebmark.store.schema import load_study
from ebmark.store.table import current, with_entries, without_formula
from ebmark.store.units import DATA_UNITS, distance_unit

FORMATS = ("markdown", "latex", "csv")
STATISTICS = ("mean", "median")
_MAX_DIGITS = 15  # significant digits of a float
_TEX = {
    "_": r"\_",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


class Value(NamedTuple):
    """A statistic over seeds.

    Attributes:
        value: mean or median of the metric, in its unit.
        low: lower end of the 95% confidence interval.
        high: upper end.
        seeds: number of runs.
        diverged: number of runs without a value: diverged, or log Z unresolved.
        best: whether it is marked as best on its dataset.
    """

    value: float
    low: float
    high: float
    seeds: int
    diverged: int
    best: bool


class PaperTable(NamedTuple):
    """One metric of a study.

    Attributes:
        metric: its name.
        statistic: `mean` or `median`.
        datasets: the columns.
        rows: configurations and their values by dataset; None where one was not run.
        null_ranges: by dataset, ends and level of the range between two target samples, or None.
        is_geometric: whether all means are geometric, else all are arithmetic.
        unit: unit of distances.
        bold: a key of `MARKS`.
    """

    metric: str
    statistic: str
    datasets: list[str]
    rows: list[tuple[str, list[Value | None]]]
    null_ranges: Sequence[tuple[float, float, float] | None]
    is_geometric: bool = True
    unit: str = DATA_UNITS
    bold: str = "best"


def paper_table(
    folder: Path, metric: str, statistic: str = "mean", *, bold: str = "best"
) -> PaperTable:
    """Return the table of a study.

    The mean is geometric with a t-interval on the log scale if every value of the table is
    positive, else arithmetic. A run that diverged or whose log Z is unresolved counts as the worst
    value: one such run makes the mean infinite, half of them the median. Only the interval of the
    median holds for any distribution over seeds.

    Args:
        folder: the study's folder.
        metric: a metric of `results.csv`.
        statistic: `mean` or `median`.
        bold: a key of `MARKS`: what is marked as best.

    Raises:
        UserError: if the metric was not measured, or the statistic is unknown.
    """
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    if bold not in MARKS:
        raise unknown("mark", bold, MARKS)
    study = load_study(folder)
    study, table = with_entries(study, current(folder, study)[0])
    measured = sorted(set(table["metric"]))
    if metric not in measured:
        raise unknown("metric", metric, measured)
    present = set(table["dataset"])
    runs: dict[str, dict[str, pd.Series]] = {}
    for dataset in study["datasets"]:
        values = final_values(table, dataset, metric) if dataset in present else {}
        if values:
            runs[dataset] = values
    if not runs:
        raise UserError(f"{folder}: no completed run has the metric '{metric}'. Choose another.")
    is_geometric = all_positive(x for values in runs.values() for x in values.values())
    best_entries = MARKS[bold](table, metric, list(runs))
    configurations = dict.fromkeys(run["method"] for run in study["runs"].values())
    rows: list[tuple[str, list[Value | None]]] = []
    # The oracle and the baselines come last.
    for name in sorted(configurations, key=lambda name: role(name) is not None):
        if any(name in values for values in runs.values()):
            values = [
                _value(runs[dataset].get(name), metric, statistic, is_geometric) for dataset in runs
            ]
            values = [
                value
                and value._replace(
                    best=name in best_entries[dataset] and math.isfinite(value.value)
                )
                for dataset, value in zip(runs, values, strict=True)
            ]
            rows.append((name, values))
    ranges = _null_ranges(study, list(runs), metric)
    unit = distance_unit(study)
    return PaperTable(metric, statistic, list(runs), rows, ranges, is_geometric, unit, bold)


def _value(runs: pd.Series | None, metric: str, statistic: str, is_geometric: bool) -> Value | None:
    if runs is None or not len(runs):
        return None
    higher_is_better = metric_info(metric).higher_is_better
    result = summary(runs, is_geometric=is_geometric, higher_is_better=higher_is_better)
    if statistic == "median":
        interval = (result.median, result.median_low, result.median_high)
    elif result.diverged:
        worst = -math.inf if higher_is_better else math.inf
        interval = (worst, math.nan, math.nan)
    else:
        interval = (result.mean, result.low, result.high)
    return Value(*interval, result.n, result.diverged, best=False)


def _null_ranges(
    study: Mapping[str, Any], datasets: Sequence[str], metric: str
) -> list[tuple[float, float, float] | None]:
    known = [study["null_ranges"].get(dataset, {}).get(stem(metric)) for dataset in datasets]
    return [one and (one["low"], one["high"], one.get("level", LEVEL)) for one in known]


def render(table: PaperTable, format: str, digits: int = 3) -> str:
    """Return the table as text.

    Args:
        table: what to print.
        format: `markdown`, `latex` (of the package booktabs) or `csv`, which has all digits.
        digits: significant digits, 1 to 15.

    Raises:
        UserError: for an unknown format or a wrong number of digits.
    """
    if not 1 <= digits <= _MAX_DIGITS:
        raise UserError(f"--digits must be from 1 to {_MAX_DIGITS}, not {digits}.")
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    if format == "csv":
        return _csv(table)
    return _markdown(table, digits) if format == "markdown" else _latex(table, digits)


def caption(table: PaperTable) -> str:
    """Return what the table's numbers are, over how many seeds."""
    values = [value for _, row in table.rows for value in row if value]
    name = metric_info(table.metric, table.unit).label_with_unit
    divergence = ""
    if any(value.diverged for value in values):
        divergence = "; (k): k runs diverged or are unresolved, which count as the worst"
    min_seeds = min(value.seeds for value in values)
    max_seeds = max(value.seeds for value in values)
    if max_seeds == 1:
        return f"{name}: one seed{divergence}."
    seeds = f"{max_seeds} seeds"
    if min_seeds < max_seeds:
        seeds = f"{min_seeds} to {max_seeds} seeds"
    statistic = table.statistic
    interval = "95% CI"
    if statistic == "mean" and table.is_geometric:
        statistic = "geometric mean"
        interval = "95% t-interval on the log scale, if seeds are log-normal"
    elif statistic == "mean":
        statistic = "arithmetic mean"
        interval = "95% t-interval, if seeds are normal"
    significance = ""
    if any(value.best for value in values):
        significance = f"; bold: {explain(table.bold, table.metric)}"
    return f"{name}: {statistic} over {seeds} [{interval}]{significance}{divergence}."


def number(value: float, digits: int) -> str:
    """Return a number with so many significant digits.

    Example:
        >>> number(0.011687, 3), number(26.587, 3), number(math.inf, 3)
        ('0.0117', '26.6', 'failed')
    """
    if not math.isfinite(value):
        return "failed" if math.isinf(value) else "-"
    exponent = math.floor(math.log10(abs(value))) if value else 0
    if exponent < -6:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def _text(value: Value | None, digits: int, bold: str) -> str:
    if value is None:
        return ""
    text = number(value.value, digits)
    if value.best:
        text = bold.format(text)
    if math.isfinite(value.low) and math.isfinite(value.high):
        text += f" [{number(value.low, digits)}, {number(value.high, digits)}]"
    if value.diverged:
        text += f" ({value.diverged})"
    return text


def _lines(
    table: PaperTable, digits: int, bold: str, escape: Callable[[str], str]
) -> list[list[str]]:
    """Return the heading and all rows as texts; only names need `escape`."""
    lines = [["", *map(escape, table.datasets)]]
    for configuration, values in table.rows:
        name = configuration
        if role(name):
            name += f" ({role(name)})"
        lines.append([escape(name), *(_text(value, digits, bold) for value in values)])
    if any(table.null_ranges):
        lines.append(["null range", *(_range_text(ends, digits) for ends in table.null_ranges)])
    return lines


def _range_text(ends: tuple[float, float, float] | None, digits: int) -> str:
    if ends is None:
        return ""
    low, high, level = ends
    return f"{number(low, digits)} to {number(high, digits)}" + other_level(level)


def _markdown(table: PaperTable, digits: int) -> str:
    heads, *rows = _lines(table, digits, "**{}**", markdown.escaped)
    return "\n".join([*markdown.table(heads, rows), "", caption(table), ""])


def _latex(table: PaperTable, digits: int) -> str:
    rows = _lines(table, digits, r"\textbf{{{}}}", _escape_tex)
    heads, *body = (" & ".join(texts) + r" \\" for texts in rows)
    lines = [
        r"\begin{tabular}{l" + "l" * len(table.datasets) + "}",
        r"\toprule",
        heads,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        f"% {caption(table)}",
    ]
    return "\n".join([*lines, ""])


def _escape_tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def _csv(table: PaperTable) -> str:
    """Return one row per configuration and dataset, with all digits and no formulas."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    counts = ["low", "high", "seeds", "diverged", "best"]
    writer.writerow(["configuration", "dataset", without_formula(table.metric), *counts])
    for configuration, values in table.rows:
        for dataset, value in zip(table.datasets, values, strict=True):
            if value is not None:
                names = map(without_formula, (configuration, dataset))
                writer.writerow([*names, *value])
    return text.getvalue()
