"""The agreement of two rankings."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ebmark.statistics._intervals import worst_if_diverged


class Agreement(NamedTuple):
    """How two rankings agree.

    Attributes:
        tau: Kendall's tau: the fraction of pairs in the same order minus that in opposite order.
        num_same: Pairs in the same order.
        num_pairs: All pairs; those tied in a ranking are in neither order.
    """

    tau: float
    num_same: int
    num_pairs: int


def agreement(a: Sequence[float], b: Sequence[float]) -> Agreement:
    r"""Compare two rankings of the same items by Kendall's tau.

    $$ \tau = \binom{n}{2}^{-1} \sum_{i < j} \mathrm{sign}(a_i - a_j)\, \mathrm{sign}(b_i - b_j) $$

    Args:
        a: One value per item, at least two; lower is better, and one that is not finite the worst.
        b: The same of the other ranking.

    References: Kendall (1938), A new measure of rank correlation.

    Example:
        >>> agreement([1.0, 2.0, float("nan")], [0.1, 0.3, 0.2])
        Agreement(tau=0.3333333333333333, num_same=2, num_pairs=3)
    """
    first, second = worst_if_diverged(a), worst_if_diverged(b)
    pairs = combinations(range(len(first)), 2)
    signs = [_order(first, i, j) * _order(second, i, j) for i, j in pairs]
    return Agreement(sum(signs) / len(signs), signs.count(1), len(signs))


def _order(values: np.ndarray, i: int, j: int) -> int:
    return int(values[i] > values[j]) - int(values[i] < values[j])
