"""The figure: ratios of seconds for equal work, and KL against training time."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.report.labels import BENCHMARK_TITLES, LIBRARIES
from benchmarks.training.time_to_quality import TARGET_KL
from ebmark.report.figures._style import GREY, INK, blank, styled

LIBRARY_COLORS = {"ebmark": "#0072B2", "torchebm": "#D55E00", "ebmkit": "#009E73"}
METHOD_MARKERS = {"cd": "o", "pcd": "s", "dsm": "^", "nce": "D"}
PLAIN_NUMBERS = FuncFormatter(lambda value, _: f"{value:g}")
_MAX_KL = 10.0  # nats; a larger KL means that training diverged


@styled
def draw_figure(speed: pd.DataFrame, curves: pd.DataFrame | None) -> Figure:
    """Draw seconds relative to ebmark on the left, then KL against seconds, a panel per dataset.

    Args:
        speed: the rows of speed.csv.
        curves: dataset, method, step, seconds and kl of each snapshot, or None.
    """
    datasets = [] if curves is None else list(dict.fromkeys(curves["dataset"]))
    figure = blank(4.2 + 3.4 * len(datasets), 3.6)
    panels = figure.subplots(1, 1 + len(datasets), width_ratios=[1.0] + [1.0] * len(datasets))
    axes = list(np.atleast_1d(panels))
    _draw_ratios(axes[0], speed)
    for panel, dataset in zip(axes[1:], datasets, strict=True):
        _draw_curves(panel, curves[curves["dataset"] == dataset], dataset)
    if datasets:
        handles, names = axes[-1].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=6)
    return figure


def _draw_ratios(axes: Axes, speed: pd.DataFrame) -> None:
    compared = set(speed.loc[speed["ratio"].ne(1) & speed["ratio"].notna(), "benchmark"])
    names = [name for name in BENCHMARK_TITLES if name in compared]
    for row, name in enumerate(names):
        for library, offset in zip(LIBRARIES[1:], (-0.14, 0.14), strict=True):
            rows = speed[(speed["benchmark"] == name) & (speed["library"] == library)]
            if not rows.empty:
                _draw_ratio(axes, rows.iloc[0], row + offset, LIBRARY_COLORS[library])
    axes.axvline(1, color=GREY, lw=0.8)
    axes.set_yticks(range(len(names)), [name.replace("/", ", ") for name in names])
    axes.set(
        xscale="log",
        ylim=(len(names) - 0.4, -0.6),
        xlabel="CPU seconds relative to ebmark",
        title="Equal work",
    )
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.8), high * 1.5)
    axes.xaxis.set_major_formatter(PLAIN_NUMBERS)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x")


def _draw_ratio(axes: Axes, values: pd.Series, y: float, color: str) -> None:
    axes.plot([values["ratio_low"], values["ratio_high"]], [y, y], color=color, lw=1.2)
    axes.plot(values["ratio"], y, "o", color=color, markersize=5)
    label = f"{values['ratio']:.2g}"
    axes.text(values["ratio_high"] * 1.06, y, label, va="center", fontsize=8)


def _draw_curves(axes: Axes, rows: pd.DataFrame, dataset: str) -> None:
    for method in dict.fromkeys(rows["method"]):
        library, _, name = method.rpartition("/")
        runs = rows[rows["method"] == method]
        medians = runs.groupby("step").agg({"seconds": "median", "kl": "median"})
        axes.plot(
            medians["seconds"],
            medians["kl"].clip(upper=_MAX_KL),
            color=LIBRARY_COLORS[library or "ebmark"],
            marker=METHOD_MARKERS[name],
            markersize=3.5,
            lw=1.2,
            label=method if library else f"ebmark {method}",
        )
    axes.axhline(TARGET_KL, color=GREY, lw=0.8, ls=":")
    axes.text(axes.get_xlim()[1], TARGET_KL, f" {TARGET_KL:g}", va="center", fontsize=8, color=INK)
    axes.set(
        xscale="log",
        yscale="log",
        ylim=(None, _MAX_KL * 1.1),
        xlabel="training time, CPU s",
        ylabel="KL(target ‖ model), nats",
        title=dataset.replace("_", " "),
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PLAIN_NUMBERS)
        axis.set_minor_formatter(NullFormatter())
    axes.grid()
