"""Mean ranks over datasets, with Friedman's test and Nemenyi's critical difference."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy

from ebmark.statistics._intervals import LEVEL, summary
from ebmark.statistics._runs import final_values, role

MIN_DATASETS = 6


class Ranks(NamedTuple):
    """Mean ranks over datasets; 1 is best.

    Attributes:
        entries: Configurations, best first.
        mean: Their mean ranks.
        datasets: Names of the datasets.
        p: p-value of Friedman's test that all are equal, of two methods of the exact sign test; NaN
            for fewer than 6 datasets.
        critical: Nemenyi's critical difference, of two methods that of the sign test: mean ranks
            that are closer do not differ significantly; NaN for fewer than 6 datasets.
    """

    entries: list[str]
    mean: list[float]
    datasets: list[str]
    p: float
    critical: float

    @property
    def enough(self) -> bool:
        """Whether there are enough datasets and configurations for a test."""
        return len(self.datasets) >= MIN_DATASETS and len(self.entries) > 1

    @property
    def cliques(self) -> list[tuple[int, int]]:
        """Maximal ranges of entries without a significant difference, as first and last index."""
        ranges: list[tuple[int, int]] = []
        for first in range(len(self.entries)):
            close = [i for i, m in enumerate(self.mean) if m - self.mean[first] < self.critical]
            last = close[-1]
            is_new = not ranges or last > ranges[-1][1]
            if last > first and is_new:
                ranges.append((first, last))
        return ranges


def ranks(
    table: pd.DataFrame,
    datasets: Sequence[str],
    entries: Sequence[str],
    metric: str,
    *,
    higher_is_better: bool = False,
) -> Ranks | None:
    """Rank the methods that were run on all datasets by their medians over seeds.

    Args:
        table: Results, with configurations in the column `method`.
        datasets: Names of datasets; those without the metric are left out.
        entries: Configurations; oracles and baselines are left out.
        metric: Name of the metric.
        higher_is_better: The direction of the metric.

    Returns:
        None for fewer than two methods. A configuration whose median run diverged ranks last.
    """
    runs_by_dataset = {}
    for dataset in datasets:
        runs = final_values(table, dataset, metric)
        if runs:
            runs_by_dataset[dataset] = runs
    methods = [
        entry
        for entry in entries
        if role(entry) is None and all(entry in runs for runs in runs_by_dataset.values())
    ]
    if not runs_by_dataset or len(methods) < 2:
        return None
    sign = -1 if higher_is_better else 1
    medians = [
        [summary(sign * runs[method]).median for method in methods]
        for runs in runs_by_dataset.values()
    ]
    return rank(np.array(medians), list(runs_by_dataset), methods)


def rank(medians: np.ndarray, datasets: list[str], methods: list[str]) -> Ranks:
    r"""Rank methods by a block design.

    $$ \mathrm{CD} = q_{0.05, k} \sqrt{k (k + 1) / 6 N} $$

    The sample are the N datasets, not the seeds: with fewer than 6 of them nothing is tested.

    Args:
        medians: A value per dataset (rows) and method (columns), lower is better.
        datasets: Names of the N rows.
        methods: Names of the k columns.

    References: Friedman (1937), The use of ranks to avoid the assumption of normality; Nemenyi
    (1963); Demsar (2006), Statistical comparisons of classifiers over multiple data sets.

    Example:
        >>> rank(np.array([[0.2, 0.1], [0.4, 0.3]]), ["rings", "moons"], ["cd", "nce"]).entries
        ['nce', 'cd']
    """
    dataset_ranks = pd.DataFrame(medians).rank(axis=1).to_numpy()
    mean_ranks = dataset_ranks.mean(axis=0)
    order = np.argsort(mean_ranks, kind="stable")
    p = math.nan
    critical = math.nan
    num_datasets, k = dataset_ranks.shape
    if num_datasets >= MIN_DATASETS:
        if k == 2:
            p, critical = _sign_test(dataset_ranks)
        else:
            q = scipy.stats.studentized_range.ppf(LEVEL, k, np.inf) / math.sqrt(2)
            critical = float(q * math.sqrt(k * (k + 1) / (6 * num_datasets)))
            p = float(scipy.stats.friedmanchisquare(*dataset_ranks.T).pvalue)
    return Ranks([methods[i] for i in order], mean_ranks[order].tolist(), datasets, p, critical)


def _sign_test(dataset_ranks: np.ndarray) -> tuple[float, float]:
    """Return the exact p-value of the sign test of two methods, and its critical difference."""
    first, second = dataset_ranks.T
    num = int(np.sum(first != second))
    p_values = [scipy.stats.binomtest(k, num).pvalue if num else 1.0 for k in range(num // 2 + 1)]
    num_wins = int(np.sum(first < second))
    num_lost = sum(p < 1 - LEVEL for p in p_values)
    # between the differences num - 2 k of the last significant number k of losses and the next
    critical = (num - 2 * num_lost + 1) / len(first) if num_lost else math.inf
    return float(p_values[min(num_wins, num - num_wins)]), critical
