"""W1 of exact samples and of Langevin samples after increasing numbers of steps."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ebmark.report.figures._axes import PLAIN, add_legend, grid_of, set_entries
from ebmark.report.figures._style import PALE, styled
from ebmark.statistics import final_values, summary
from ebmark.store.units import DATA_UNITS

_EXACT = "#111827"
_LANGEVIN = "#c2410c"
_FEWER_STEPS = ("#e8843c", "#f3b483", "#f8d5ba", "#fbe8da")  # lighter with fewer steps
_SHORTER = re.compile(r"w1_langevin_(\d+)")


class Median(NamedTuple):
    """A median over seeds and the ends of its 95% interval, or the median itself."""

    value: float
    low: float
    high: float


class SamplerW1(NamedTuple):
    """W1 of one kind of samples, by configuration."""

    label: str
    color: str
    marker: str
    by_entry: dict[str, Median]


class DatasetW1(NamedTuple):
    """W1 of all kinds of samples on one dataset, and its null range."""

    dataset: str
    null_range: Mapping[str, Any] | None
    samplers: list[SamplerW1]


def select_w1(
    table: pd.DataFrame,
    datasets: Sequence[str],
    entries: Sequence[str],
    null_ranges: Mapping[str, Mapping[str, Mapping[str, Any]]],
    num_steps: int | None,
) -> list[DatasetW1]:
    """Select W1 of exact and of Langevin samples, on the datasets that have the latter.

    Args:
        table: The results, with configurations for methods.
        datasets: Datasets to select from.
        entries: Configurations to select.
        null_ranges: Dataset -> metric -> null range.
        num_steps: Steps of the Langevin chains, if known.
    """
    matches = [_SHORTER.fullmatch(str(metric)) for metric in table["metric"].unique()]
    shorter = sorted((int(match[1]) for match in matches if match), reverse=True)
    steps = f", {num_steps:,} steps" if num_steps else ""
    kinds = [
        ("w1_exact", "exact samples", _EXACT, "o"),
        ("w1_langevin", f"Langevin samples{steps}", _LANGEVIN, "D"),
    ]
    for i, num in enumerate(shorter):
        color = _FEWER_STEPS[min(i, len(_FEWER_STEPS) - 1)]
        kinds.append((f"w1_langevin_{num}", f"{num:,} steps", color, "D"))
    selected = []
    for dataset in datasets:
        if final_values(table, dataset, "w1_langevin"):
            samplers = [
                SamplerW1(label, color, marker, _medians(table, dataset, metric, entries))
                for metric, label, color, marker in kinds
            ]
            null_range = null_ranges.get(dataset, {}).get("w1")
            selected.append(DatasetW1(dataset, null_range, samplers))
    return selected


def _medians(
    table: pd.DataFrame, dataset: str, metric: str, entries: Sequence[str]
) -> dict[str, Median]:
    runs = final_values(table, dataset, metric)
    medians = {}
    for entry in entries:
        stats = summary(runs.get(entry, ()))
        if not np.isfinite(stats.median):
            continue
        has_interval = np.isfinite(stats.median_low)
        low = stats.median_low if has_interval else stats.median
        high = stats.median_high if np.isfinite(stats.median_high) else stats.median
        medians[entry] = Median(stats.median, low, high)
    return medians


@styled
def w1_by_sampler(
    selected: Sequence[DatasetW1], entries: Sequence[str], unit: str = DATA_UNITS
) -> Figure | None:
    """Draw what `select_w1` selects; None if there is nothing."""
    if not selected:
        return None
    figure, grid = grid_of([w1.dataset for w1 in selected], 1.0 + 0.46 * len(entries))
    for axes, w1 in zip(grid, selected, strict=False):
        if w1.null_range:
            _draw_null_range(axes, w1.null_range)
        _draw_medians(axes, w1.samplers, entries)
        set_entries(axes, entries)
        for y in range(1, len(entries)):
            axes.axhline(y - 0.5, color=PALE, linewidth=0.5)
        axes.set(xlabel=f"W1 to the target, {unit}")
        _set_scale(axes, w1)
    add_legend(figure, grid)
    return figure


def _draw_null_range(axes: Axes, null_range: Mapping[str, Any]) -> None:
    label = "null range (two target samples)"
    axes.axvspan(null_range["low"], null_range["high"], color="#e3edf4", linewidth=0, label=label)
    axes.axvline(null_range["mean"], color="#8fb6d0", linewidth=0.9)


def _draw_medians(axes: Axes, samplers: Sequence[SamplerW1], entries: Sequence[str]) -> None:
    for row, sampler in enumerate(samplers):
        offset = 0.17 * (row - (len(samplers) - 1) / 2)
        for y, entry in enumerate(entries):
            median = sampler.by_entry.get(entry)
            if median is None:
                continue
            height = y + offset
            axes.plot(
                (median.low, median.high),
                (height, height),
                color=sampler.color,
                linewidth=1.1,
                solid_capstyle="butt",
            )
            axes.plot(
                median.value,
                height,
                sampler.marker,
                color=sampler.color,
                markersize=4.2,
                markeredgewidth=0,
                label=sampler.label,
            )


def _set_scale(axes: Axes, w1: DatasetW1) -> None:
    """Scale the x axis to all that is drawn; logarithmically where values differ much."""
    values = [v for sampler in w1.samplers for m in sampler.by_entry.values() for v in m]
    if w1.null_range:
        values += [w1.null_range["low"], w1.null_range["high"]]
    if values and max(values) > 12 * min(values) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif values:
        axes.set_xlim(0, 1.06 * max(values))
    axes.xaxis.set_major_formatter(PLAIN)
