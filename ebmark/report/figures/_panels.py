"""Panels of 2-D data, side by side on one scale: their layout, titles, labels and color bar."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from ebmark.report.figures._style import GREY, blank

MAX_COLUMNS = 6  # panels side by side
_MAX_LARGE = 18  # more panels are smaller, and half as many again stand side by side
_PADDING = {"w_pad": 0.02, "h_pad": 0.02, "wspace": 0.02, "hspace": 0.02}


class Panel(NamedTuple):
    """One method on one dataset: its title, a note, and its arrays (empty without a run)."""

    title: str
    note: str
    arrays: Mapping[str, np.ndarray]


class Window(NamedTuple):
    """The region that all panels of a dataset show: grid points on both axes."""

    x: np.ndarray
    y: np.ndarray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top."""
        return self.x[0], self.x[-1], self.y[0], self.y[-1]

    @property
    def ratio(self) -> float:
        """Height divided by width."""
        return (self.y[-1] - self.y[0]) / (self.x[-1] - self.x[0])


def create_panels(window: Window, num: int, num_rows: int) -> tuple[Figure, np.ndarray]:
    """Create panels on one scale, in bands of at most `MAX_COLUMNS`.

    Returns:
        The figure, and its axes as an array of shape (num_rows, num).
    """
    num_columns = _count_columns(num)
    num_bands = count_bands(num, num_columns)
    width = min(11.0, 2.6 * num_columns + 0.6)
    panel_width = width / (num_columns + 0.35)
    height = (panel_width * window.ratio + 0.16) * num_rows * num_bands + 0.45
    figure = blank(width, height)
    panels = add_bands(figure, num, num_rows, num_columns)
    for axes in panels.flat:
        _frame(axes, window)
    if num > _MAX_LARGE:
        # the layout engine takes seconds for many panels
        figure.set_layout_engine("none")
        _place(figure, window, panels)
    else:
        figure.set_layout_engine("compressed", **_PADDING)
    return figure, panels


def count_bands(num: int, num_columns: int) -> int:
    """Return the number of bands of at most `num_columns` panels."""
    return -(-num // num_columns)


def add_bands(figure: Figure, num: int, num_rows: int, num_columns: int) -> np.ndarray:
    """Add axes in bands of at most `num_columns`, and return them as (num_rows, num)."""
    num_bands = count_bands(num, num_columns)
    grid = figure.subplots(num_bands * num_rows, num_columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    panels = np.empty((num_rows, num), dtype=object)
    for row, i in np.ndindex(num_rows, num):
        band, column = divmod(i, num_columns)
        axes = cast(Axes, grid[band * num_rows + row, column])
        axes.set_axis_on()
        panels[row, i] = axes
    return panels


def _frame(axes: Axes, window: Window) -> None:
    limits = {"xlim": window.x[[0, -1]], "ylim": window.y[[0, -1]]}
    axes.set(xticks=[], yticks=[], aspect="equal", **limits)
    axes.spines[:].set(visible=True, linewidth=0.5, color=GREY)
    # an axis without ticks or label is laid out all the same unless it is invisible
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)


def _count_columns(num: int) -> int:
    return min(num, MAX_COLUMNS if num <= _MAX_LARGE else 3 * MAX_COLUMNS // 2)


def _place(figure: Figure, window: Window, panels: np.ndarray) -> None:
    """Place many panels in bands (inches), titles above each band, a color bar on the right."""
    num_rows, num = panels.shape
    num_columns = _count_columns(num)
    width = figure.get_size_inches()[0]
    left, bar, head, gap = 0.3, 0.8, 0.36, 0.05
    panel_width = (width - left - bar) / num_columns - gap
    panel_height = panel_width * window.ratio
    band_height = head + num_rows * (panel_height + gap)
    height = band_height * -(-num // num_columns) + 0.05
    figure.set_size_inches(width, height)
    for (row, i), axes in np.ndenumerate(panels):
        band, column = divmod(i, num_columns)
        x = left + column * (panel_width + gap)
        top = height - band * band_height - head - row * (panel_height + gap)
        bottom = top - panel_height
        axes.set_position((x / width, bottom / height, panel_width / width, panel_height / height))


def panel_scale(axes: Axes) -> float:
    """Return the size of a panel relative to one of a few panels, at most 1."""
    spec = axes.get_subplotspec()
    return min(1.0, MAX_COLUMNS / spec.get_gridspec().ncols) if spec else 1.0


def add_title(axes: Axes, panel: Panel) -> None:
    """Write a panel's title, and its note below."""
    scale = panel_scale(axes) ** 0.5
    pad = 15 * scale if panel.note else 4
    axes.set_title(panel.title, pad=pad, fontweight="bold", fontsize=10.5 * scale)
    if panel.note:
        axes.annotate(
            panel.note,
            (0.5, 1),
            (0, 3.5),
            "axes fraction",
            "offset points",
            ha="center",
            fontsize=8 * scale,
            color=GREY,
        )


def add_row_label(axes: Axes, label: str) -> None:
    """Label a row of panels, on the left of its first one."""
    axes.yaxis.set_visible(True)
    axes.set_ylabel(label, labelpad=5, fontsize=9.5 * panel_scale(axes))


def mark_missing(axes: Axes, reason: str) -> None:
    """Write into an empty panel why it is empty."""
    axes.text(
        0.5,
        0.5,
        reason,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
        style="italic",
        fontsize=8.5 * panel_scale(axes),
    )


def add_color_bar(
    figure: Figure,
    image: ScalarMappable,
    panels: np.ndarray,
    label: str,
    ticks: Sequence[float] | np.ndarray,
) -> None:
    """Add the color bar that all panels share."""
    if panels.shape[1] > _MAX_LARGE:
        width, height = figure.get_size_inches()
        place = (1 - 0.75 / width, 0.5 - 2 / height, 0.13 / width, 4 / height)
        bar = figure.colorbar(image, cax=figure.add_axes(place), ticks=ticks)
    else:
        shape = {"shrink": 0.7, "aspect": 28, "pad": 0.012}
        bar = figure.colorbar(image, ax=list(panels.ravel()), ticks=ticks, **shape)
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=8.5, color=GREY)
    bar.ax.tick_params(length=2, labelsize=7.5)
    bar.ax.minorticks_off()
    bar.set_ticks(list(ticks), labels=[f"{tick:g}" for tick in ticks])
