"""What a sweep found: a measure along the axes of a study, over seeds. Numbers of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import Summary, summary, worst_if_diverged

# what every cell of a study has, but where it could not be found out
_EVERYWHERE = ("kl", "nll")


class SweepPoint(NamedTuple):
    """One point of a sweep: where it lies, and what the seeds found there."""

    panel: str  # a dataset, or a family of them
    line: str  # the method and the recipe's name, without the axes
    at: dict[str, Any]  # axis -> value; without those that the method does not have
    found: Summary
    ends: tuple[float, float]  # the median's 95 % interval; the seeds' range where they are few
    unknown: int = 0  # runs that ended, and whose measure could not be found out


def sweep_points(
    table: pd.DataFrame, axes: Sequence[str], measure: str, families: Mapping[str, str]
) -> list[SweepPoint]:
    """Each entry's measure at the end of training, in the table's order, over its seeds.

    `table` holds entries for methods. Laws of one family stand on one panel if an axis is a number
    of the laws. A diverged run is infinite, and so is one whose KL is not known.
    """
    last = table[table["metric"] == measure].sort_values("step", kind="stable")
    last = last.drop_duplicates("run_id", keep="last")
    lost = table[~table["run_id"].isin(last["run_id"])].drop_duplicates("run_id")
    if measure not in _EVERYWHERE:
        lost = lost[lost["status"] == "diverged"]
    last = pd.concat([last.assign(unknown=False), lost.assign(unknown=lost["status"] == "done")])
    value = last["value"].where((last["status"] == "done") & ~last["unknown"], np.nan)
    if not np.isfinite(value).any():
        return []
    last = last.assign(
        value=worst_if_diverged(value),
        panel=[families.get(name, name) for name in last["dataset"]],
        line=[without_axes(entry) for entry in last["method"]],
        **{axis: _values(last[axis]) for axis in axes},
    ).sort_index()
    found = []
    for (panel, line, *at), rows in last.groupby(
        ["panel", "line", *axes], sort=False, dropna=False
    ):
        where = {axis: v for axis, v in zip(axes, at, strict=True) if v == v and v is not None}
        s = summary(rows["value"])
        bounded = s.median_low == s.median_low
        ends = (s.median_low, s.median_high) if bounded else (rows["value"].min(), s.worst)
        found.append(SweepPoint(panel, line, where, s, ends, int(rows["unknown"].sum())))
    return found


def _values(column: pd.Series) -> pd.Series:
    """An axis's column as numbers, or as words where one of them is none; empty where missing."""
    known = column.where(~column.astype(str).isin(["", "nan", "None"]))
    numbers = pd.to_numeric(known, errors="coerce")
    return numbers if numbers.notna().equals(known.notna()) else known


def without_axes(entry: str) -> str:
    """`cd, tuned` of `cd, tuned, step_size=0.1`."""
    return ", ".join(part for part in entry.split(", ") if "=" not in part)


def usable(
    line: Sequence[SweepPoint], axis: str, factor: float = 2.0
) -> tuple[SweepPoint, Any, Any] | None:
    """The best spot of a line, and the ends of the stretch around it that is `factor` as good.

    None where every run diverged. The stretch is of neighbours: it ends at the first worse one.
    """
    ordered = sorted((spot for spot in line if axis in spot.at), key=lambda spot: spot.at[axis])
    medians = [spot.found.median for spot in ordered]
    if not ordered or not np.isfinite(min(medians)):
        return None
    best = int(np.argmin(medians))
    limit = max(factor * medians[best], medians[best])
    low = high = best
    while low > 0 and medians[low - 1] <= limit:
        low -= 1
    while high < len(ordered) - 1 and medians[high + 1] <= limit:
        high += 1
    return ordered[best], ordered[low].at[axis], ordered[high].at[axis]
