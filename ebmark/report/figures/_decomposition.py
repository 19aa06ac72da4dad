"""Where W1 comes from: floor, data, training and sampler, stacked, and what is reported of it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ebmark.report.figures._charts import PLAIN, entry_axis, grid_of, legend
from ebmark.report.figures._style import styled
from ebmark.statistics import ErrorSources

_PARTS = {
    "null_mean": ("floor: truth against truth", "#d5d9de"),
    "model": ("finite data and the network (the oracle\u2019s)", "#9aa5b1"),
    "method": ("training: exact samples", "#1f4f78"),
    "sampling": ("sampler: beside exact samples", "#e8843c"),
}


@styled
def sources(found: Mapping[str, Sequence[ErrorSources]], methods: Sequence[str]) -> Figure | None:
    """A bar an entry: its parts of W1; the mark is W1 of the sampler's samples, as reported."""
    if not found:
        return None
    figure, axes = grid_of(list(found), 0.9 + 0.27 * len(methods))
    for one, here in zip(axes, found.values(), strict=False):
        for y, entry in enumerate(here):
            left = 0.0
            for part, (label, colour) in _PARTS.items():
                width = getattr(entry, part)
                if np.isnan(width):
                    continue
                one.barh(y, width, left=left, height=0.64, color=colour, linewidth=0, label=label)
                left += width
            if np.isfinite(entry.langevin):
                label = "reported: Langevin samples to the truth"
                one.plot(entry.langevin, y, "D", color="#111827", markersize=4.2, label=label)
        entry_axis(one, [entry.entry for entry in here])
        one.set(xlabel="W1, in the data\u2019s units")
        one.xaxis.set_major_formatter(PLAIN)
        one.grid(axis="x")
    legend(figure, axes, 3)
    return figure
