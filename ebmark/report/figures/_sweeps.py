"""A measure along the axes of a study: lines with bands along one, a map over two."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from ebmark.report.figures._charts import COUNT, PLAIN, WIDTH, legend, log_ticks
from ebmark.report.figures._style import DENSITY, INK, PALE, blank, colours, styled
from ebmark.statistics import ROLES, SweepPoint

_FEW = 9  # values that an axis can name


@styled
def sweep(sweep_points: Sequence[SweepPoint], axis: str, name: str) -> Figure | None:
    """Medians along one axis with their 95 % intervals; how many runs diverged, or are not known.

    Of fewer than 6 seeds the band is their range. A method without the axis is a level line.
    """
    if not any(axis in spot.at for spot in sweep_points):
        return None
    panels = list(dict.fromkeys(spot.panel for spot in sweep_points))
    lines = list(dict.fromkeys(spot.line for spot in sweep_points))
    figure, grid = _panels(panels, 3.2)
    looks = colours(lines)
    for one, panel in zip(grid, panels, strict=False):
        here = [spot for spot in sweep_points if spot.panel == panel]
        values = sorted({s.at[axis] for s in here if axis in s.at}, key=_order)
        place = _places(one, values)
        _scale_y(one, here)
        lost: dict[float, int] = {}  # x -> how many marks of diverged runs stand there
        for line in lines:
            _line(one, [s for s in here if s.line == line], axis, place, looks[line], line, lost)
        one.set_title(
            panel, loc="left", fontweight="bold", pad=6 + 10 * max(lost.values(), default=0)
        )
        one.set(xlabel=axis.replace("_", " "), ylabel=name)
        large = max((v for v in values if not isinstance(v, str)), default=0) >= 1e4
        log_ticks(one, COUNT if large else PLAIN)
        if all(isinstance(value, str) for value in values):
            one.set_xticks(range(len(values)), values)
        elif len(values) <= _FEW:
            one.set_xticks(values)  # what was tried, and nothing between
        one.grid(which="major")
    legend(figure, grid)
    return figure


def _line(
    one: Axes,
    sweep_points: list[SweepPoint],
    axis: str,
    place: dict,
    look,
    line: str,
    lost: dict[float, int],
) -> None:
    colour, mark = look
    style = "--" if line.split(", ")[0] in ROLES else "-"
    level = [spot for spot in sweep_points if axis not in spot.at]
    if level:
        one.axhline(level[0].found.median, color=colour, linestyle=":", linewidth=1.1, label=line)
    along = sorted((s for s in sweep_points if axis in s.at), key=lambda s: place[s.at[axis]])
    if not along:
        return
    x = np.array([place[spot.at[axis]] for spot in along], float)
    found = [spot.found for spot in along]
    middle = np.array([s.median for s in found])
    low, high = (np.array([spot.ends[end] for spot in along]) for end in (0, 1))
    top = one.get_ylim()[1]
    alive = np.isfinite(middle)
    one.fill_between(
        x, low, np.minimum(high, top), where=alive, color=colour, alpha=0.16, linewidth=0
    )
    shown = np.where(alive, middle, np.nan)
    one.plot(x, shown, style, color=colour, marker=mark, markersize=4, linewidth=1.3, label=line)
    for at, spot in zip(x, along, strict=True):
        for sign, count in zip("\u00d7?", (_diverged(spot), spot.unknown), strict=True):
            if not count:
                continue
            lost[at] = lost.get(at, 0) + 1
            above = (0, 10 * lost[at] - 7)
            text = f"{sign} {count}/{spot.found.n}"
            one.annotate(
                text,
                (at, top),
                above,
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=7.5,
                color=colour,
                annotation_clip=False,
            )


def _diverged(spot: SweepPoint) -> int:
    return spot.found.diverged - spot.unknown


def _scale_y(one: Axes, sweep_points: list[SweepPoint]) -> None:
    medians = [s.found.median for s in sweep_points if math.isfinite(s.found.median)]
    if not medians:
        return
    near = (min(medians) / 3, 3 * max(medians))  # one seed gone astray must not flatten the rest
    bands = [v for s in sweep_points for v in s.ends if math.isfinite(v)]
    ends = [*medians, *(min(max(v, near[0]), near[1]) if min(medians) > 0 else v for v in bands)]
    if min(ends) > 0 and max(ends) > 5 * min(ends):
        one.set_yscale("log")
        one.set_ylim(min(ends) / 1.3, min(max(ends) * 1.3, 1e6 * min(ends)))
    else:
        pad = 0.08 * (max(ends) - min(ends) or abs(max(ends)) or 1)
        one.set_ylim(min(ends) - pad, max(ends) + pad)


@styled
def sweep_map(
    sweep_points: Sequence[SweepPoint], axes: tuple[str, str], name: str
) -> Figure | None:
    """Medians over two axes, a map for each method and dataset; what diverged is hatched."""
    sweep_points = [spot for spot in sweep_points if set(axes) <= set(spot.at)]
    if not sweep_points:
        return None
    across, up = axes
    keys = list(dict.fromkeys((spot.line, spot.panel) for spot in sweep_points))
    xs, ys = (sorted({s.at[axis] for s in sweep_points}, key=_order) for axis in axes)
    figure, grid = _panels([f"{line}: {panel}" for line, panel in keys], 1.2 + 0.42 * len(ys))
    finite = [s.found.median for s in sweep_points if math.isfinite(s.found.median)]
    norm = _norm(finite)
    for one, (line, panel) in zip(grid, keys, strict=False):
        one.set_facecolor("white")
        for spot in sweep_points:
            if (spot.line, spot.panel) == (line, panel):
                at = xs.index(spot.at[across]), ys.index(spot.at[up])
                _tile(one, spot, at, norm)
        one.set(xlim=(-0.5, len(xs) - 0.5), ylim=(-0.5, len(ys) - 0.5))
        one.set(xlabel=across.replace("_", " "), ylabel=up.replace("_", " "))
        one.set_xticks(range(len(xs)), [_label(x) for x in xs])
        one.set_yticks(range(len(ys)), [_label(y) for y in ys])
        one.tick_params(length=0)
        for spine in one.spines.values():
            spine.set_visible(False)
    return figure


def _tile(one: Axes, spot: SweepPoint, at: tuple[int, int], norm: Normalize) -> None:
    found, (x, y) = spot.found, at
    alive = math.isfinite(found.median)
    colour = DENSITY(0.08 + 0.92 * (1 - float(norm(found.median)))) if alive else "#efe7e3"
    tile = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1)
    one.add_patch(tile)
    if not alive:
        hatched = Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, hatch="////", linewidth=0)
        hatched.set_edgecolor(PALE)
        one.add_patch(hatched)
    gone = "not known" if spot.unknown else "diverged"
    text = f"{found.median:#.2g}" if alive else gone
    if found.diverged:
        text += (
            f"\n{found.diverged} of {found.n} lost" if alive else f"\n{found.diverged}/{found.n}"
        )
    dark = alive and sum(colour[:3]) < 1.6
    one.text(x, y, text, ha="center", va="center", fontsize=7.5, color="white" if dark else INK)


def _norm(finite: list[float]) -> Normalize:
    if finite and min(finite) > 0 and max(finite) > min(finite):
        return LogNorm(min(finite), min(max(finite), 1e3 * min(finite)), clip=True)
    return Normalize(min(finite, default=0), max(finite, default=1) or 1, clip=True)


def _panels(names: Sequence[str], height: float) -> tuple[Figure, list[Axes]]:
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    figure = blank(WIDTH * columns if columns > 1 else 6.0, height * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for one, title in zip(grid, names, strict=False):
        one.set_title(title, loc="left", fontweight="bold")
    for one in grid[len(names) :]:
        one.set_axis_off()
    return figure, grid


def _places(one: Axes, values: list) -> dict:
    """Where each value stands: itself, on a logarithm where they span much; a name in its order."""
    if any(isinstance(value, str) for value in values):
        return {value: i for i, value in enumerate(values)}
    if min(values) > 0 and max(values) >= 8 * min(values):
        one.set_xscale("log")
        one.set_xlim(min(values) / 1.25, 1.25 * max(values))
    one.xaxis.set_major_formatter(PLAIN)
    one.xaxis.set_minor_formatter(NullFormatter())
    return {value: value for value in values}


def _order(value: float | str) -> tuple:
    return (isinstance(value, str), value)


def _label(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
