"""Wasserstein distances between two samples: exact, sliced, and of minibatches."""

import math
from typing import cast

import numpy as np
from jaxtyping import Float

from ebmark.metrics._inputs import are_finite

# Directions per block: memory is proportional to it times the number of points.
_DIRECTIONS = 20


def wasserstein(
    x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"], *, order: int = 2
) -> float:
    r"""Return the exact Wasserstein distance of two samples by network simplex (POT, float64).

    $$ W_p(x, y) = \left( \min_\pi \sum_{ij} \pi_{ij} \|x_i - y_j\|^p \right)^{1/p} $$

    Two samples of the same distribution have a positive distance: compare it with the null range.

    Args:
        x: Samples of the model.
        y: Target samples.
        order: The order p, 1 or 2.

    Returns:
        The distance in data units; NaN for input that is not finite.

    Raises:
        ValueError: If `order` is not 1 or 2, or if the shapes do not match.

    References: Flamary et al. (2021), POT: Python optimal transport.

    Example:
        >>> x = np.array([[0.0, 0.0], [1.0, 0.0]])
        >>> wasserstein(x, x + [0.0, 2.0], order=1)
        2.0
    """
    import ot
    from scipy.spatial.distance import cdist

    if order not in (1, 2):
        raise ValueError(f"'order' must be 1 or 2, got {order}.")
    if not are_finite(x, y):
        return math.nan
    # Centering keeps the digits of squared distances if the points are far from the origin.
    origin = np.mean(y, axis=0, dtype=np.float64)
    x = x - origin
    y = y - origin
    metric = "sqeuclidean" if order == 2 else "euclidean"
    # cdist is several times as fast as ot.dist.
    cost = cdist(x, y, metric)
    x_weights = np.full(len(x), 1 / len(x))
    y_weights = np.full(len(y), 1 / len(y))
    mean_cost = cast(float, ot.emd2(x_weights, y_weights, cost, numItermax=10_000_000))
    return max(float(mean_cost), 0.0) ** (1 / order)


def sliced_wasserstein(
    x: Float[np.ndarray, "n dim"],
    y: Float[np.ndarray, "m dim"],
    *,
    num_projections: int = 200,
    seed: int = 0,
) -> float:
    r"""Return the sliced 2-Wasserstein distance, over one-dimensional projections.

    $$ SW_2^2(x, y) = \mathbb{E}_{u \sim S^{d-1}} W_2^2(u \cdot x, u \cdot y) $$

    In 2-D the directions are equally spaced (a quadrature over the angle), for d > 2 they are
    random.

    Args:
        x: Samples of the model.
        y: Target samples.
        num_projections: Number of directions.
        seed: Seed of random directions.

    Returns:
        The distance in data units; NaN for input that is not finite.

    References: Bonneel et al. (2015), Sliced and Radon Wasserstein barycenters of measures.
    """
    if not are_finite(x, y):
        return math.nan
    directions = _directions(x.shape[1], num_projections, seed)
    blocks = np.array_split(directions, max(1, directions.shape[1] // _DIRECTIONS), axis=1)
    squares = [_squared_w2_of_projections(x, y, block) for block in blocks]
    return float(np.sqrt(np.mean(np.concatenate(squares))))


def _directions(dim: int, num: int, seed: int) -> Float[np.ndarray, "dim directions"]:
    if dim == 1:
        return np.ones((1, 1))
    if dim == 2:
        angles = np.pi * np.arange(num) / num
        return np.stack([np.cos(angles), np.sin(angles)])
    directions = np.random.default_rng(seed).normal(size=(dim, num))
    return directions / np.linalg.norm(directions, axis=0)


def _squared_w2_of_projections(
    x: np.ndarray, y: np.ndarray, directions: np.ndarray
) -> Float[np.ndarray, " directions"]:
    """The squared 2-Wasserstein distance along each direction, from the quantile functions."""
    a = np.sort(directions.T @ x.T, axis=1)
    b = np.sort(directions.T @ y.T, axis=1)
    n = a.shape[1]
    m = b.shape[1]
    if n == m:
        return np.mean((a - b) ** 2, axis=1)
    levels = np.union1d(np.arange(1, n + 1) / n, np.arange(1, m + 1) / m)
    weights = np.diff(levels, prepend=0)
    midpoints = levels - weights / 2
    a_quantiles = a[:, np.minimum((midpoints * n).astype(int), n - 1)]
    b_quantiles = b[:, np.minimum((midpoints * m).astype(int), m - 1)]
    return ((a_quantiles - b_quantiles) ** 2) @ weights


def minibatch_wasserstein(
    x: Float[np.ndarray, "n dim"],
    y: Float[np.ndarray, "m dim"],
    *,
    order: int = 2,
    batch_size: int = 1_000,
    max_batches: int = 30,
) -> float:
    r"""Return the mean exact Wasserstein distance of disjoint batches, for large samples.

    $$ \frac1k \sum_{i=1}^k W_p(x^{(i)}, y^{(i)}) $$

    Its variance decreases with the number of batches, its bias does not: it is that of samples of
    one batch.

    Args:
        x: Samples of the model.
        y: Target samples.
        order: The order p, 1 or 2.
        batch_size: Points per batch.
        max_batches: Number of batches at most.

    References: Fatras et al. (2020), Learning with minibatch Wasserstein: asymptotic and gradient
    properties.
    """
    num_batches = max(1, min(max_batches, min(len(x), len(y)) // batch_size))
    distances = []
    for i in range(num_batches):
        x_batch = x[i::num_batches][:batch_size]
        y_batch = y[i::num_batches][:batch_size]
        distances.append(wasserstein(x_batch, y_batch, order=order))
    return float(np.mean(distances))
