"""Profiles and ranks: how often each entry is good, and which are not told apart."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ebmark.report.figures._charts import PLAIN, legend, named
from ebmark.report.figures._style import GREY, INK, PALE, blank, colours, styled
from ebmark.statistics import Profile, Ranks, role

_MOST = 8  # methods in colour; the others are thin and grey


@styled
def profile(
    found: Mapping[str, Profile], factors: np.ndarray, methods: Sequence[str]
) -> Figure | None:
    """The share of runs within a factor of the best, with 95 % bands."""
    if not found:
        return None
    figure, looks = blank(7.6, 3.7), colours(methods)
    axes = figure.subplots()
    ranked = sorted(found, key=lambda e: -float(found[e].share.mean()))
    shown = set([e for e in ranked if role(e) is None][:_MOST]) | {e for e in ranked if role(e)}
    for entry in methods:
        if entry not in found:
            continue
        colour, _ = looks[entry]
        if entry not in shown:
            axes.step(factors, found[entry].share, color=PALE, linewidth=0.8, where="post")
            continue
        one, style = found[entry], "--" if role(entry) else "-"
        if not role(entry):
            axes.fill_between(
                factors, one.low, one.high, step="post", color=colour, alpha=0.13, linewidth=0
            )
        axes.step(
            factors, one.share, style, color=colour, linewidth=1.5, label=named(entry), where="post"
        )
    axes.set(xscale="log", ylim=(0, 1.02), xlim=(factors[0], factors[-1]))
    axes.set(xlabel="KL as a multiple of the best median on the dataset", ylabel="share of runs")
    axes.set_xticks([v for v in (1, 2, 5, 10, 20, 50, 100) if v <= factors[-1]])
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="major")
    legend(figure, [axes], 6)
    return figure


@styled
def critical(found: Ranks | None) -> Figure | None:
    """Mean ranks on a line; bars join what is not told apart. None below 6 datasets."""
    if found is None or not found.enough:
        return None
    k, cliques = len(found.entries), found.cliques
    half = -(-k // 2)
    figure = blank(8.2, 1.0 + 0.21 * (half + len(cliques)))
    axes = figure.subplots()
    axes.set(xlim=(0.6, k + 0.4), ylim=(-1.6 - 0.55 * len(cliques) - half, 2.2))
    axes.axis("off")
    axes.plot((1, k), (0, 0), color=INK, linewidth=0.9)
    for tick in range(1, k + 1, max(1, k // 12)):
        axes.plot((tick, tick), (0, 0.25), color=INK, linewidth=0.9)
        axes.text(tick, 0.4, f"{tick}", ha="center", va="bottom", fontsize=8.5)
    axes.plot((1, 1 + found.critical), (1.7, 1.7), color=GREY, linewidth=2.2)
    _label(axes, (1 + found.critical, 1.7), f"critical difference {found.critical:.2f}", 7)
    below = -0.7 - 0.55 * len(cliques)
    for i, (entry, mean) in enumerate(zip(found.entries, found.mean, strict=True)):
        left = i < half
        y = below - (i if left else k - 1 - i)
        end = 0.75 if left else k + 0.25
        axes.plot((mean, mean, end), (0, y, y), color=GREY, linewidth=0.7)
        _label(axes, (end, y), f"{entry}  {mean:.1f}", -4 if left else 4)
    for row, (first, last) in enumerate(cliques):
        y, reach = -0.5 - 0.55 * row, (found.mean[first] - 0.06, found.mean[last] + 0.06)
        axes.plot(reach, (y, y), color=INK, linewidth=3.2, solid_capstyle="round")
    return figure


def _label(axes: Axes, where: tuple[float, float], text: str, points: int) -> None:
    """Text beside a point, so many points to the right, or to the left if below 0."""
    side = "left" if points > 0 else "right"
    axes.annotate(
        text, where, (points, 0), textcoords="offset points", ha=side, va="center", fontsize=9
    )
