"""Every entry against one named reference: is the difference real, and how large is it?"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import success, summary
from ebmark.statistics._paired import SIGNIFICANT, Paired, holm, paired
from ebmark.statistics._power import seeds_needed
from ebmark.statistics._runs import final_values, role


class Comparison(NamedTuple):
    """An entry on a dataset, against the reference; `adjusted` is Holm's p over all of them."""

    dataset: str
    entry: str
    median: float
    reference_median: float
    paired: Paired
    adjusted: float
    seeds_needed: int | None
    num_completed: int
    num_runs: int
    completed_low: float  # the 95 % interval of the share of runs that ended
    completed_high: float
    has_diverged: bool = False  # whether a run of either diverged

    @property
    def is_significant(self) -> bool:
        """Whether the two are told apart."""
        return self.adjusted < SIGNIFICANT

    @property
    def is_lower(self) -> bool:
        """Whether the entry has less of the metric than the reference."""
        return self.paired.difference < 0


def reference(entries: Sequence[str], wanted: str | None = None) -> str | None:
    """The one entry that all are compared with: the wanted one, or the first that is a method.

    Never the best by the results: a winner chosen after the fact owes some of its lead to luck.
    """
    if wanted in entries:
        return wanted
    return next((one for one in entries if role(one) is None), None)


def compare_to_reference(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str], metric: str, against: str
) -> list[Comparison]:
    """The paired comparisons of all entries with `against`: Holm's correction is over them all."""
    found, differences = [], []
    for dataset in datasets:
        runs = final_values(table, dataset, metric)
        if against not in runs:
            continue
        for entry in (one for one in entries if one in runs and one != against):
            a, b = runs[entry].align(runs[against], join="inner")
            medians = (summary(runs[name]).median for name in (entry, against))
            test, ended = paired(a, b), success(runs[entry])
            found.append(Comparison(dataset, entry, *medians, test, math.nan, None, *ended))
            differences.append((a - b).to_numpy(float))
    adjusted = holm([one.paired.p for one in found])
    tested = sum(not math.isnan(p) for p in adjusted) or len(found)
    return [
        one._replace(
            adjusted=p,
            seeds_needed=None if p < SIGNIFICANT else seeds_needed(d, comparisons=tested),
            has_diverged=not np.isfinite(d).all(),
        )
        for one, p, d in zip(found, adjusted, differences, strict=True)
    ]
