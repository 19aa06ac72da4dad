"""The figure: ratios of the same work, and KL against seconds of training."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.report.labels import WHAT
from ebmark.report.figures._style import GREY, INK, blank, styled

COLOURS = {"ebmark": "#0072B2", "torchebm": "#D55E00", "ebmkit": "#009E73"}
MARKS = {"cd": "o", "pcd": "s", "dsm": "^", "nce": "D"}
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
_TOP = 10.0  # nats: what lies above has diverged


@styled
def drawn(speed: pd.DataFrame, curves: pd.DataFrame | None) -> Figure:
    """Left, how many times ebmark's time a rival takes; beside it, a panel a dataset."""
    datasets = [] if curves is None else list(dict.fromkeys(curves["dataset"]))
    figure = blank(4.2 + 3.4 * len(datasets), 3.6)
    panels = figure.subplots(1, 1 + len(datasets), width_ratios=[1.0] + [1.0] * len(datasets))
    axes = list(np.atleast_1d(panels))
    _ratios(axes[0], speed)
    for one, dataset in zip(axes[1:], datasets, strict=True):
        _curves(one, curves[curves["dataset"] == dataset], dataset)
    if datasets:
        handles, names = axes[-1].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=6)
    return figure


def _ratios(axes, speed: pd.DataFrame) -> None:
    shown = [part for part in WHAT if (speed["part"].eq(part) & speed["ratio"].ne(1)).any()]
    for y, part in enumerate(shown):
        for who in ("torchebm", "ebmkit"):
            row = speed[(speed["part"] == part) & (speed["who"] == who)]
            if row.empty:
                continue
            row, y_here = row.iloc[0], y + (0.14 if who == "ebmkit" else -0.14)
            axes.plot(
                [row["ratio_low"], row["ratio_high"]], [y_here] * 2, color=COLOURS[who], lw=1.2
            )
            axes.plot(row["ratio"], y_here, "o", color=COLOURS[who], markersize=5)
            axes.text(
                row["ratio_high"] * 1.06, y_here, f"{row['ratio']:.2g}", va="center", fontsize=8
            )
    axes.axvline(1, color=GREY, lw=0.8)
    axes.set_yticks(range(len(shown)), [part.replace("/", ", ") for part in shown])
    axes.set(
        xscale="log",
        ylim=(len(shown) - 0.4, -0.6),
        xlabel="times ebmark's seconds (ebmark = 1)",
        title="The same work",
    )
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.8), high * 1.5)
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x")


def _curves(axes, rows: pd.DataFrame, dataset: str) -> None:
    for method in dict.fromkeys(rows["method"]):
        runs = rows[rows["method"] == method]
        library, _, name = method.rpartition("/")
        library = library or "ebmark"
        middle = runs.groupby("step").agg({"seconds": "median", "kl": "median"})
        axes.plot(
            middle["seconds"],
            middle["kl"].clip(upper=_TOP),
            color=COLOURS[library],
            marker=MARKS[name],
            markersize=3.5,
            lw=1.2,
            label=method if "/" in method else f"ebmark {method}",
        )
    axes.axhline(0.05, color=GREY, lw=0.8, ls=":")
    axes.text(axes.get_xlim()[1], 0.05, " .05", va="center", fontsize=8, color=INK)
    axes.set(
        xscale="log",
        yscale="log",
        ylim=(None, _TOP * 1.1),
        xlabel="seconds of training",
        ylabel="KL(data || model), nats",
        title=dataset.replace("_", " "),
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PLAIN)
        axis.set_minor_formatter(NullFormatter())
    axes.grid()
