"""Sinkhorn divergence."""

import math
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ebmark.metrics._inputs import are_finite, read_samples

# Regularization, as a fraction of the mean squared distance of two target samples.
_REGULARIZATION = 0.05
_MAX_ITERATIONS = 1_000
# Error of the marginals of the transport plan.
_TOLERANCE = 1e-7
# Error at which the iteration on logarithms takes over.
_MAX_ERROR = 1e-5


def sinkhorn_divergence(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return optimal transport with entropic regularization, debiased (POT).

    $$ S = OT_\epsilon(x, y) - \tfrac12 OT_\epsilon(x, x) - \tfrac12 OT_\epsilon(y, y), \quad
       OT_\epsilon = \min_\pi \langle \pi, C \rangle + \epsilon\, KL(\pi \| a \otimes b) $$

    Costs are squared distances and $\epsilon$ is 5% of the mean squared distance within `y`. It
    lies between the squared W2 ($\epsilon \to 0$) and an MMD. The bias of the regularization is
    removed, that of finite samples is not.

    Args:
        x: Samples of the model, (n, dim), at least 2.
        y: Target samples, at least 2.

    Returns:
        The divergence in squared data units; NaN for input that is not finite, or if all points of
        `y` coincide.

    References: Feydy et al. (2019), Interpolating between optimal transport and MMD using Sinkhorn
    divergences.
    """
    return debiased_transport(x, y, _transport)


def debiased_transport(
    x: ArrayLike,
    y: ArrayLike,
    transport: Callable[[np.ndarray, np.ndarray], float],
) -> float:
    r"""Return the divergence from a function that computes $OT_\epsilon / \epsilon$.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.
        transport: Maps two samples in units of $\sqrt\epsilon$, of mean about 0, to OT; the two are
            one and the same array for the transport of a sample to itself.
    """
    x, y = read_samples(x, y, min_points=2)
    if not are_finite(x, y):
        return math.nan
    unit = float(np.ptp(y, axis=0).max())
    if not unit > 0:
        return math.nan
    origin = np.mean(y, axis=0)
    a = (x - origin) / unit
    b = (y - origin) / unit
    # 5% of the mean squared distance of two points.
    scale = math.sqrt(_REGULARIZATION * 2 * float(np.sum(np.var(b, axis=0))))
    a = a / scale
    b = b / scale
    value = transport(a, b) - 0.5 * transport(a, a) - 0.5 * transport(b, b)
    return (unit * scale) ** 2 * value


def _transport(a: np.ndarray, b: np.ndarray) -> float:
    import ot
    from scipy.spatial.distance import cdist

    cost = cdist(a, b, "sqeuclidean")
    weights = np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b))
    settings = {"numItermax": _MAX_ITERATIONS, "stopThr": _TOLERANCE, "warn": False, "log": True}
    # POT warns of numerical errors, which the marginals of the plan show
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan, log = ot.bregman.sinkhorn_knopp(*weights, cost, 1.0, **settings)
        potentials = np.log(log["u"] * len(a)), np.log(log["v"] * len(b))
        # The kernel underflows for points that are far from all others: the iteration on logarithms
        # takes seventy times as long, but does not.
        if not np.abs(plan.sum(axis=1) - weights[0]).max() < _MAX_ERROR:
            _, log = ot.bregman.sinkhorn_log(*weights, cost, 1.0, **settings)
            potentials = [
                np.asarray(log[k]) + math.log(len(z)) for k, z in (("log_u", a), ("log_v", b))
            ]
    # The error of the dual value is the square of that of the marginals.
    return float(np.mean(potentials[0]) + np.mean(potentials[1]))
