"""Paired signed-rank test of two configurations, and Holm's correction for several of them."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float
from scipy import special

from ebmark.statistics._intervals import LEVEL, Values, median_of_sorted, worst_if_diverged

SIGNIFICANT = 0.05
# Seeds up to which scipy's test is exact.
_MAX_EXACT = 50


class Paired(NamedTuple):
    """Paired test of a against b over the same seeds.

    Attributes:
        n: Number of seeds.
        p: Two-sided p-value; NaN for fewer than 6 seeds.
        difference: Hodges-Lehmann estimate of a - b.
        low: Lower end of its 95% interval.
        high: Upper end of its 95% interval.
    """

    n: int
    p: float
    difference: float
    low: float = math.nan
    high: float = math.nan

    @property
    def enough(self) -> bool:
        """Whether there are enough seeds for a p-value below 0.05 to be possible."""
        return 2.0 ** (1 - self.n) < SIGNIFICANT


def fewest_seeds(num_tests: int = 1) -> int:
    """Return the fewest seeds with which a signed-rank test can be significant after adjustment.

    Its smallest p is $2^{1-n}$, which Holm's adjustment multiplies by the number of tests.

    Example:
        >>> fewest_seeds(), fewest_seeds(10)
        (6, 9)
    """
    return math.floor(1 + math.log2(max(num_tests, 1) / SIGNIFICANT)) + 1


def paired(a: Values, b: Values) -> Paired:
    r"""Test a - b over the same seeds by the two-sided Wilcoxon signed-rank test.

    $$ W = \sum_{i : d_i > 0} \mathrm{rank}(|d_i|), \quad d = a - b; \qquad
       \hat\Delta = \mathrm{med}_{i \le j} \tfrac12 (d_i + d_j) $$

    The interval contains the shifts that the test would not reject: order statistics of the same
    averages. Beyond 50 seeds W is taken as normal. A seed on which one of the two diverged counts
    as the largest difference; one on which both diverged is left out. With fewer than 6 seeds no
    outcome reaches 0.05 (2 / 2^5 = 0.0625), and p is NaN.

    Args:
        a: One value per seed, lower is better; one that is not finite is a run that diverged.
        b: Values on the same seeds, in the same order.

    References: Wilcoxon (1945), Individual comparisons by ranking methods; Hodges & Lehmann (1963),
    Estimates of location based on rank tests.

    Example:
        >>> test = paired([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 4.0, 6.0, 8.0, 10.0, 12.0])
        >>> test.p, test.difference
        (0.03125, -3.5)
    """
    a = worst_if_diverged(a)
    b = worst_if_diverged(b)
    has_value = np.isfinite(a) | np.isfinite(b)
    d = a[has_value] - b[has_value]
    n = len(d)
    if n == 0:
        return Paired(0, math.nan, math.nan)
    averages = _walsh_averages(d)
    result = Paired(n, math.nan, median_of_sorted(averages))
    if not result.enough:
        return result
    k = _num_excluded(n)
    nonzero = d[d != 0]
    p = 1.0
    if len(nonzero):
        p = _signed_rank_p(nonzero)
    return result._replace(p=p, low=float(averages[k]), high=float(averages[-1 - k]))


def _signed_rank_p(d: np.ndarray) -> float:
    """The two-sided p-value of differences that are not 0."""
    n = len(d)
    if n > _MAX_EXACT or len(np.unique(np.abs(d))) < n:
        # scipy builds the class of the result at run time, so that its type is unknown.
        return float(scipy.stats.wilcoxon(d).pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    # exact, without the time that scipy.stats takes to import
    ranks = np.argsort(np.argsort(np.abs(d))) + 1
    w = int(ranks[d > 0].sum())
    return float(min(1.0, 2 * _null_distribution(n)[min(w, n * (n + 1) // 2 - w)]))


def _walsh_averages(d: np.ndarray) -> np.ndarray:
    """The sorted averages of all pairs; that of two opposite infinities is set to 0."""
    with np.errstate(invalid="ignore"):
        averages = np.concatenate([(d[i] + d[i:]) / 2 for i in range(len(d))])
    averages[np.isnan(averages)] = 0.0
    averages.sort()
    return averages


def _num_excluded(n: int) -> int:
    """How many averages lie below the interval: the largest k with P(W <= k) at most 0.025.

    P is the null distribution of W without ties: exact for up to 50 seeds, else the normal
    approximation, as for the p-value.
    """
    if n > _MAX_EXACT:
        deviation = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return math.floor(n * (n + 1) / 4 + special.ndtri((1 - LEVEL) / 2) * deviation)
    return int(np.searchsorted(_null_distribution(n), (1 - LEVEL) / 2, side="right")) - 1


@functools.cache
def _null_distribution(n: int) -> np.ndarray:
    """P(W <= k) for k = 0 to n (n + 1) / 2, without ties."""
    num_subsets = np.zeros(n * (n + 1) // 2 + 1)
    num_subsets[0] = 1.0
    for rank in range(1, n + 1):
        num_subsets[rank:] += num_subsets[:-rank].copy()
    return np.cumsum(num_subsets) / 2.0**n


def holm(p: Sequence[float] | Float[np.ndarray, " m"]) -> list[float]:
    r"""Adjust the p-values of m comparisons by Holm's step-down method.

    $$ \tilde p_{(i)} = \max_{j \le i} \min\{1, (m - j + 1)\, p_{(j)}\} $$

    Rejecting where the adjusted p-value is below 0.05 has a family-wise error of at most 0.05.

    Args:
        p: p-values; NaN marks a comparison that was not tested, stays NaN and does not count.

    References: Holm (1979), A simple sequentially rejective multiple test procedure.

    Example:
        >>> holm([0.01, float("nan"), 0.04])
        [0.02, nan, 0.04]
    """
    adjusted = [math.nan] * len(p)
    tested = [i for i in range(len(p)) if not math.isnan(p[i])]
    tested.sort(key=lambda i: p[i])
    largest = 0.0
    for rank, i in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted
