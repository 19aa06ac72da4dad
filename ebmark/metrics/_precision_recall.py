"""Fidelity and diversity by nearest neighbours."""

import math

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

_NEIGHBOURS = 5


def precision(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> float:
    r"""The share of the samples `x` that lie within reach of the truth `y`.

    $$ \frac1n \sum_i 1\left[\exists j: \|x_i - y_j\| \le r_5(y_j)\right] $$

    with $r_5$ the distance to the fifth neighbour among its own. Outliers of `y` reach far.

    Kynkaanniemi et al. (2019), Improved precision and recall metric, eq. 2.
    """
    return _share_covered(x, y)


def recall(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> float:
    r"""The share of the truth `y` that lies within reach of the samples `x`: precision, reversed.

    Kynkaanniemi et al. (2019), Improved precision and recall metric, eq. 2.
    """
    return _share_covered(y, x)


def density(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> float:
    r"""How many of the truth's reaches a sample lies in, over 5: about 1 for the truth.

    $$ \frac{1}{5 n} \sum_{ij} 1\left[\|x_i - y_j\| \le r_5(y_j)\right] $$

    Naeem et al. (2020), Reliable fidelity and diversity metrics, eq. 3.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    inside = cKDTree(x).query_ball_point(y, _reach(y), return_length=True)
    return float(np.sum(inside)) / (_NEIGHBOURS * len(x))


def coverage(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> float:
    r"""The share of the truth's points that have a sample within their own reach.

    $$ \frac1m \sum_j 1\left[\exists i: \|x_i - y_j\| \le r_5(y_j)\right] $$

    A lost mode of mass w costs w. For two samples of one law it is about 1 - 2^-5 = .97.

    Naeem et al. (2020), Reliable fidelity and diversity metrics, eq. 4.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    nearest, _ = cKDTree(x).query(y)
    return float(np.mean(nearest <= _reach(y)))


def _reach(y: np.ndarray) -> np.ndarray:
    """The distance of each point to its fifth neighbour, itself not counted."""
    return cKDTree(y).query(y, k=min(_NEIGHBOURS + 1, len(y)))[0][:, -1]


def _share_covered(x: np.ndarray, y: np.ndarray) -> float:
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    tree, covered = cKDTree(x), np.zeros(len(x), bool)
    for found in tree.query_ball_point(y, _reach(y)):
        covered[found] = True
    return float(covered.mean())
