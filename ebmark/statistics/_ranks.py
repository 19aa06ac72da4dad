"""Entries ranked over datasets: Friedman's test and Nemenyi's critical difference."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ebmark.statistics._intervals import LEVEL, summary
from ebmark.statistics._runs import final_values, role

ENOUGH = 6  # datasets


class Ranks(NamedTuple):
    """Mean ranks over datasets (1 is best). From 6 datasets on, a test, and what is too close."""

    entries: list[str]  # best first
    mean: list[float]
    datasets: list[str]
    p: float  # of no difference at all
    critical: float  # two mean ranks less than this apart are not told apart

    @property
    def enough(self) -> bool:
        """Whether there are datasets enough to test."""
        return len(self.datasets) >= ENOUGH and len(self.entries) > 1

    @property
    def cliques(self) -> list[tuple[int, int]]:
        """The longest stretches of entries that are not told apart, as first and last places."""
        found: list[tuple[int, int]] = []
        for first in range(len(self.entries)):
            near = [i for i, m in enumerate(self.mean) if m - self.mean[first] < self.critical]
            if near[-1] > first and (not found or near[-1] > found[-1][1]):
                found.append((first, near[-1]))
        return found


def ranks(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str], metric: str
) -> Ranks | None:
    r"""Mean ranks of the medians over seeds, of methods that were run on all datasets.

    $$ \mathrm{CD} = q_{.05, k} \sqrt{k (k + 1) / 6 N} $$

    An entry whose median run diverged has the worst rank. The datasets, not the seeds, are the
    sample: below 6 of them nothing is tested.

    Friedman (1937); Nemenyi (1963); Demsar (2006), Statistical comparisons of classifiers over
    multiple data sets.
    """
    runs = {dataset: final_values(table, dataset, metric) for dataset in datasets}
    runs = {dataset: one for dataset, one in runs.items() if one}
    shared = [e for e in entries if role(e) is None and all(e in one for one in runs.values())]
    if not runs or len(shared) < 2:
        return None
    medians = np.array([[summary(one[e]).median for e in shared] for one in runs.values()])
    each = stats.rankdata(medians, axis=1)
    mean, (num, k) = each.mean(axis=0), each.shape
    order = np.argsort(mean, kind="stable")
    p = critical = math.nan
    if num >= ENOUGH:
        q = stats.studentized_range.ppf(LEVEL, k, np.inf) / math.sqrt(2)
        critical = float(q * math.sqrt(k * (k + 1) / (6 * num)))
        # of two entries the same statistic is compared with chi-square by hand: scipy wants three
        p = float(stats.friedmanchisquare(*each.T).pvalue) if k > 2 else _of_two(each)
    return Ranks([shared[i] for i in order], mean[order].tolist(), list(runs), p, critical)


def _of_two(each: np.ndarray) -> float:
    untied = each[each[:, 0] != each[:, 1]]
    if not len(untied):
        return 1.0
    chi = (2 * np.sum(untied[:, 0] < untied[:, 1]) - len(untied)) ** 2 / len(untied)
    return float(stats.chi2.sf(chi, 1))
