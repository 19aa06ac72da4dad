"""Final values of a metric, by configuration and seed, selected from the table of results."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import all_positive, summary
from ebmark.statistics._paired import SIGNIFICANT, Paired, paired

# Never ranked and shown separately: the oracle knows Z, a baseline has no energy network.
ROLES = {"mle": "oracle", "gaussian": "baseline", "kde": "baseline", "flow": "baseline"}


def role(entry: str) -> str | None:
    """Return `oracle` or `baseline`, or None for a method; `entry` may name a recipe.

    Example:
        >>> role("mle, tuned"), role("nce")
        ('oracle', None)
    """
    return ROLES.get(entry.partition(", ")[0])


class Best(NamedTuple):
    """The method with the best median, the runner-up, and their paired comparison.

    The difference of the comparison is negative where the best method is better, in both directions
    of a metric.

    The two-sided test needs no correction for having selected both from the results: it keeps its
    level as a test of "no other method is as low", for any number of methods.

    References: Gutmann & Maymin (1987), Is the selected population the best?; Hung & Fithian
    (2019), Rank verification for exponential families.
    """

    method: str
    runner_up: str | None
    paired: Paired | None

    @property
    def significant(self) -> bool:
        """Whether the best method is significantly better than the runner-up (p < 0.05)."""
        if self.paired is None:
            return False
        return self.paired.p < SIGNIFICANT and self.paired.difference < 0


def final_values(table: pd.DataFrame, dataset: str, metric: str) -> dict[str, pd.Series]:
    """Select a metric at the end of training.

    Args:
        table: Results with columns `dataset, method, seed, step, metric, value, status`; the
            column `method` holds configurations.
        dataset: Name of the dataset.
        metric: Name of the metric.

    Returns:
        Configuration -> values by seed, NaN for runs that diverged. Empty if no run has a finite
        value of the metric.
    """
    of_dataset = table.loc[table["dataset"] == dataset]
    rows = of_dataset.loc[of_dataset["metric"] == metric].sort_values("step", kind="stable")
    last_values: dict[tuple[str, int], float] = {}
    for method, seed, value in zip(rows["method"], rows["seed"], rows["value"], strict=True):
        last_values[method, seed] = float(value)
    if not np.isfinite(list(last_values.values())).any():
        return {}
    diverged = of_dataset.loc[of_dataset["status"] == "diverged"]
    for run in zip(diverged["method"], diverged["seed"], strict=True):
        last_values[run] = math.nan
    runs: dict[str, dict[int, float]] = {}
    for (method, seed), value in sorted(last_values.items()):
        runs.setdefault(method, {})[seed] = value
    return {method: pd.Series(by_seed, dtype=float) for method, by_seed in runs.items()}


def best(
    table: pd.DataFrame, dataset: str, metric: str, *, higher_is_better: bool = False
) -> Best | None:
    """Return the method with the best median and its comparison with the runner-up.

    Oracles and baselines are left out. A configuration with the very same values, such as a tuned
    recipe that equals the default one, is not a runner-up.

    Args:
        table: As in `final_values`.
        dataset: Name of the dataset.
        metric: Name of the metric.
        higher_is_better: The direction of the metric.

    Returns:
        None if there is no method or every median run diverged.
    """
    all_runs = final_values(table, dataset, metric)
    sign = -1 if higher_is_better else 1
    runs = {method: sign * values for method, values in all_runs.items() if role(method) is None}
    is_geometric = all_positive(runs.values())
    sums = {method: summary(x, is_geometric=is_geometric) for method, x in runs.items()}
    order = sorted(sums, key=lambda method: (sums[method].median, sums[method].mean, method))
    if not order or not np.isfinite(sums[order[0]].median):
        return None
    first = runs[order[0]]
    others = [method for method in order if not runs[method].equals(first)]
    if not others:
        return Best(order[0], None, None)
    a, b = first.align(runs[others[0]], join="inner")
    return Best(order[0], others[0], paired(a, b))


def median_seed(runs: pd.Series | None) -> int | None:
    """Return the seed of the median run (the lower of two); None if every run diverged."""
    if runs is None:
        return None
    seeds = runs.dropna().sort_values(kind="stable").index
    if seeds.empty:
        return None
    return int(seeds[(len(seeds) - 1) // 2])
