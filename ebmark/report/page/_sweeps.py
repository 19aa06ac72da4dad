"""The section on a sweep: a metric along the swept axes, as sentences, a figure and a table."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from ebmark.report import figures
from ebmark.report.page._cells import Cell, sortable
from ebmark.report.page._figures import FigureFolder, Picture
from ebmark.report.page._numbers import (
    count_decimals,
    format_brief,
    format_interval,
    format_number,
)
from ebmark.report.page._rows import list_unique
from ebmark.statistics import SweepPoint, sweep_points, usable
from ebmark.store.metric_info import MetricInfo, metric_info
from ebmark.store.units import distance_unit

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_DEFAULT_METRICS = ("kl", "nll")  # the first that was measured, if a study names none
_DATASET_AXES = {"dim", "separation"}
_MAX_NAMED = 6  # points named in one sentence


class Sweep(NamedTuple):
    """One metric along the axes."""

    title: str
    description: str
    sentences: list[Markup]
    picture: Picture | None
    heads: list[str]
    rows: list[list[Cell]]


def build_sweeps(folder: FigureFolder, study: dict[str, Any], table: pd.DataFrame) -> list[Sweep]:
    """Describe each metric of a study that sweeps something; empty if it does not."""
    axes = [axis for axis in study.get("axes", ()) if axis in table]
    if not axes:
        return []
    families = _families(study["dataset_info"]) if set(axes) & _DATASET_AXES else {}
    metrics = list_unique(table, "metric")
    measured = [metric for metric in _DEFAULT_METRICS if metric in metrics]
    sweeps = []
    for metric in study.get("plot_metrics") or measured[:1]:
        info = metric_info(metric, distance_unit(study))
        points = sweep_points(table, axes, metric, families, higher_is_better=info.higher_is_better)
        if points:
            sweeps.append(_sweep(folder, metric, info, axes, points))
    return sweeps


def _families(dataset_info: Mapping[str, Any]) -> dict[str, str]:
    """Dataset -> the name of its family: the common beginning of its members, or its class."""
    members: dict[str, list[str]] = {}
    for name, info in dataset_info.items():
        members.setdefault(info.get("family", name), []).append(name)
    return {
        name: os.path.commonprefix(names).rstrip("_") or _CAPITAL.sub("_", family).lower()
        for family, names in members.items()
        for name in names
    }


def _sweep(
    folder: FigureFolder, metric: str, info: MetricInfo, axes: list[str], points: list[SweepPoint]
) -> Sweep:
    label = info.label_with_unit
    figure = None
    if len(axes) == 1:
        figure = figures.sweep(points, axes[0], label)
    elif len(axes) == 2:
        figure = figures.sweep_map(points, (axes[0], axes[1]), label)
    alt = f"{info.label} against {' and '.join(axes)}"
    heads = ["dataset", "method", *axes, "seeds", "diverged", "unresolved", "median"]
    heads.append(_name_band(points))
    return Sweep(
        label,
        info.description,
        _sentences(points, axes, info.label),
        folder.add(figure, f"sweep_{metric}", alt, lines=True),
        [head.replace("_", " ") for head in heads],
        _rows(points, axes),
    )


def _name_band(points: Sequence[SweepPoint]) -> str:
    """Name what the ends are: intervals of the median, or ranges where there are few seeds."""
    has_interval = [math.isfinite(point.found.median_low) for point in points]
    if all(has_interval):
        return "95% CI of the median"
    return "95% CI of the median, or range" if any(has_interval) else "range of the seeds"


def _sentences(points: Sequence[SweepPoint], axes: list[str], name: str) -> list[Markup]:
    """One sentence per line of a panel: where it is best, and where it diverges."""
    sentences = []
    for panel, line in dict.fromkeys((point.panel, point.line) for point in points):
        along = [p for p in points if (p.panel, p.line) == (panel, line) and p.at]
        if len(along) > 1:
            beginning = Markup("<b>{}</b> on {}: ").format(line, panel)
            sentences.append(beginning + _describe_line(along, axes, name) + Markup("."))
    return sentences


def _describe_line(along: Sequence[SweepPoint], axes: list[str], name: str) -> Markup:
    diverged = [point for point in along if not math.isfinite(point.found.median)]
    finite = [point for point in along if math.isfinite(point.found.median)]
    if not finite:
        if any(point.unknown for point in along):
            return Markup("unresolved or diverged at every point")
        return Markup("diverged at every point")
    best = _extreme(finite, is_best=True)
    text = Markup("{} {} {} at {}").format(
        "highest" if best.higher_is_better else "lowest",
        name,
        format_brief(best.found.median),
        _describe_point(best),
    )
    text += _describe_range(along, finite, axes)
    if diverged:
        where = "; ".join(_describe_point(point) for point in diverged[:_MAX_NAMED])
        if len(diverged) > _MAX_NAMED:
            where += " and more"
        is_unresolved = any(point.unknown for point in diverged)
        outcome = "is unresolved or diverged" if is_unresolved else "diverged"
        text += Markup("; the median run {} at {}").format(outcome, where)
    return text


def _describe_range(
    along: Sequence[SweepPoint], finite: Sequence[SweepPoint], axes: list[str]
) -> Markup:
    """State the range within a factor of 2 of the best value, or else the worst value."""
    is_numeric = len(axes) == 1 and isinstance(finite[0].at.get(axes[0]), int | float)
    stretch = usable(along, axes[0]) if is_numeric else None
    if stretch is not None and stretch[0].found.median > 0:
        low, high = (_format_value(value) for value in stretch[1:])
        relation = "at least half" if stretch[0].higher_is_better else "at most twice"
        return Markup("; {} that from {} to {}").format(relation, low, high)
    worst = _extreme(finite, is_best=False)
    return Markup("; {} {} at {}").format(
        "lowest" if worst.higher_is_better else "highest",
        format_brief(worst.found.median),
        _describe_point(worst),
    )


def _extreme(points: Sequence[SweepPoint], is_best: bool) -> SweepPoint:
    """The point with the best or the worst median."""
    choose = max if points[0].higher_is_better == is_best else min
    return choose(points, key=lambda point: point.found.median)


def _describe_point(point: SweepPoint) -> str:
    return ", ".join(f"{axis.replace('_', ' ')} {_format_value(v)}" for axis, v in point.at.items())


def _format_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,g}" if abs(value) < 1e6 else f"{value / 1e6:,g}\u00a0M"


def _rows(points: Sequence[SweepPoint], axes: list[str]) -> list[list[Cell]]:
    decimals = count_decimals([point.found.median for point in points], 2, 6)
    return [_row(point, axes, decimals) for point in points]


def _row(point: SweepPoint, axes: list[str], decimals: int) -> list[Cell]:
    stats = point.found
    counts = (stats.n, stats.diverged - point.unknown, point.unknown)
    is_known = math.isfinite(stats.median) or not point.unknown
    text = format_number(stats.median, decimals, pad=True) if is_known else "unresolved"
    return [
        Cell(point.panel),
        Cell(point.line),
        *(_axis_cell(point.at.get(axis)) for axis in axes),
        *(Cell(str(count or ""), count) for count in counts),
        Cell(text, sortable(stats.median), "median"),
        Cell(format_interval(*point.ends, decimals), kind="mean"),
    ]


def _axis_cell(value: Any) -> Cell:
    if value is None:
        return Cell("")
    return Cell(_format_value(value), None if isinstance(value, str) else value)
