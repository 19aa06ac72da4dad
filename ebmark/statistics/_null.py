"""Comparison of a metric over seeds with its null range, like with like."""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from ebmark.statistics._intervals import LEVEL, Values, summary, worst_if_diverged
from ebmark.statistics._paired import SIGNIFICANT

# Values of the smaller sample up to which scipy's test is exact.
_MAX_EXACT = 8


class NullComparison(NamedTuple):
    """How a metric over seeds compares with its values between two target samples.

    Attributes:
        position: `above`, `within` or `below`.
        p: Two-sided p-value of the rank test; NaN where the null range has no stored draws or there
            is one seed, so that the median is compared with the range of single draws.
    """

    position: str
    p: float = math.nan

    @property
    def of_single_draws(self) -> bool:
        """Whether the median was compared with the range of single draws."""
        return math.isnan(self.p)

    def adjusted(self, p: float) -> "NullComparison":
        """Return the comparison with an adjusted p-value."""
        return NullComparison("within" if p > SIGNIFICANT else self.position, p)


def compare_to_null(
    values: Values, null_range: Mapping[str, Any], *, higher_is_better: bool = False
) -> NullComparison | None:
    """Compare the values of all seeds with the draws of the null, by the Mann-Whitney test.

    A median over seeds varies less than a single draw, so that it may lie within the range of
    single draws although the seeds are significantly above them. The value of one seed is compared
    with that range.

    Args:
        values: One value per seed; a run that diverged counts as the worst.
        null_range: `low` and `high`, and the list `draws` if it was stored.
        higher_is_better: The direction of the metric.

    Returns:
        None without values.

    References: Mann & Whitney (1947), On a test of whether one of two random variables is
    stochastically larger than the other.

    Example:
        >>> null_range = {"low": 0.1, "high": 0.3, "draws": [0.1, 0.15, 0.2, 0.25, 0.3]}
        >>> compare_to_null([0.29, 0.3, 0.31, 0.32, 0.33, 0.34], null_range).position
        'above'
        >>> compare_to_null([0.29, 0.3, 0.31], {"low": 0.1, "high": 0.3})
        NullComparison(position='within', p=nan)
    """
    ranked = worst_if_diverged(values, higher_is_better=higher_is_better)
    if not len(ranked):
        return None
    draws = stored_draws(null_range)
    # a single seed is a single draw, and no rank test reaches a low p by it
    if draws is None or len(ranked) == 1:
        median = summary(values, higher_is_better=higher_is_better).median
        if median > null_range["high"]:
            return NullComparison("above")
        return NullComparison("below" if median < null_range["low"] else "within")
    u, p = _mann_whitney(ranked, draws)
    if p > SIGNIFICANT:
        return NullComparison("within", p)
    return NullComparison("above" if u > len(ranked) * len(draws) / 2 else "below", p)


def _mann_whitney(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return U of x and the two-sided p-value, exact for few values without ties.

    As `scipy.stats.mannwhitneyu`, whose package takes more than a second to import.
    """
    n, m = len(x), len(y)
    values, position, counts = np.unique(
        np.concatenate([x, y]), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[position]
    u = float(ranks[:n].sum() - n * (n + 1) / 2)
    extreme = max(u, n * m - u)
    if min(n, m) <= _MAX_EXACT and len(values) == n + m:
        return u, min(1.0, 2 * float(_null_tail(*sorted((n, m)))[int(extreme)]))
    ties = np.sum(counts**3 - counts) / ((n + m) * (n + m - 1))
    deviation = np.sqrt(n * m / 12 * (n + m + 1 - ties))
    with np.errstate(divide="ignore"):
        z = (extreme - n * m / 2 - 0.5) / deviation
    return u, min(1.0, 2 * float(special.ndtr(-z)))


@functools.cache
def _null_tail(n: int, m: int) -> np.ndarray:
    """P(U >= u) for u = 0 to n m without ties, from the Gaussian binomial coefficients."""
    count = np.zeros(n * m + 1)
    count[0] = 1.0
    for i in range(1, n + 1):
        for start in range(i):
            count[start::i] = np.cumsum(count[start::i])
        if m + i <= n * m:
            count[m + i :] -= count[: -m - i].copy()
    return np.cumsum(count[::-1])[::-1] / count.sum()


def other_level(level: float) -> str:
    """Return the level of a null range in parentheses if it is not 95%.

    Example:
        >>> other_level(0.9), other_level(0.95)
        (' (90%)', '')
    """
    return "" if level == LEVEL else f" ({level:.0%})"


def stored_draws(null_range: Mapping[str, Any]) -> np.ndarray | None:
    """Return the draws of a null range; None where only their number was stored."""
    draws = null_range.get("draws")
    return np.asarray(draws, float) if isinstance(draws, list) else None
