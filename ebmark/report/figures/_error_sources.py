"""Sources of error: null mean, model, method and sampling error of W1 as a stacked bar."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebmark.report.figures._axes import PLAIN, add_legend, grid_of, set_entries
from ebmark.report.figures._style import styled
from ebmark.statistics import ErrorSources
from ebmark.store.units import DATA_UNITS

_PARTS = {
    "null_mean": ("null mean (two target samples)", "#d5d9de"),
    "model": ("model error (finite data and network)", "#9aa5b1"),
    "method": ("method error", "#1f4f78"),
    "sampling": ("sampling error", "#e8843c"),
}


@styled
def error_sources(
    by_dataset: Mapping[str, Sequence[ErrorSources]], entries: Sequence[str], unit: str = DATA_UNITS
) -> Figure | None:
    """Draw a bar per configuration; the diamond is W1 of Langevin samples, which is reported."""
    if not by_dataset:
        return None
    figure, grid = grid_of(list(by_dataset), 0.9 + 0.27 * len(entries))
    for axes, sources in zip(grid, by_dataset.values(), strict=False):
        for y, source in enumerate(sources):
            _draw_bar(axes, y, source)
        set_entries(axes, [source.entry for source in sources])
        axes.set(xlabel=f"W1, {unit}")
        axes.xaxis.set_major_formatter(PLAIN)
        axes.grid(axis="x")
    add_legend(figure, grid, 3)
    return figure


def _draw_bar(axes: Axes, y: int, source: ErrorSources) -> None:
    left = 0.0
    for part, (label, color) in _PARTS.items():
        width = getattr(source, part)
        if not np.isnan(width):
            axes.barh(y, width, left=left, height=0.64, color=color, linewidth=0, label=label)
            left += width
    if np.isfinite(source.langevin):
        label = "reported: W1 of Langevin samples"
        axes.plot(source.langevin, y, "D", color="#111827", markersize=4.2, label=label)
