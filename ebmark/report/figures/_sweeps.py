"""A metric along the axes of a sweep: lines with bands along one axis, a map over two."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from ebmark.report.figures._axes import COUNT, PLAIN, add_legend, grid_of, set_log_ticks
from ebmark.report.figures._style import DENSITY, INK, PALE, styled
from ebmark.statistics import SweepPoint
from ebmark.store.method_info import Look, look

_MAX_TICKS = 9  # more values are not all written on an axis
_DIVERGED = "\u00d7"
_UNRESOLVED = "?"


@styled
def sweep(sweep_points: Sequence[SweepPoint], axis: str, name: str) -> Figure | None:
    """Draw medians along one axis with 95% intervals; diverged and unresolved runs are counted.

    With fewer than 6 seeds the band is their range. A method without the axis is a dotted line.

    Args:
        sweep_points: Points of the sweep.
        axis: The swept axis.
        name: Label of the metric.

    Returns:
        None if no point has the axis.
    """
    if not any(axis in point.at for point in sweep_points):
        return None
    panels = list(dict.fromkeys(point.panel for point in sweep_points))
    lines = list(dict.fromkeys(point.line for point in sweep_points))
    figure, grid = grid_of(panels, 3.2)
    for axes, panel in zip(grid, panels, strict=False):
        points = [point for point in sweep_points if point.panel == panel]
        values = sorted({p.at[axis] for p in points if axis in p.at}, key=_sort_key)
        positions = _set_positions(axes, values)
        _set_y_scale(axes, points)
        num_marks: dict[float, int] = {}
        for line in lines:
            on_line = [point for point in points if point.line == line]
            _draw_level(axes, on_line, axis, line, look(line))
            along = sorted(
                (p for p in on_line if axis in p.at), key=lambda p: positions[p.at[axis]]
            )
            if along:
                x = np.array([positions[point.at[axis]] for point in along], float)
                _draw_line(axes, x, along, line, look(line))
                _mark_lost_runs(axes, x, along, look(line).color, num_marks)
        pad = 6 + 10 * max(num_marks.values(), default=0)
        axes.set_title(panel, loc="left", fontweight="bold", pad=pad)
        axes.set(xlabel=axis.replace("_", " "), ylabel=name)
        _set_x_ticks(axes, values)
        axes.grid(which="major")
    add_legend(figure, grid)
    return figure


def _draw_level(
    axes: Axes, points: Sequence[SweepPoint], axis: str, line: str, drawn: Look
) -> None:
    """Draw a method that does not have the axis as a dotted horizontal line."""
    for point in points:
        if axis not in point.at:
            style = {"color": drawn.color, "linestyle": ":", "linewidth": 1.1}
            axes.axhline(point.found.median, label=line, **style)
            return


def _draw_line(
    axes: Axes, x: np.ndarray, along: Sequence[SweepPoint], line: str, drawn: Look
) -> None:
    """Draw medians and their band; the line ends where the median run diverged."""
    medians = np.array([point.found.median for point in along])
    bottom, top = axes.get_ylim()
    low = np.maximum([point.ends[0] for point in along], bottom)
    high = np.minimum([point.ends[1] for point in along], top)
    is_finite = np.isfinite(medians)
    axes.fill_between(x, low, high, where=is_finite, color=drawn.color, alpha=0.16, linewidth=0)
    axes.plot(
        x,
        np.where(is_finite, medians, np.nan),
        drawn.line,
        color=drawn.color,
        marker=drawn.marker,
        markersize=4,
        linewidth=1.3,
        label=line,
    )


def _mark_lost_runs(
    axes: Axes,
    x: np.ndarray,
    along: Sequence[SweepPoint],
    color: str,
    num_marks: dict[float, int],
) -> None:
    """Count diverged and unresolved runs above the panel; `num_marks` by x is updated."""
    top = axes.get_ylim()[1]
    for position, point in zip(x, along, strict=True):
        counts = {_DIVERGED: point.found.diverged - point.unknown, _UNRESOLVED: point.unknown}
        for sign, count in counts.items():
            if not count:
                continue
            num_marks[position] = num_marks.get(position, 0) + 1
            axes.annotate(
                f"{sign} {count}/{point.found.n}",
                (position, top),
                (0, 10 * num_marks[position] - 7),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=7.5,
                color=color,
                annotation_clip=False,
            )


def _set_x_ticks(axes: Axes, values: Sequence[Any]) -> None:
    if any(isinstance(value, str) for value in values):
        axes.set_xticks(range(len(values)), [_format_value(value) for value in values])
        return
    set_log_ticks(axes, COUNT if max(values) >= 1e4 else PLAIN)
    if len(values) <= _MAX_TICKS:
        axes.set_xticks(values)


def _set_y_scale(axes: Axes, points: Sequence[SweepPoint]) -> None:
    medians = [point.found.median for point in points if math.isfinite(point.found.median)]
    if not medians:
        return
    ends = [end for point in points for end in point.ends if math.isfinite(end)]
    if min(medians) > 0:
        # a single outlying seed must not flatten the lines
        ends = list(np.clip(ends, min(medians) / 3, 3 * max(medians)))
    low = min(medians + ends)
    high = max(medians + ends)
    if low > 0 and high > 5 * low:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.3, min(high * 1.3, 1e6 * low))
    else:
        pad = 0.08 * (high - low or abs(high) or 1)
        axes.set_ylim(low - pad, high + pad)


def _set_positions(axes: Axes, values: Sequence[Any]) -> dict[Any, Any]:
    """Map each value to its x: itself, on a log scale where they span much; texts to ranks."""
    if any(isinstance(value, str) for value in values):
        return {value: i for i, value in enumerate(values)}
    if min(values) > 0 and max(values) >= 8 * min(values):
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 1.25, 1.25 * max(values))
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_formatter(NullFormatter())
    return {value: value for value in values}


@styled
def sweep_map(
    sweep_points: Sequence[SweepPoint], axes: tuple[str, str], name: str
) -> Figure | None:
    """Draw medians over two axes, one map per method and dataset; diverged points are hatched.

    Args:
        sweep_points: Points of the sweep.
        axes: The axes: horizontal, vertical.
        name: Label of the metric.

    Returns:
        None if no point has both axes.
    """
    points = [point for point in sweep_points if set(axes) <= set(point.at)]
    if not points:
        return None
    columns, rows = (sorted({p.at[axis] for p in points}, key=_sort_key) for axis in axes)
    maps: dict[tuple[str, str], list[SweepPoint]] = {}
    for point in points:
        maps.setdefault((point.line, point.panel), []).append(point)
    titles = [f"{line}: {panel}" for line, panel in maps]
    figure, grid = grid_of(titles, 1.2 + 0.42 * len(rows))
    norm = _norm([p.found.median for p in points if math.isfinite(p.found.median)])
    for one, in_map in zip(grid, maps.values(), strict=False):
        one.set_facecolor("white")
        for point in in_map:
            x = columns.index(point.at[axes[0]])
            y = rows.index(point.at[axes[1]])
            _draw_tile(one, point, x, y, norm)
        one.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-0.5, len(rows) - 0.5))
        one.set(xlabel=axes[0].replace("_", " "), ylabel=axes[1].replace("_", " "))
        one.set_xticks(range(len(columns)), [_format_value(value) for value in columns])
        one.set_yticks(range(len(rows)), [_format_value(value) for value in rows])
        one.tick_params(length=0)
        one.spines[:].set_visible(False)
    return figure


def _draw_tile(axes: Axes, point: SweepPoint, x: int, y: int, norm: Normalize) -> None:
    stats = point.found
    place = ((x - 0.5, y - 0.5), 1, 1)
    if math.isfinite(stats.median):
        color = DENSITY(0.08 + 0.92 * (1 - float(norm(stats.median))))
        text_color = "white" if sum(color[:3]) < 1.6 else INK
        text = f"{stats.median:#.2g}"
        if stats.diverged:
            text += f"\n{_DIVERGED} {stats.diverged}/{stats.n}"
        axes.add_patch(Rectangle(*place, facecolor=color, edgecolor="white", linewidth=1))
    else:
        text_color = INK
        text = "unresolved" if point.unknown else "diverged"
        text += f"\n{stats.diverged}/{stats.n}"
        axes.add_patch(Rectangle(*place, facecolor="#efe7e3", edgecolor="white", linewidth=1))
        axes.add_patch(Rectangle(*place, fill=False, hatch="////", linewidth=0, edgecolor=PALE))
    axes.text(x, y, text, ha="center", va="center", fontsize=7.5, color=text_color)


def _norm(medians: Sequence[float]) -> Normalize:
    if medians and min(medians) > 0 and max(medians) > min(medians):
        return LogNorm(min(medians), min(max(medians), 1e3 * min(medians)), clip=True)
    return Normalize(min(medians, default=0), max(medians, default=1) or 1, clip=True)


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (isinstance(value, str), value)


def _format_value(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"
