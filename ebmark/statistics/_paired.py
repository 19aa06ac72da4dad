"""Two entries on the same seeds: how far apart, whether by more than luck, and many such."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from ebmark.statistics._intervals import LEVEL, Values, middle, worst_if_diverged

SIGNIFICANT = 0.05


class Paired(NamedTuple):
    """Two entries on the same seeds: p of no difference; a - b, its estimate and 95 % interval."""

    n: int
    p: float
    difference: float
    low: float = math.nan
    high: float = math.nan

    @property
    def enough(self) -> bool:
        """Whether there are seeds enough for p to be able to reach .05."""
        return 2.0 ** (1 - self.n) < SIGNIFICANT


def paired(a: Values, b: Values) -> Paired:
    r"""Two-sided signed-rank test of a - b over the same seeds, and the estimate that goes with it.

    $$ W = \sum_{i : d_i > 0} \mathrm{rank}(|d_i|), \quad d = a - b; \qquad
       \hat\Delta = \mathrm{med}_{i \le j} \tfrac12 (d_i + d_j) $$

    The interval holds the shifts that the test would not reject: order statistics of the same
    averages. A seed where one of the two diverged is the largest of differences, one where both did
    is left out. Below 6 seeds no outcome reaches .05 (2 / 2^5 = .0625): p is then NaN.

    Wilcoxon (1945), Individual comparisons by ranking methods; Hodges & Lehmann (1963), Estimates
    of location based on rank tests.
    """
    a, b = worst_if_diverged(a), worst_if_diverged(b)
    some = np.isfinite(a) | np.isfinite(b)
    d = a[some] - b[some]
    n = len(d)
    if n == 0:
        return Paired(0, math.nan, math.nan)
    averages = _walsh(d)
    result = Paired(n, math.nan, middle(averages))
    if not result.enough:
        return result
    k = _rank(n)
    ends = float(averages[k]), float(averages[len(averages) - 1 - k])
    d = d[d != 0]
    p = float(stats.wilcoxon(d).pvalue) if len(d) else 1.0
    return result._replace(p=p, low=ends[0], high=ends[1])


def _walsh(d: np.ndarray) -> np.ndarray:
    """The averages of all pairs, in order; one of two opposite infinities says nothing: 0."""
    i, j = np.triu_indices(len(d))
    with np.errstate(invalid="ignore"):
        averages = (d[i] + d[j]) / 2
    return np.sort(np.where(np.isnan(averages), 0.0, averages))


@functools.cache
def _rank(n: int) -> int:
    """How many of the lowest averages lie outside: the largest k with P(W <= k) at most .025.

    Of the exact law of W, of no ties, where there is no difference.
    """
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1.0
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    return int(np.searchsorted(np.cumsum(ways) / 2.0**n, (1 - LEVEL) / 2, side="right")) - 1


def holm(p: Sequence[float]) -> list[float]:
    r"""Holm's adjusted p of m comparisons: below .05 with family-wise error at most .05.

    $$ \tilde p_{(i)} = \max_{j \le i} \min\{1, (m - j + 1)\, p_{(j)}\} $$

    What is NaN was not tested: it stays NaN and does not count.

    Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    found, highest = [math.nan] * len(p), 0.0
    order = sorted((i for i in range(len(p)) if not math.isnan(p[i])), key=lambda i: p[i])
    for j, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - j) * p[i]))
        found[i] = highest
    return found
