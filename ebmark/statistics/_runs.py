"""Final values of a metric, by configuration and seed, selected from the table of results."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import all_positive, summary
from ebmark.statistics._paired import SIGNIFICANT, Paired, paired

# A completed run without a value of these is one whose log Z is unresolved.
IN_EVERY_RUN = ("kl", "nll")
# Never ranked and shown separately: the oracle knows Z, a baseline has no energy network.
ROLES = {"mle": "oracle"} | dict.fromkeys(("gaussian", "mixture", "kde", "flow"), "baseline")


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
        Configuration -> values by seed. NaN, which counts as the worst, for runs that diverged and
        for completed runs without a finite value: log Z is unresolved or chains have not converged.
        Empty if no run has the metric, or, except for KL and NLL, no finite value of it.
    """
    # few columns: all others would be copied
    is_of_dataset = (table["dataset"] == dataset).to_numpy()
    is_metric = is_of_dataset & (table["metric"] == metric).to_numpy()
    rows = table[["method", "seed", "step", "value"]].loc[is_metric]
    rows = rows.sort_values("step", kind="stable")
    last_values: dict[tuple[str, int], float] = {}
    for method, seed, value in zip(rows["method"], rows["seed"], rows["value"], strict=True):
        last_values[method, seed] = float(value) if math.isfinite(value) else math.nan
    is_unresolved = all(map(math.isnan, last_values.values()))
    if not last_values or (is_unresolved and metric not in IN_EVERY_RUN):
        return {}
    measured = {method for method, _ in last_values}
    unique = table[["method", "seed", "status"]].loc[is_of_dataset].drop_duplicates()
    completed = set(unique["method"].loc[unique["status"] != "diverged"])
    for method, seed, status in zip(
        unique["method"], unique["seed"], unique["status"], strict=True
    ):
        if metric not in IN_EVERY_RUN and method in completed - measured:
            continue  # the method does not have it
        if status == "diverged":
            last_values[method, seed] = math.nan
        else:
            last_values.setdefault((method, seed), math.nan)
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
    return Best(order[0], others[0], paired_by_seed(first, runs[others[0]]))


def paired_by_seed(a: pd.Series, b: pd.Series, *, higher_is_better: bool = False) -> Paired:
    """Test a - b over the seeds that both have; missing seeds never help the better of the two.

    Seeds of the other that the better one lacks count as its worst value. If it is not the better
    one any more, nothing is known: p is 1 and the interval is infinite.

    Args:
        a: Values by seed, as of `final_values`.
        b: Values by seed of the other configuration.
        higher_is_better: The direction of the metric.
    """
    if higher_is_better:
        test = paired_by_seed(-a, -b)
        return test._replace(difference=-test.difference, low=-test.high, high=-test.low)
    common = paired(*a.align(b, join="inner"))
    if math.isnan(common.p) or common.difference == 0:
        return common
    is_better = common.difference < 0
    seeds = b.index if is_better else a.index
    penalized = paired(a.reindex(seeds), b) if is_better else paired(a, b.reindex(seeds))
    if (penalized.difference < 0) == is_better and penalized.difference != 0:
        return penalized
    return penalized._replace(p=1.0, difference=0.0, low=-math.inf, high=math.inf)


def median_seed(runs: pd.Series | None) -> int | None:
    """Return the seed of the median run (the lower of two); None if every run diverged."""
    if runs is None:
        return None
    seeds = runs.dropna().sort_values(kind="stable").index
    if seeds.empty:
        return None
    return int(seeds[(len(seeds) - 1) // 2])
