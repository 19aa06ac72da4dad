"""Charts of the table: what the error is made of, what it costs, where it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ebmark.figures._style import GREY, INK, PALE, PARTS, blank, colours, styled
from ebmark.statistics import ROLES, final, median_run, summary, worst_if_diverged

PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
WIDTH = 4.9  # inches a dataset


def _row(names: Sequence[str], height: float) -> tuple[Figure, list[Axes]]:
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
    datasets = [name for name in datasets if final(table, name, "leak")]
    if not datasets:
        return None
    figure, axes = _row(datasets, 0.9 + 0.3 * len(methods))
    for one, dataset in zip(axes, datasets, strict=False):
        kl, parts = (
            final(table, dataset, "kl"),
            {part: final(table, dataset, part) for part in PARTS},
        )
        longest = 0.0
        for y, method in enumerate(methods):
            seed = median_run(table, dataset, method, "kl")
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
        one.set_yticks(range(len(methods)), [_name(method) for method in methods])
        one.set(
            ylim=(len(methods) - 0.4, -0.6),
            xlabel="KL(data || model), nats",
            xlim=(0, 1.17 * longest or 1),
        )
        one.tick_params(axis="y", length=0)
        one.spines["left"].set_visible(False)
        one.grid(axis="x")
        one.xaxis.set_major_formatter(PLAIN)
    _legend(figure, axes)
    return figure


@styled
def cost(table: pd.DataFrame, datasets: Sequence[str], methods: Sequence[str]) -> Figure | None:
    """KL (or NLL) against training seconds: line the median of the seeds, band their quartiles."""
    metric = {
        name: next((m for m in ("kl", "nll") if final(table, name, m)), None) for name in datasets
    }
    datasets = [name for name in datasets if metric[name]]
    if not datasets:
        return None
    figure, axes = _row(datasets, 3.1)
    looks = colours(methods)
    for one, dataset in zip(axes, datasets, strict=False):
        name = str(metric[dataset])
        for method in methods:
            seconds, values = (_by_step(table, dataset, method, m) for m in ("train_seconds", name))
            steps = [
                step for step in values if np.nanmedian(seconds.get(step, np.array([0.0]))) > 0
            ]
            x = [np.nanmedian(seconds[step]) for step in steps]
            low, middle, high = (
                np.array([_quartiles(values[step]) for step in steps]).reshape(-1, 3).T
            )
            colour, mark = looks[method]
            style = "--" if method in ROLES else "-"
            one.fill_between(
                x,
                low,
                np.where(np.isfinite(high), high, 1e300),
                color=colour,
                alpha=0.16,
                linewidth=0,
            )
            one.plot(
                x,
                middle,
                style,
                color=colour,
                marker=mark,
                markersize=4,
                linewidth=1.3,
                label=_name(method),
            )
        one.set(
            xscale="log",
            xlabel="training seconds",
            ylabel="KL, nats" if name == "kl" else "NLL, nats",
        )
        finite = [
            v for method in methods for v in _all(table, dataset, method, name) if np.isfinite(v)
        ]
        if name == "kl" and finite and min(finite) > 0:
            one.set_yscale("log")
            one.set_ylim(min(finite) / 1.3, min(max(finite) * 1.3, 1e6 * min(finite)))
        elif finite:
            pad = 0.05 * (max(finite) - min(finite) or 1)
            one.set_ylim(min(finite) - pad, max(finite) + pad)
        _log_ticks(one)
        one.grid(which="major")
    _legend(figure, axes)
    return figure


@styled
def errors(
    table: pd.DataFrame,
    datasets: Sequence[str],
    methods: Sequence[str],
    floors: Mapping[str, Mapping[str, Mapping[str, Any]]],
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
    datasets = [name for name in datasets if final(table, name, "w1_langevin")]
    if not datasets:
        return None
    figure, axes = _row(datasets, 1.0 + 0.46 * len(methods))
    for one, dataset in zip(axes, datasets, strict=False):
        floor = floors.get(dataset, {}).get("w1")
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
            runs = final(table, dataset, metric)
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
        one.set_yticks(range(len(methods)), [_name(method) for method in methods])
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
    _legend(figure, axes)
    return figure


def _fades(num: int) -> list[str]:
    return ["#e8843c", "#f3b483", "#f8d5ba"][:num] + ["#fbe8da"] * max(num - 3, 0)


def _name(method: str) -> str:
    return f"{method} ({ROLES[method]})" if method in ROLES else method


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend above all, a line each."""
    found = {
        label: handle
        for one in axes
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        found.values(),
        found.keys(),
        loc="outside upper center",
        ncols=min(len(found), 6),
        columnspacing=1.4,
    )


def _log_ticks(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() != "log":
            continue
        low, high = axis.get_view_interval()
        wide = high > 60 * low
        axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axis.set_major_formatter(PLAIN)
        axis.set_minor_locator(LogLocator(subs=range(2, 10)))
        axis.set_minor_formatter(NullFormatter())


def _by_step(table: pd.DataFrame, dataset: str, method: str, metric: str) -> dict[int, np.ndarray]:
    """Step -> values over seeds; a run that diverged counts as the worst at every step."""
    rows = table[(table["dataset"] == dataset) & (table["method"] == method)]
    lost = rows.loc[rows["status"] == "diverged", "seed"].nunique()
    done = rows[(rows["metric"] == metric) & (rows["status"] != "diverged")]
    worst = np.full(lost, np.nan if metric.endswith("seconds") else np.inf)
    return {
        int(step): np.concatenate([one["value"].to_numpy(float), worst])
        for step, one in done.groupby("step")
    }


def _all(table: pd.DataFrame, dataset: str, method: str, metric: str) -> np.ndarray:
    values = _by_step(table, dataset, method, metric).values()
    return np.array([q for one in values for q in _quartiles(one)])


def _quartiles(values: np.ndarray) -> np.ndarray:
    """Quartiles by order (no interpolation, so that +inf stays itself)."""
    return np.quantile(worst_if_diverged(values), [0.25, 0.5, 0.75], method="nearest")
