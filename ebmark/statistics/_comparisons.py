"""Paired comparisons of configurations with one reference method."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import success, summary
from ebmark.statistics._paired import SIGNIFICANT, Paired, holm
from ebmark.statistics._power import seeds_needed
from ebmark.statistics._runs import final_values, paired_by_seed, role


class Comparison(NamedTuple):
    """A configuration compared with the reference method on a dataset.

    Attributes:
        dataset: Name of the dataset.
        entry: The configuration.
        median: Median of the configuration over seeds.
        reference_median: Median of the reference method over seeds.
        paired: Signed-rank test and difference, configuration minus reference.
        adjusted: p-value after Holm's correction over all comparisons.
        seeds_needed: Seeds for 80% power at the observed difference; None if that is significant
            or unknown.
        num_completed: Runs with a value: neither diverged nor unresolved.
        num_runs: All runs of the configuration.
        completed_low: Lower end of the 95% interval of the fraction of completed runs.
        completed_high: Upper end of that interval.
        has_diverged: Whether a run of either of the two diverged or has no value.
    """

    dataset: str
    entry: str
    median: float
    reference_median: float
    paired: Paired
    adjusted: float
    seeds_needed: int | None
    num_completed: int
    num_runs: int
    completed_low: float
    completed_high: float
    has_diverged: bool = False

    @property
    def is_significant(self) -> bool:
        """Whether the adjusted p-value is below 0.05."""
        return self.adjusted < SIGNIFICANT

    @property
    def is_lower(self) -> bool:
        """Whether the metric of the configuration is lower than that of the reference."""
        return self.paired.difference < 0


def reference(entries: Sequence[str], wanted: str | None = None) -> str | None:
    """Return the reference method: `wanted` if it is among the entries, else the first method.

    It is never chosen by the results: the lead of a method selected as the best is biased.
    """
    if wanted in entries:
        return wanted
    return next((entry for entry in entries if role(entry) is None), None)


def compare_to_reference(
    table: pd.DataFrame,
    datasets: Sequence[str],
    entries: Sequence[str],
    metric: str,
    against: str,
    *,
    higher_is_better: bool = False,
) -> list[Comparison]:
    """Compare all configurations with the reference method, by the paired signed-rank test.

    Args:
        table: Results, with configurations in the column `method`.
        datasets: Names of datasets; those without runs of the reference are left out.
        entries: Configurations.
        metric: Name of the metric.
        against: The reference method.
        higher_is_better: The direction of the metric.

    Returns:
        One comparison per dataset and configuration. Holm's correction is over all of them.
    """
    comparisons = []
    differences = []
    for dataset in datasets:
        runs = final_values(table, dataset, metric)
        if against not in runs:
            continue
        for entry in entries:
            if entry not in runs or entry == against:
                continue
            a, b = runs[entry].align(runs[against], join="inner")
            num_completed, num_runs, completed_low, completed_high = success(runs[entry])
            difference = (a - b).to_numpy(float)
            differences.append(difference)
            comparison = Comparison(
                dataset=dataset,
                entry=entry,
                median=summary(runs[entry], higher_is_better=higher_is_better).median,
                reference_median=summary(runs[against], higher_is_better=higher_is_better).median,
                paired=paired_by_seed(
                    runs[entry], runs[against], higher_is_better=higher_is_better
                ),
                adjusted=math.nan,
                seeds_needed=None,
                num_completed=num_completed,
                num_runs=num_runs,
                completed_low=completed_low,
                completed_high=completed_high,
                has_diverged=not np.isfinite(difference).all(),
            )
            comparisons.append(comparison)
    return _adjust(comparisons, differences)


def _adjust(comparisons: list[Comparison], differences: list[np.ndarray]) -> list[Comparison]:
    """Apply Holm's correction and state the seeds that the others would need."""
    p_values = holm([comparison.paired.p for comparison in comparisons])
    num_tested = sum(not math.isnan(p) for p in p_values) or len(comparisons)
    adjusted = []
    for comparison, p, difference in zip(comparisons, p_values, differences, strict=True):
        needed = None
        if not p < SIGNIFICANT:
            needed = seeds_needed(difference, comparisons=num_tested)
        adjusted.append(comparison._replace(adjusted=p, seeds_needed=needed))
    return adjusted
