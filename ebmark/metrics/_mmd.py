"""Maximum mean discrepancy."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, pdist

from ebmark.metrics._inputs import are_finite, read_samples

# Bandwidths of the kernels, in units of the median distance.
_WIDTHS = (0.1, 0.3, 1.0, 3.0)
# Rows and columns per block: memory is proportional to the square of it.
_BLOCK = 1024
_MAX_MEDIAN_POINTS = 1_000


def mmd(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the squared maximum mean discrepancy, unbiased, with Gaussian kernels.

    $$ MMD^2 = \mathbb{E}\, k(x, x') + \mathbb{E}\, k(y, y') - 2\, \mathbb{E}\, k(x, y), \quad
       k(a, b) = \tfrac14 \sum_w \exp\left(-\frac{\|a - b\|^2}{2 (w m)^2}\right) $$

    Here $w \in \{0.1, 0.3, 1, 3\}$ and $m$ is the median distance in `y`. As a U-statistic it has
    mean 0 for samples of the same distribution, so that it can be negative.

    Args:
        x: Samples of the model, (n, dim), at least 2.
        y: Target samples, at least 2.

    Returns:
        The squared discrepancy; NaN for input that is not finite.

    References: Gretton et al. (2012), A kernel two-sample test, equation 3.
    """
    x, y = read_samples(x, y, min_points=2)
    if not are_finite(x, y):
        return math.nan
    subset = y[:: max(1, len(y) // _MAX_MEDIAN_POINTS)]
    median = float(np.median(pdist(subset, "sqeuclidean"))) or 1.0
    within_x = (_kernel_sum(x, x, median) - len(x)) / (len(x) * (len(x) - 1))
    within_y = (_kernel_sum(y, y, median) - len(y)) / (len(y) * (len(y) - 1))
    return within_x + within_y - 2 * _kernel_sum(x, y, median) / (len(x) * len(y))


def _kernel_sum(a: np.ndarray, b: np.ndarray, median_square: float) -> float:
    """The sum over all pairs; blocks above the diagonal count twice if `a` is `b`."""
    total = 0.0
    for start in range(0, len(a), _BLOCK):
        rows = a[start : start + _BLOCK]
        for column in range(start if a is b else 0, len(b), _BLOCK):
            # Sums of squared differences, as products lose digits far from the origin.
            squares = cdist(rows, b[column : column + _BLOCK], "sqeuclidean")
            block = sum(np.exp(squares * (-0.5 / (w**2 * median_square))).sum() for w in _WIDTHS)
            total += block * (2 if a is b and column > start else 1)
    return total / len(_WIDTHS)
