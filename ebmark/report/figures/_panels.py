"""Panels of one plane, side by side on one scale: how large, where, and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebmark.report.figures._style import GREY, blank

COLUMNS = 6  # panels side by side
_MANY = 18  # panels from which on they are small, and half as many again stand side by side
_CLOSE = {"w_pad": 0.02, "h_pad": 0.02, "wspace": 0.02, "hspace": 0.02}


class Panel(NamedTuple):
    """One method in the plane: its name, what to say of it, its arrays (maybe none)."""

    title: str
    note: str
    arrays: Mapping[str, np.ndarray]


class Window(NamedTuple):
    """The part of the plane that all panels of a dataset show."""

    x: np.ndarray
    y: np.ndarray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        return self.x[0], self.x[-1], self.y[0], self.y[-1]

    @property
    def ratio(self) -> float:
        """Its height as a multiple of its width."""
        return (self.y[-1] - self.y[0]) / (self.x[-1] - self.x[0])


def panes(view: Window, num: int, rows: int) -> tuple[Figure, np.ndarray]:
    """A figure and its axes[row, panel] on one scale; more panels than a band has go on below."""
    across = _columns(num)
    bands = -(-num // across)
    width = min(11.0, 2.6 * across + 0.6)
    panel = width / (across + 0.35)
    figure = blank(width, (panel * view.ratio + 0.16) * rows * bands + 0.45)
    axes = figure.subplots(bands * rows, across, squeeze=False)
    for one in axes.flat:
        one.set_axis_off()
    panels = np.array(
        [[axes[(p // across) * rows + row, p % across] for p in range(num)] for row in range(rows)],
        dtype=object,
    )
    for one in panels.flat:
        one.set_axis_on()
        one.set(xticks=[], yticks=[], aspect="equal", xlim=view.x[[0, -1]], ylim=view.y[[0, -1]])
        one.spines[:].set(visible=True, linewidth=0.5, color=GREY)
        for axis in (one.xaxis, one.yaxis):
            axis.set_visible(False)  # or all that is not there is laid out
    if num > _MANY:
        figure.set_layout_engine("none")  # which takes seconds
        _place(figure, view, panels)
    else:
        figure.set_layout_engine("compressed", **_CLOSE)  # of fixed aspect, side by side
    return figure, panels


def _columns(num: int) -> int:
    """How many panels stand side by side."""
    return min(num, COLUMNS if num <= _MANY else 3 * COLUMNS // 2)


def _place(figure: Figure, view: Window, axes: np.ndarray) -> None:
    """Many panels in bands, by inches: a title's height above each band, a bar's width beside."""
    rows, num = axes.shape
    across, (width, _) = _columns(num), figure.get_size_inches()
    left, bar, head, gap = 0.3, 0.8, 0.36, 0.05
    panel = (width - left - bar) / across - gap
    tall = panel * view.ratio
    band = head + rows * (tall + gap)
    height = band * -(-num // across) + 0.05
    figure.set_size_inches(width, height)
    for (row, p), one in np.ndenumerate(axes):
        x = left + (p % across) * (panel + gap)
        y = height - (p // across) * band - head - row * (tall + gap) - tall
        one.set_position((x / width, y / height, panel / width, tall / height))


def shrunk(axes: Axes) -> float:
    """The width of this panel as a share of that of one of a few."""
    spec = axes.get_subplotspec()
    return min(1.0, COLUMNS / spec.get_gridspec().ncols) if spec else 1.0


def title(axes: Axes, panel: Panel) -> None:
    share = shrunk(axes) ** 0.5
    pad = 15 * share if panel.note else 4
    axes.set_title(panel.title, pad=pad, fontweight="bold", fontsize=10.5 * share)
    if panel.note:
        axes.annotate(
            panel.note,
            (0.5, 1),
            (0, 3.5),
            "axes fraction",
            "offset points",
            ha="center",
            fontsize=8 * share,
            color=GREY,
        )


def side(axes: Axes, label: str) -> None:
    axes.yaxis.set_visible(True)
    axes.set_ylabel(label, labelpad=5, fontsize=9.5 * shrunk(axes))


def absent(axes: Axes, why: str) -> None:
    axes.text(
        0.5,
        0.5,
        why,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
        style="italic",
        fontsize=8.5 * shrunk(axes),
    )


def bar(
    figure: Figure, image: matplotlib.cm.ScalarMappable, axes: np.ndarray, label: str, ticks=None
) -> None:
    if axes.shape[1] > _MANY:
        width, height = figure.get_size_inches()
        place = figure.add_axes((1 - 0.75 / width, 0.5 - 2 / height, 0.13 / width, 4 / height))
        bar = figure.colorbar(image, cax=place, ticks=ticks)
    else:
        bar = figure.colorbar(
            image, ax=list(axes.ravel()), shrink=0.7, aspect=28, pad=0.012, ticks=ticks
        )
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=8.5, color=GREY)
    bar.ax.tick_params(length=2, labelsize=7.5)
    bar.ax.minorticks_off()
    if ticks is not None:
        bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
