"""Charts of the table: what the error is made of, and what chains make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ebmark.report.figures._style import GREY, INK, PALE, PARTS, blank, styled
from ebmark.statistics import final_values, median_seed, role, summary

PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
COUNT = FuncFormatter(
    lambda v, _: f"{v / 1e6:g}M" if v >= 1e6 else f"{v / 1e3:g}k" if v >= 1e3 else f"{v:g}"
)
WIDTH = 4.9  # inches a dataset


def grid_of(names: Sequence[str], height: float) -> tuple[Figure, list[Axes]]:
    """Axes side by side, two a row, one for each dataset, with its name."""
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    figure = blank(WIDTH * columns if columns > 1 else 6.0, height * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for one, title in zip(axes, names, strict=False):
        one.set_title(title, loc="left", fontweight="bold")
    for one in axes[len(names) :]:
        one.set_axis_off()
    return figure, axes


@styled
def anatomy(table: pd.DataFrame, datasets: Sequence[str], methods: Sequence[str]) -> Figure | None:
    """KL of each method's median run as a bar of its three parts. None where there is no KL."""
    datasets = [name for name in datasets if final_values(table, name, "kl_off_support")]
    if not datasets:
        return None
    figure, axes = grid_of(datasets, 0.9 + 0.3 * len(methods))
    for one, dataset in zip(axes, datasets, strict=False):
        kl, parts = (
            final_values(table, dataset, "kl"),
            {part: final_values(table, dataset, part) for part in PARTS},
        )
        longest = 0.0
        for y, method in enumerate(methods):
            seed = median_seed(kl.get(method))
            if seed is None:
                one.text(
                    0, y, "  no finished run", va="center", color=GREY, style="italic", fontsize=8.5
                )
                continue
            left = 0.0
            for part, colour in PARTS.items():
                width = max(float(parts[part][method].get(seed, np.nan)), 0.0)
                one.barh(y, width, left=left, height=0.62, color=colour, label=part, linewidth=0)
                left += width
            longest = max(longest, left)
            one.text(left, y, f"  {kl[method][seed]:#.2g}", va="center", fontsize=8.5, color=INK)
        one.set_yticks(range(len(methods)), [named(method) for method in methods])
        one.set(
            ylim=(len(methods) - 0.4, -0.6),
            xlabel="KL(data || model), nats",
            xlim=(0, 1.17 * longest or 1),
        )
        one.tick_params(axis="y", length=0)
        one.spines["left"].set_visible(False)
        one.grid(axis="x")
        one.xaxis.set_major_formatter(PLAIN)
    legend(figure, axes)
    return figure


@styled
def errors(
    table: pd.DataFrame,
    datasets: Sequence[str],
    methods: Sequence[str],
    null_ranges: Mapping[str, Mapping[str, Mapping[str, Any]]],
    langevin_steps: int | None,
) -> Figure | None:
    """W1 of exact samples and of Langevin samples after more and more steps, and the floor."""
    short = sorted(
        {
            int(found[1])
            for m in table["metric"].unique()
            if (found := re.fullmatch(r"w1_langevin_(\d+)", m))
        }
    )
    last = f"Langevin, {langevin_steps:,} steps" if langevin_steps else "Langevin"
    rows = [("w1_exact", "exact samples", "#111827", "o")]
    rows.append(("w1_langevin", last, "#c2410c", "D"))
    rows += [
        (f"w1_langevin_{n}", f"Langevin, {n:,}", c, "D")
        for n, c in zip(reversed(short), _fades(len(short)), strict=True)
    ]
    datasets = [name for name in datasets if final_values(table, name, "w1_langevin")]
    if not datasets:
        return None
    figure, axes = grid_of(datasets, 1.0 + 0.46 * len(methods))
    for one, dataset in zip(axes, datasets, strict=False):
        floor = null_ranges.get(dataset, {}).get("w1")
        if floor:
            one.axvspan(
                floor["low"],
                floor["high"],
                color="#e3edf4",
                linewidth=0,
                label="floor: truth against truth",
            )
            one.axvline(floor["mean"], color="#8fb6d0", linewidth=0.9)
        seen: list[float] = []
        for r, (metric, label, colour, mark) in enumerate(rows):
            runs = final_values(table, dataset, metric)
            for y, method in enumerate(methods):
                s = summary(runs.get(method, ()))
                if not np.isfinite(s.median):
                    continue
                height = y + 0.17 * (r - (len(rows) - 1) / 2)
                ends = (
                    (s.median_low, s.median_high)
                    if np.isfinite(s.median_low)
                    else (s.median, s.median)
                )
                seen += [v for v in (*ends, s.median) if np.isfinite(v)]
                high = ends[1] if np.isfinite(ends[1]) else s.median
                one.plot(
                    (ends[0], high),
                    (height, height),
                    color=colour,
                    linewidth=1.1,
                    solid_capstyle="butt",
                )
                one.plot(
                    s.median,
                    height,
                    mark,
                    color=colour,
                    markersize=4.2,
                    markeredgewidth=0,
                    label=label,
                )
        one.set_yticks(range(len(methods)), [named(method) for method in methods])
        one.set(ylim=(len(methods) - 0.45, -0.55), xlabel="W1 to fresh data, in the data's units")
        one.tick_params(axis="y", length=0)
        one.spines["left"].set_visible(False)
        for y in range(1, len(methods)):
            one.axhline(y - 0.5, color=PALE, linewidth=0.5)
        seen += [floor["low"], floor["high"]] if floor else []
        if seen and max(seen) > 12 * min(seen) > 0:
            one.set_xscale("log")
            one.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            one.xaxis.set_minor_formatter(NullFormatter())
        elif seen:
            one.set_xlim(0, 1.06 * max(seen))
        one.xaxis.set_major_formatter(PLAIN)
    legend(figure, axes)
    return figure


def _fades(num: int) -> list[str]:
    return ["#e8843c", "#f3b483", "#f8d5ba"][:num] + ["#fbe8da"] * max(num - 3, 0)


def named(method: str) -> str:
    """An entry, and that it is an oracle or an anchor."""
    return f"{method} ({role(method)})" if role(method) else method


def entry_axis(axes: Axes, entries: Sequence[str]) -> None:
    """The entries' names, from the top down."""
    axes.set_yticks(range(len(entries)), [named(entry) for entry in entries])
    axes.set(ylim=(len(entries) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def legend(figure: Figure, axes: Sequence[Axes], columns: int = 6) -> None:
    """One legend above all."""
    found = {
        label: handle
        for one in axes
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        found.values(),
        found.keys(),
        loc="outside upper center",
        ncols=min(len(found), columns),
        columnspacing=1.4,
    )


def log_ticks(axes: Axes, along: FuncFormatter = PLAIN) -> None:
    """Plain numbers on logarithmic axes; `along` writes those of x."""
    for axis, words in ((axes.xaxis, along), (axes.yaxis, PLAIN)):
        if axis.get_scale() != "log":
            continue
        low, high = axis.get_view_interval()
        wide = high > 60 * low
        axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axis.set_major_formatter(words)
        axis.set_minor_locator(LogLocator(subs=range(2, 10)))
        axis.set_minor_formatter(NullFormatter())
