"""Fidelity and diversity by nearest neighbors."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from ebmark.metrics._inputs import are_finite, read_samples

_NUM_NEIGHBORS = 5


def precision(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the fraction of samples within the k-NN radius of a target sample.

    $$ \frac1n \sum_i 1\left[\exists j: \|x_i - y_j\| \le r_5(y_j)\right] $$

    The radius $r_5$ is the distance of a point to its fifth neighbor in its own sample; it is
    large for outliers of `y`.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.

    References: Kynkaanniemi et al. (2019), Improved precision and recall metric, equation 2.
    """
    return _covered_fraction(x, y)


def recall(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the fraction of target samples within the k-NN radius of a sample.

    $$ \frac1m \sum_j 1\left[\exists i: \|x_i - y_j\| \le r_5(x_i)\right] $$

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.

    References: Kynkaanniemi et al. (2019), Improved precision and recall metric, equation 2.
    """
    x, y = read_samples(x, y)
    return _covered_fraction(y, x)


def density(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the mean number of target samples whose k-NN radius contains a sample, over k.

    $$ \frac{1}{5 n} \sum_{ij} 1\left[\|x_i - y_j\| \le r_5(y_j)\right] $$

    It is about 1 for target samples.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.

    References: Naeem et al. (2020), Reliable fidelity and diversity metrics, equation 3.
    """
    x, y = read_samples(x, y)
    if not are_finite(x, y):
        return math.nan
    num_inside = KDTree(x).query_ball_point(y, _knn_radius(y), return_length=True)
    return float(np.sum(num_inside)) / (_NUM_NEIGHBORS * len(x))


def coverage(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the fraction of target samples whose k-NN radius contains a sample.

    $$ \frac1m \sum_j 1\left[\exists i: \|x_i - y_j\| \le r_5(y_j)\right] $$

    A missing mode of weight w reduces it by w. For two samples of the same distribution and size
    it is about 1 - 2^-5 = 0.97.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.

    References: Naeem et al. (2020), Reliable fidelity and diversity metrics, equation 4.
    """
    x, y = read_samples(x, y)
    if not are_finite(x, y):
        return math.nan
    nearest, _ = KDTree(x).query(y)
    return float(np.mean(nearest <= _knn_radius(y)))


def _knn_radius(y: np.ndarray) -> np.ndarray:
    """The distance of each point to its fifth neighbor, not counting itself."""
    if len(y) <= _NUM_NEIGHBORS:
        raise ValueError(
            f"Neighbors need samples of at least {_NUM_NEIGHBORS + 1} points, got {len(y)}."
        )
    distances, _ = KDTree(y).query(y, k=_NUM_NEIGHBORS + 1)
    return distances[:, -1]


def _covered_fraction(x: ArrayLike, y: ArrayLike) -> float:
    """The fraction of `x` within the k-NN radius of some point of `y`."""
    x, y = read_samples(x, y)
    if not are_finite(x, y):
        return math.nan
    is_covered = np.zeros(len(x), bool)
    for indices in KDTree(x).query_ball_point(y, _knn_radius(y)):
        is_covered[indices] = True
    return float(is_covered.mean())
