"""Energy distance."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from ebmark.metrics._inputs import are_finite, read_samples

# Rows and columns per block: memory is proportional to the square of it.
_BLOCK = 1024


def energy_distance(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the squared energy distance of two samples, unbiased, in data units.

    $$ D^2 = 2\, \mathbb{E} \|x - y\| - \mathbb{E} \|x - x'\| - \mathbb{E} \|y - y'\| $$

    It has no bandwidth. As a U-statistic it has mean 0 for samples of the same distribution, so
    that it can be negative.

    Args:
        x: Samples of the model, (n, dim), at least 2.
        y: Target samples, at least 2.

    Returns:
        The squared distance; NaN for input that is not finite.

    References: Szekely & Rizzo (2013), Energy statistics: a class of statistics based on
    distances, equation 1.
    """
    x, y = read_samples(x, y, min_points=2)
    if not are_finite(x, y):
        return math.nan
    within = [_sum_of_distances(z, z) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return 2 * _sum_of_distances(x, y) / (len(x) * len(y)) - sum(within)


def _sum_of_distances(a: np.ndarray, b: np.ndarray) -> float:
    """The sum over all pairs; blocks above the diagonal count twice if `a` is `b`."""
    total = 0.0
    for start in range(0, len(a), _BLOCK):
        rows = a[start : start + _BLOCK]
        for column in range(start if a is b else 0, len(b), _BLOCK):
            block = float(cdist(rows, b[column : column + _BLOCK]).sum())
            total += block * (2 if a is b and column > start else 1)
    return total
