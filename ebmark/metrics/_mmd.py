"""Maximum mean discrepancy."""

import math

import numpy as np
from jaxtyping import Float

_WIDTHS = (0.1, 0.3, 1.0, 3.0)  # of the median distance
_BLOCK = 1024  # rows and columns at a time: memory stays at the square of it


def mmd(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> float:
    r"""The squared maximum mean discrepancy, unbiased, by Gaussian kernels of several widths.

    $$ MMD^2 = \mathbb{E}\, k(x, x') + \mathbb{E}\, k(y, y') - 2\, \mathbb{E}\, k(x, y), \quad
       k(a, b) = \tfrac14 \sum_w \exp\left(-\frac{\|a - b\|^2}{2 (w m)^2}\right) $$

    with $w \in \{.1, .3, 1, 3\}$ and $m$ the median distance in `y`, the reference. A U-statistic:
    its mean is 0 for samples of one law, so it can be negative.

    Gretton et al. (2012), A kernel two-sample test, eq. 3.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    x, y = x - np.mean(y, axis=0), y - np.mean(y, axis=0)  # far from 0, squares lose their digits
    some = y[:: max(1, len(y) // 1000)]
    squares = _squares(some, some)[np.triu_indices(len(some), 1)]
    median = float(np.median(squares)) or 1.0
    within_x = (_kernel_sum(x, x, median) - len(x)) / (len(x) * (len(x) - 1))
    within_y = (_kernel_sum(y, y, median) - len(y)) / (len(y) * (len(y) - 1))
    return within_x + within_y - 2 * _kernel_sum(x, y, median) / (len(x) * len(y))


def _squares(a, b):
    products = a @ b.T
    squares = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None] - 2 * products
    return np.maximum(squares, 0)


def _kernel_sum(a, b, median_square):
    total = 0.0
    for start in range(0, len(a), _BLOCK):
        rows = a[start : start + _BLOCK]
        # of one sample with itself, what is above the diagonal counts twice
        for at in range(start if a is b else 0, len(b), _BLOCK):
            squares = _squares(rows, b[at : at + _BLOCK])
            block = sum(np.exp(squares * (-0.5 / (w**2 * median_square))).sum() for w in _WIDTHS)
            total += block * (2 if a is b and at > start else 1)
    return total / len(_WIDTHS)
