"""Performance profiles, and the critical-difference diagram of mean ranks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ebmark.report.figures._axes import PLAIN, add_legend, label_entry
from ebmark.report.figures._style import GREY, INK, PALE, blank, styled
from ebmark.statistics import Profile, Ranks, role
from ebmark.store.method_info import Look, look

_MAX_COLORED = 8  # methods in color; the others are thin gray lines


@styled
def profile(
    profiles: Mapping[str, Profile], factors: np.ndarray, entries: Sequence[str]
) -> Figure | None:
    """Draw the fraction of runs within a factor of the lowest median KL, with 95% bands."""
    if not profiles:
        return None
    figure = blank(7.6, 3.7)
    axes = figure.subplots()
    order = sorted(profiles, key=lambda entry: -float(profiles[entry].share.mean()))
    methods = [entry for entry in order if role(entry) is None]
    gray = set(methods[_MAX_COLORED:])
    for entry in entries:
        if entry in profiles:
            drawn = None if entry in gray else look(entry)
            _draw_profile(axes, entry, profiles[entry], factors, drawn)
    axes.set(xscale="log", ylim=(0, 1.02), xlim=(factors[0], factors[-1]))
    axes.set(xlabel="KL, multiple of the lowest median on the dataset", ylabel="fraction of runs")
    axes.set_xticks([tick for tick in (1, 2, 5, 10, 20, 50, 100) if tick <= factors[-1]])
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="major")
    add_legend(figure, [axes], 6)
    return figure


def _draw_profile(
    axes: Axes, entry: str, within: Profile, factors: np.ndarray, drawn: Look | None
) -> None:
    """Draw one configuration; as a thin gray line if it is not in color."""
    if drawn is None:
        axes.step(factors, within.share, color=PALE, linewidth=0.8, where="post")
        return
    if role(entry) is None:
        band = {"step": "post", "color": drawn.color, "alpha": 0.13, "linewidth": 0}
        axes.fill_between(factors, within.low, within.high, **band)
    style = {"color": drawn.color, "linewidth": 1.5, "label": label_entry(entry)}
    axes.step(factors, within.share, drawn.line, where="post", **style)


@styled
def critical_difference(ranking: Ranks | None) -> Figure | None:
    """Draw mean ranks on a line; bars join what is not significantly different.

    Returns:
        None if there are fewer than 6 datasets.

    References: Demsar (2006), Statistical comparisons of classifiers over multiple data sets.
    """
    if ranking is None or not ranking.enough:
        return None
    num = len(ranking.entries)
    cliques = ranking.cliques
    half = -(-num // 2)
    figure = blank(8.2, 1.0 + 0.21 * (half + len(cliques)))
    axes = figure.subplots()
    axes.set(xlim=(0.6, num + 0.4), ylim=(-1.6 - 0.55 * len(cliques) - half, 2.2))
    axes.axis("off")
    axes.plot((1, num), (0, 0), color=INK, linewidth=0.9)
    for tick in range(1, num + 1, max(1, num // 12)):
        axes.plot((tick, tick), (0, 0.25), color=INK, linewidth=0.9)
        axes.text(tick, 0.4, f"{tick}", ha="center", va="bottom", fontsize=8.5)
    right = 1 + ranking.critical
    axes.plot((1, right), (1.7, 1.7), color=GREY, linewidth=2.2)
    _add_text(axes, (right, 1.7), f"critical difference {ranking.critical:.2f}", 7)
    _draw_ranks(axes, ranking, half, -0.7 - 0.55 * len(cliques))
    for row, (first, last) in enumerate(cliques):
        y = -0.5 - 0.55 * row
        ends = (ranking.mean[first] - 0.06, ranking.mean[last] + 0.06)
        axes.plot(ends, (y, y), color=INK, linewidth=3.2, solid_capstyle="round")
    return figure


def _draw_ranks(axes: Axes, ranking: Ranks, half: int, top: float) -> None:
    """Write the better half of the configurations on the left, the others on the right."""
    num = len(ranking.entries)
    for i, (entry, mean) in enumerate(zip(ranking.entries, ranking.mean, strict=True)):
        is_left = i < half
        y = top - (i if is_left else num - 1 - i)
        end = 0.75 if is_left else num + 0.25
        axes.plot((mean, mean, end), (0, y, y), color=GREY, linewidth=0.7)
        _add_text(axes, (end, y), f"{entry}  {mean:.1f}", -4 if is_left else 4)


def _add_text(axes: Axes, position: tuple[float, float], text: str, offset: int) -> None:
    """Write text beside a position, `offset` points to the right, or left if negative."""
    axes.annotate(
        text,
        position,
        (offset, 0),
        textcoords="offset points",
        ha="left" if offset > 0 else "right",
        va="center",
        fontsize=9,
    )
