"""The kernel Stein discrepancy of a sample from a density known by its score."""

import math

import numpy as np
from jaxtyping import Float

_BLOCK = 512  # rows at a time


def kernel_stein_discrepancy(
    x: Float[np.ndarray, "n dim"], scores: Float[np.ndarray, "n dim"]
) -> float:
    r"""How far points are from a density of which only the score is known, squared; unbiased.

    $$ KSD^2 = \mathbb{E}\left[s^\top s' k + s^\top \nabla' k + s'^\top \nabla k
       + \mathrm{tr} \nabla \nabla' k\right], \quad k = (1 + \|x - x'\|^2 / c^2)^{-1/2} $$

    with $s$ the score at each point and $c$ the median distance. A U-statistic: about 0 for a
    sample of the density, and at times below. Blind to the weights of far modes, as every score.

    Liu, Lee & Jordan (2016), A kernelized Stein discrepancy; Gorham & Mackey (2017).
    """
    if not (np.isfinite(x).all() and np.isfinite(scores).all()):
        return math.nan
    n, dim = x.shape
    some = x[:: max(1, n // 1000)]
    gaps = np.sum((some[:, None] - some) ** 2, axis=-1)[np.triu_indices(len(some), 1)]
    c2 = float(np.median(gaps)) or 1.0
    total = 0.0
    for start in range(0, n, _BLOCK):
        here = slice(start, start + _BLOCK)
        d = x[here, None] - x[None]  # (block, n, dim)
        square = np.sum(d**2, axis=-1)
        base = 1 + square / c2
        k = base**-0.5
        slope = -(base**-1.5) / c2  # grad k = slope d, grad' k = -slope d
        s, t = scores[here, None], scores[None]
        trace = -slope * dim - 3 * base**-2.5 * square / c2**2
        values = np.sum(s * t, axis=-1) * k + slope * np.sum((t - s) * d, axis=-1) + trace
        rows = np.arange(len(values))
        values[rows, start + rows] = 0.0
        total += float(values.sum())
    return total / (n * (n - 1))
