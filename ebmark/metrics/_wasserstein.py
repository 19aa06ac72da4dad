"""Wasserstein distances between two samples: exact, sliced, and of minibatches."""

import math
from numbers import Real
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ebmark.metrics._inputs import are_finite, read_samples

# Directions per block: memory is proportional to it times the number of points.
_DIRECTIONS = 20
# Costs of the simplex are clipped at this multiple of a lower bound of their mean, which keeps six
# digits of it; if the optimal plan uses one of them, the multiple is raised by the factor.
_CLIP = 1e6
_CLIP_FACTOR = 1e3
# Points of both samples up to which scipy solves the problem: POT takes 2 s to import.
_MAX_ASSIGNED = 500


def wasserstein(x: ArrayLike, y: ArrayLike, *, order: float = 2) -> float:
    r"""Return the exact Wasserstein distance of two samples, in float64.

    $$ W_p(x, y) = \left( \min_\pi \sum_{ij} \pi_{ij} \|x_i - y_j\|^p \right)^{1/p} $$

    Two samples of the same distribution have a positive distance: compare it with the null range.
    Computed by POT's network simplex, or as an assignment if both samples have the same number of
    points, at most 500.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.
        order: The order p, a number of at least 1.

    Returns:
        The distance in data units; NaN for input that is not finite.

    Raises:
        ValueError: If `order` is below 1, or if the shapes do not match.

    References: Flamary et al. (2021), POT: Python optimal transport; Crouse (2016), On
    implementing 2D rectangular assignment algorithms.

    Example:
        >>> x = np.array([[0.0, 0.0], [1.0, 0.0]])
        >>> wasserstein(x, x + [0.0, 2.0], order=1)
        2.0
    """
    from scipy.spatial.distance import cdist

    _check_order(order)
    x, y = read_samples(x, y)
    if not are_finite(x, y):
        return math.nan
    # cdist is several times as fast as ot.dist.
    return _transport(cdist(x, y), order)


def _check_order(order: float) -> None:
    if not (isinstance(order, Real) and 1 <= order < math.inf):
        raise ValueError(f"'order' must be a finite number of at least 1, got {order}.")


def _transport(distances: Float[np.ndarray, "n m"], order: float) -> float:
    """The distance of two samples from those of their points, at any scale of these.

    The simplex loses the digits of small costs beside much larger ones, such as those of outliers.
    Costs above a limit are therefore clipped: a plan that is optimal with clipped costs and uses
    none of them is optimal. Otherwise the limit is raised, as is then the distance.
    """
    n, m = distances.shape
    nearest = max(_power_mean(distances.min(axis=axis), order) for axis in (0, 1))
    # Without a lower bound of the distance (equal sets of points): the smallest step of a point.
    scale = nearest or float(np.min(distances, where=distances > 0, initial=np.inf))
    if math.isinf(scale):
        return 0.0
    limit = scale * _CLIP ** (1 / order)
    solve = _assign if n == m <= _MAX_ASSIGNED else _transport_plan
    while True:
        cost = np.minimum(distances, limit)
        cost /= limit
        cost **= order
        moves, weights = solve(cost)
        used = distances[moves]
        if used.max() <= limit:
            mean_cost = float(weights @ (used / limit) ** order)
            return limit * mean_cost ** (1 / order)
        limit *= _CLIP_FACTOR ** (1 / order)


def _assign(cost: Float[np.ndarray, "n n"]) -> tuple[Any, Float[np.ndarray, " n"]]:
    """Solve by an assignment: a vertex of the plans of equal weights is a permutation."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(cost), np.full(len(cost), 1 / len(cost))


def _transport_plan(cost: Float[np.ndarray, "n m"]) -> tuple[Any, Float[np.ndarray, " moves"]]:
    """Return where an optimal plan is not 0, and its values there."""
    import ot

    n, m = cost.shape
    weights = np.full(n, 1 / n), np.full(m, 1 / m)
    plan = cast(np.ndarray, ot.emd(*weights, cost, numItermax=10_000_000))
    # Entries of the plan are at least 1 / nm, but for rounding.
    moves = plan > 1e-3 / (n * m)
    return moves, plan[moves]


def _power_mean(values: Float[np.ndarray, " n"], order: float) -> float:
    largest = float(values.max())
    if largest == 0:
        return 0.0
    return largest * float(np.mean((values / largest) ** order)) ** (1 / order)


def sliced_wasserstein(
    x: ArrayLike,
    y: ArrayLike,
    *,
    num_projections: int = 200,
    seed: int = 0,
) -> float:
    r"""Return the sliced 2-Wasserstein distance, over one-dimensional projections.

    $$ SW_2^2(x, y) = \mathbb{E}_{u \sim S^{d-1}} W_2^2(u \cdot x, u \cdot y) $$

    In 2-D the directions are equally spaced (a quadrature over the angle), for d > 2 they are
    random.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.
        num_projections: Number of directions.
        seed: Seed of random directions.

    Returns:
        The distance in data units; NaN for input that is not finite.

    References: Bonneel et al. (2015), Sliced and Radon Wasserstein barycenters of measures.
    """
    x, y = read_samples(x, y)
    if not are_finite(x, y):
        return math.nan
    # Centering keeps the digits of projections if the points are far from the origin.
    origin = np.median(y, axis=0)
    x = x - origin
    y = y - origin
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
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 2,
    batch_size: int = 1_000,
    max_batches: int = 30,
) -> float:
    r"""Return the mean exact Wasserstein distance of disjoint batches, for large samples.

    $$ \frac1k \sum_{i=1}^k W_p(x^{(i)}, y^{(i)}) $$

    Its variance decreases with the number of batches, its bias does not: it is that of samples of
    one batch.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.
        order: The order p, a number of at least 1.
        batch_size: Points per batch.
        max_batches: Number of batches at most.

    References: Fatras et al. (2020), Learning with minibatch Wasserstein: asymptotic and gradient
    properties.
    """
    _check_order(order)
    x, y = read_samples(x, y)
    num_batches = max(1, min(max_batches, min(len(x), len(y)) // batch_size))
    distances = []
    for i in range(num_batches):
        x_batch = x[i::num_batches][:batch_size]
        y_batch = y[i::num_batches][:batch_size]
        distances.append(wasserstein(x_batch, y_batch, order=order))
    return float(np.mean(distances))
