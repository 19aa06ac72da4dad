"""Kernel Stein discrepancy."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ebmark.metrics._inputs import are_finite, read_samples

# Rows per block of the kernel matrix.
_BLOCK = 512
_MAX_MEDIAN_POINTS = 1_000


def kernel_stein_discrepancy(x: ArrayLike, scores: ArrayLike) -> float:
    r"""Return the squared kernel Stein discrepancy of samples from a density, unbiased.

    $$ KSD^2 = \mathbb{E}\left[s^\top s' k + s^\top \nabla' k + s'^\top \nabla k
       + \mathrm{tr} \nabla \nabla' k\right], \quad k = (1 + \|x - x'\|^2 / c^2)^{-1/2} $$

    Here $s$ is the score at each point and $c$ the median distance. As a U-statistic it has mean 0
    for samples of the density. It is insensitive to the weights of well-separated modes.

    Args:
        x: Samples, at least 2.
        scores: ∇ log p of the density at each sample.

    Returns:
        The squared discrepancy; NaN for input that is not finite.

    References: Liu, Lee & Jordan (2016), A kernelized Stein discrepancy; Gorham & Mackey (2017),
    Measuring sample quality with kernels.
    """
    if np.shape(x) != np.shape(scores):
        raise ValueError(
            f"'x' and 'scores' must have the same shape, got {np.shape(x)} and {np.shape(scores)}."
        )
    x, scores = read_samples(x, scores, names=("x", "scores"), min_points=2)
    if not are_finite(x, scores):
        return math.nan
    n, dim = x.shape
    subset = x[:: max(1, n // _MAX_MEDIAN_POINTS)]
    squares = np.sum((subset[:, None] - subset) ** 2, axis=-1)
    c2 = float(np.median(squares[np.triu_indices(len(subset), 1)])) or 1.0
    total = 0.0
    for start in range(0, n, _BLOCK):
        block = slice(start, start + _BLOCK)
        # Differences of shape (block, n, dim).
        d = x[block, None] - x[None]
        square = np.sum(d**2, axis=-1)
        base = 1 + square / c2
        kernel = base**-0.5
        # The gradient of the kernel is slope * d in its first argument, -slope * d in its second.
        slope = -(base**-1.5) / c2
        trace = -slope * dim - 3 * base**-2.5 * square / c2**2
        s = scores[block, None]
        t = scores[None]
        values = np.sum(s * t, axis=-1) * kernel + slope * np.sum((t - s) * d, axis=-1) + trace
        rows = np.arange(len(values))
        values[rows, start + rows] = 0.0
        total += float(values.sum())
    return total / (n * (n - 1))
