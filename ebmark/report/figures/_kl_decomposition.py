"""KL decomposition: the three parts of each configuration's KL as a stacked bar."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebmark.report.figures._axes import PLAIN, add_legend, grid_of, set_entries
from ebmark.report.figures._style import GREY, INK, styled
from ebmark.statistics import final_values, median_seed

PARTS = {
    "kl_off_support": ("off-support KL", "#9c3d2e"),
    "kl_mode_weights": ("mode-weight KL", "#e9b872"),
    "kl_within_mode": ("within-mode KL", "#7d98b3"),
}


def select_kl_parts(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Select KL and its parts of each configuration's median run.

    Returns:
        Dataset -> configuration -> "kl" and the three parts, in nats; only datasets that have a KL,
        and configurations that have a completed run.
    """
    selected: dict[str, dict[str, dict[str, float]]] = {}
    for dataset in datasets:
        if not final_values(table, dataset, "kl_off_support"):
            continue
        runs = {name: final_values(table, dataset, name) for name in ("kl", *PARTS)}
        selected[dataset] = {}
        for entry in entries:
            seed = median_seed(runs["kl"].get(entry))
            if seed is not None:
                values = {name: runs[name][entry].to_dict() for name in runs}
                parts = {name: float(values[name].get(seed, math.nan)) for name in runs}
                selected[dataset][entry] = parts
    return selected


@styled
def kl_decomposition(
    selected: Mapping[str, Mapping[str, Mapping[str, float]]], entries: Sequence[str]
) -> Figure | None:
    """Draw what `select_kl_parts` selects; None if there is nothing."""
    if not selected:
        return None
    figure, grid = grid_of(list(selected), 0.9 + 0.3 * len(entries))
    for axes, by_entry in zip(grid, selected.values(), strict=False):
        lengths = [_draw_bar(axes, y, by_entry.get(entry)) for y, entry in enumerate(entries)]
        longest = max(lengths, default=0.0)
        set_entries(axes, entries)
        axes.set(xlabel="KL(target \u2016 model), nats", xlim=(0, 1.17 * longest or 1))
        axes.grid(axis="x")
        axes.xaxis.set_major_formatter(PLAIN)
    add_legend(figure, grid)
    return figure


def _draw_bar(axes: Axes, y: int, values: Mapping[str, float] | None) -> float:
    """Draw one bar, and return its length."""
    if values is None:
        style = {"va": "center", "color": GREY, "style": "italic", "fontsize": 8.5}
        axes.text(0, y, "  no completed run", **style)
        return 0.0
    left = 0.0
    for part, (label, color) in PARTS.items():
        width = max(values[part], 0.0)
        axes.barh(y, width, left=left, height=0.62, color=color, label=label, linewidth=0)
        left += width
    axes.text(left, y, f"  {values['kl']:#.2g}", va="center", fontsize=8.5, color=INK)
    return left
