"""Sweeps: a metric along the axes of a study, over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import Summary, median_and_ends
from ebmark.statistics._runs import IN_EVERY_RUN


class SweepPoint(NamedTuple):
    """One configuration of a sweep.

    Attributes:
        panel: The dataset, or the family of datasets.
        line: The method and its recipe, without the axes.
        at: Axis -> value, without axes that the method does not have.
        found: The metric over seeds.
        ends: The median's 95% interval; the range of the seeds if they are too few for one.
        unknown: Number of completed runs without a finite value of the metric.
        higher_is_better: The direction of the metric.
    """

    panel: str
    line: str
    at: dict[str, Any]
    found: Summary
    ends: tuple[float, float]
    unknown: int = 0
    higher_is_better: bool = False


def sweep_points(
    table: pd.DataFrame,
    axes: Sequence[str],
    measure: str,
    families: Mapping[str, str],
    *,
    higher_is_better: bool = False,
) -> list[SweepPoint]:
    """Return the metric at the end of training of each configuration, over its seeds.

    Args:
        table: Results, with configurations in the column `method` and a column per axis.
        axes: Names of the axes.
        measure: Name of the metric.
        families: Dataset -> panel, for datasets that differ by an axis; others have their own.
        higher_is_better: The direction of the metric.

    Returns:
        The points in the order of the table. A run that diverged, or whose KL or NLL is unknown,
        counts as the worst. Empty if no run has a finite value.
    """
    last = table.loc[table["metric"] == measure].sort_values("step", kind="stable")
    last = last.drop_duplicates("run_id", keep="last")
    missing = table.loc[~table["run_id"].isin(last["run_id"])].drop_duplicates("run_id")
    if measure not in IN_EVERY_RUN:
        missing = missing.loc[missing["status"] == "diverged"]
    runs = pd.concat([last, missing.assign(value=np.nan)])
    is_done = runs["status"] == "done"
    values = pd.Series(runs["value"]).where(is_done, np.nan)
    is_known = np.isfinite(values)
    if not is_known.any():
        return []
    columns: dict[str, Any] = {axis: _parse_axis(pd.Series(runs[axis])) for axis in axes}
    columns["value"] = values
    columns["unknown"] = is_done & ~is_known
    columns["panel"] = [families.get(name, name) for name in runs["dataset"]]
    columns["line"] = [without_axes(entry) for entry in runs["method"]]
    runs = runs.assign(**columns).sort_index()
    groups = runs.groupby(["panel", "line", *axes], sort=False, dropna=False)
    return [_sweep_point(group, axes, higher_is_better) for _, group in groups]


def _sweep_point(runs: pd.DataFrame, axes: Sequence[str], higher_is_better: bool) -> SweepPoint:
    """The point of the runs of one configuration, which all have the same values of the axes."""
    first = runs.iloc[0]
    values = runs["value"].to_numpy(float)
    over_seeds, ends = median_and_ends(values, higher_is_better=higher_is_better)
    return SweepPoint(
        panel=first["panel"],
        line=first["line"],
        at={axis: first[axis] for axis in axes if pd.notna(first[axis])},
        found=over_seeds,
        ends=ends,
        unknown=int(np.sum(runs["unknown"])),
        higher_is_better=higher_is_better,
    )


def _parse_axis(column: pd.Series) -> pd.Series:
    """The values of an axis as numbers, or as text if one of them is not a number."""
    is_missing = column.astype(str).isin(["", "nan", "None"])
    known = column.mask(is_missing)
    numbers = pd.Series(pd.to_numeric(known, errors="coerce"))
    return numbers if numbers.notna().equals(known.notna()) else known


def without_axes(entry: str) -> str:
    """Return the configuration without swept hyperparameters.

    Example:
        >>> without_axes("cd, tuned, step_size=0.1")
        'cd, tuned'
    """
    return ", ".join(part for part in entry.split(", ") if "=" not in part)


def usable(
    line: Sequence[SweepPoint], axis: str, factor: float = 2.0
) -> tuple[SweepPoint, Any, Any] | None:
    """Return the best point of a line, and the range around it that is within a factor of it.

    Args:
        line: Points of one line; those without the axis are left out.
        axis: Name of the axis.
        factor: The range ends before the first neighbor whose median is above `factor` times the
            best one, or if more is better, below the best one divided by `factor`.

    Returns:
        The best point and both ends of the range; None if every median run diverged.
    """
    points = sorted((point for point in line if axis in point.at), key=lambda point: point.at[axis])
    sign = -1 if any(point.higher_is_better for point in points) else 1
    medians = [sign * point.found.median for point in points]
    if not points or not np.isfinite(min(medians)):
        return None
    best = int(np.argmin(medians))
    # medians of which more is better are negated here
    limit = max(medians[best], medians[best] * (factor if sign > 0 else 1 / factor))
    low = best
    while low > 0 and medians[low - 1] <= limit:
        low -= 1
    high = best
    while high < len(points) - 1 and medians[high + 1] <= limit:
        high += 1
    return points[best], points[low].at[axis], points[high].at[axis]
