"""Wasserstein distances between two samples: exact, and sliced."""

import math

import numpy as np
from jaxtyping import Float


def wasserstein(
    x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"], *, order: int = 2
) -> float:
    r"""The exact Wasserstein distance of two samples, by network simplex (POT, in float64).

    $$ W_p(x, y) = \left( \min_\pi \sum_{ij} \pi_{ij} \|x_i - y_j\|^p \right)^{1/p} $$

    Samples of the same law are not at distance 0: compare with the metric's floor.

    Flamary et al. (2021), POT: Python optimal transport.
    """
    import ot

    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    origin = np.mean(y, axis=0, dtype=np.float64)  # far from 0, squares lose their digits
    x, y = x - origin, y - origin
    metric = "sqeuclidean" if order == 2 else "euclidean"
    cost = ot.dist(x, y, metric=metric)
    weights = [np.full(len(z), 1 / len(z)) for z in (x, y)]
    return max(float(ot.emd2(*weights, cost, numItermax=10_000_000)), 0.0) ** (1 / order)


def sliced_wasserstein(
    x: Float[np.ndarray, "n dim"],
    y: Float[np.ndarray, "m dim"],
    *,
    num_projections: int = 200,
    seed: int = 0,
) -> float:
    r"""The sliced 2-Wasserstein distance: the mean over directions of the one on a line.

    $$ SW_2^2(x, y) = \mathbb{E}_{u \sim S^{d-1}} W_2^2(u \cdot x, u \cdot y) $$

    In two dimensions the directions are equally spaced (a quadrature over the angle); in more they
    are random, from `seed`.

    Bonneel et al. (2015), Sliced and Radon Wasserstein barycenters of measures.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    dim = x.shape[1]
    if dim == 1:
        directions = np.ones((1, 1))
    elif dim == 2:
        angles = np.pi * np.arange(num_projections) / num_projections
        directions = np.stack([np.cos(angles), np.sin(angles)])
    else:
        directions = np.random.default_rng(seed).normal(size=(dim, num_projections))
        directions /= np.linalg.norm(directions, axis=0)
    a, b = np.sort(x @ directions, axis=0), np.sort(y @ directions, axis=0)
    if len(a) != len(b):  # quantile functions, at the steps of both
        levels = np.union1d(np.arange(1, len(a) + 1) / len(a), np.arange(1, len(b) + 1) / len(b))
        middles = levels - np.diff(levels, prepend=0) / 2
        weights = np.diff(levels, prepend=0)[:, None]
        a, b = (z[np.minimum((middles * len(z)).astype(int), len(z) - 1)] for z in (a, b))
        return float(np.sqrt(np.mean(np.sum(weights * (a - b) ** 2, axis=0))))
    return float(np.sqrt(np.mean((a - b) ** 2)))
