"""Sinkhorn divergence."""

import math
from typing import cast

import numpy as np
from jaxtyping import Float

from ebmark.metrics._inputs import are_finite, read_samples

# Regularization, as a fraction of the mean squared distance of two target samples.
_REGULARIZATION = 0.05
_MAX_ITERATIONS = 1_000
# Error of the marginals of the transport plan.
_TOLERANCE = 1e-6


def sinkhorn_divergence(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> float:
    r"""Return optimal transport with entropic regularization, debiased (POT).

    $$ S = OT_\epsilon(x, y) - \tfrac12 OT_\epsilon(x, x) - \tfrac12 OT_\epsilon(y, y), \quad
       OT_\epsilon = \min_\pi \langle \pi, C \rangle + \epsilon\, KL(\pi \| a \otimes b) $$

    Costs are squared distances and $\epsilon$ is 5% of the mean squared distance within `y`. It
    lies between the squared W2 ($\epsilon \to 0$) and an MMD. The bias of the regularization is
    removed, that of finite samples is not.

    Args:
        x: Samples of the model, at least 2.
        y: Target samples, at least 2.

    Returns:
        The divergence in squared data units; NaN for input that is not finite, or if all points of
        `y` coincide.

    References: Feydy et al. (2019), Interpolating between optimal transport and MMD using Sinkhorn
    divergences.
    """
    x, y = read_samples(x, y, min_points=2)
    if not are_finite(x, y):
        return math.nan
    origin = np.mean(y, axis=0, dtype=np.float64)
    x = x - origin
    y = y - origin
    epsilon = regularization(y)
    if not epsilon > 0:
        return math.nan
    x_to_x = _regularized_transport(x, x, epsilon)
    y_to_y = _regularized_transport(y, y, epsilon)
    return _regularized_transport(x, y, epsilon) - 0.5 * x_to_x - 0.5 * y_to_y


def _regularized_transport(a: np.ndarray, b: np.ndarray, epsilon: float) -> float:
    import ot
    from scipy.spatial.distance import cdist

    cost = cdist(a, b, "sqeuclidean")
    a_weights = np.full(len(a), 1 / len(a))
    b_weights = np.full(len(b), 1 / len(b))
    settings = {"numItermax": _MAX_ITERATIONS, "stopThr": _TOLERANCE, "warn": False}
    with np.errstate(all="ignore"):
        result = ot.bregman.sinkhorn_knopp(a_weights, b_weights, cost, epsilon, **settings)
    # Without a log, POT returns the plan alone.
    plan = cast(np.ndarray, result)
    # The kernel underflows for points that are far from all others: the iteration on logarithms
    # takes seventy times as long, but does not.
    if not np.abs(plan.sum(axis=1) - a_weights).max() < 10 * _TOLERANCE:
        result = ot.bregman.sinkhorn_log(a_weights, b_weights, cost, epsilon, **settings)
        plan = cast(np.ndarray, result)
    entropy = np.sum(plan * (np.log(np.maximum(plan, 1e-300)) - math.log(1 / plan.size)))
    return float(np.sum(plan * cost) + epsilon * entropy)


def regularization(y: Float[np.ndarray, "m dim"]) -> float:
    r"""Return $\epsilon$, 5% of the mean squared distance of two points of `y`."""
    return _REGULARIZATION * 2 * float(np.sum(np.var(y, axis=0, dtype=np.float64)))
