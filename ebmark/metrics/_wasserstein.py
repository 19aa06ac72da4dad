"""Wasserstein distances between two samples: exact, and sliced."""

import math

import numpy as np
from jaxtyping import Float

_DIRECTIONS = 20  # at a time: memory stays at so many times the points


def wasserstein(
    x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"], *, order: int = 2
) -> float:
    r"""The exact Wasserstein distance of two samples, by network simplex (POT, in float64).

    $$ W_p(x, y) = \left( \min_\pi \sum_{ij} \pi_{ij} \|x_i - y_j\|^p \right)^{1/p} $$

    Samples of the same law are not at distance 0: compare with the metric's floor.

    Flamary et al. (2021), POT: Python optimal transport.
    """
    import ot
    from scipy.spatial.distance import cdist

    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    origin = np.mean(y, axis=0, dtype=np.float64)  # far from 0, squares lose their digits
    x, y = x - origin, y - origin
    metric = "sqeuclidean" if order == 2 else "euclidean"
    cost = cdist(x, y, metric)  # several times as fast as ot.dist
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
    blocks = np.array_split(directions, max(1, directions.shape[1] // _DIRECTIONS), axis=1)
    squares = [_squares_on_lines(x, y, block) for block in blocks]
    return float(np.sqrt(np.mean(np.concatenate(squares))))


def _squares_on_lines(x, y, directions) -> Float[np.ndarray, " directions"]:
    """The squared 2-Wasserstein distance along each direction: that of the quantile functions."""
    a, b = np.sort(directions.T @ x.T, axis=1), np.sort(directions.T @ y.T, axis=1)
    if a.shape[1] == b.shape[1]:
        return np.mean((a - b) ** 2, axis=1)
    n, m = a.shape[1], b.shape[1]
    levels = np.union1d(np.arange(1, n + 1) / n, np.arange(1, m + 1) / m)
    weights = np.diff(levels, prepend=0)
    middles = levels - weights / 2
    a, b = (z[:, np.minimum((middles * z.shape[1]).astype(int), z.shape[1] - 1)] for z in (a, b))
    return ((a - b) ** 2) @ weights


def minibatch_wasserstein(
    x: Float[np.ndarray, "n dim"],
    y: Float[np.ndarray, "m dim"],
    *,
    order: int = 2,
    batch: int = 1_000,
    most: int = 30,
) -> float:
    r"""The mean of the exact distances of disjoint batches: for samples too large for one.

    $$ \frac1k \sum_{i=1}^k W_p(x^{(i)}, y^{(i)}) $$

    Its variance is that of all the points, its bias that of a batch: it is never below what two
    batches of the truth are apart, however many points there are. `most` batches are taken.

    Fatras et al. (2020), Learning with minibatch Wasserstein: asymptotic and gradient properties.
    """
    number = max(1, min(most, min(len(x), len(y)) // batch))
    parts = ([z[i::number][:batch] for i in range(number)] for z in (x, y))
    return float(np.mean([wasserstein(a, b, order=order) for a, b in zip(*parts, strict=True)]))
