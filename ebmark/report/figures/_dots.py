"""Values of each seed and their median, one row per configuration."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ebmark.report.figures._axes import grid_of, set_entries, set_log_ticks
from ebmark.report.figures._style import styled
from ebmark.statistics import all_positive
from ebmark.store.method_info import look
from ebmark.store.metric_info import metric_info


@styled
def dots(values: Mapping[str, Mapping[str, pd.Series]], metric: str) -> Figure:
    """Draw a metric: small dots are seeds, large ones medians over finite values.

    Args:
        values: dataset -> configuration -> values by seed.
        metric: what they are.
    """
    entries = list(dict.fromkeys(name for runs in values.values() for name in runs))
    figure, grid = grid_of(list(values), 0.9 + 0.32 * len(entries))
    for axes, runs in zip(grid, values.values(), strict=False):
        for row, name in enumerate(entries):
            found = runs[name].dropna() if name in runs else pd.Series(dtype=float)
            drawn = look(name)
            axes.plot(found, [row] * len(found), ".", color=drawn.color, alpha=0.4)
            median = found.median() if len(found) else math.nan
            axes.plot([median], [row], drawn.marker, color=drawn.color, markersize=8)
        set_entries(axes, entries)
        if all_positive(runs.values()):
            axes.set_xscale("log")
            set_log_ticks(axes)
        axes.set_xlabel(metric_info(metric).label_with_unit)
    return figure
