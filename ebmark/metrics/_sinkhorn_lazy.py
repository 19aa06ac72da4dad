"""Sinkhorn divergence of large samples, without a matrix of all distances."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ebmark.metrics._sinkhorn import debiased_transport
from ebmark.system.devices import full_matmul_precision

# Rows per block: memory is proportional to it times the number of points.
_BLOCK = 256
# The potentials of a subset of points initialize those of a larger one.
_FIRST_SUBSET = 2_000
_SUBSET_FACTOR = 5
_MAX_SWEEPS = 300
# Remaining change of the value at which sweeps end, in units of epsilon.
_TOLERANCE = 1e-5
# Overrelaxation of each sweep, which saves two thirds of them (Thibault et al. 2021).
_RELAXATION = 1.5

Points = Float[Array, "_ dim"]
Potential = Float[Array, " _"]


def sinkhorn_on_the_fly(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return `sinkhorn_divergence` by log-sum-exp sweeps that compute costs when needed.

    $$ f_i = -\epsilon \log \sum_j b_j\, e^{(g_j - C_{ij}) / \epsilon}, \quad
       OT_\epsilon = \langle a, f \rangle + \langle b, g \rangle $$

    It runs in float32 on the default device. The potentials of a subset, extended to more points
    by the same equation, initialize the sweeps over those. The change by further sweeps is
    extrapolated as a geometric series.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.

    Returns:
        The divergence in squared data units; NaN for input that is not finite, or if all points of
        `y` coincide.

    References: Feydy et al. (2019), Interpolating between optimal transport and MMD using Sinkhorn
    divergences.
    """

    def transport(a: np.ndarray, b: np.ndarray) -> float:
        a_points = jnp.asarray(a, jnp.float32)
        return _transport(a_points, a_points if b is a else jnp.asarray(b, jnp.float32))

    return debiased_transport(x, y, transport)


def _transport(x: Points, y: Points) -> float:
    """OT / epsilon of points in units of sqrt(epsilon), by subsets of increasing size."""
    size = _FIRST_SUBSET
    x_subset, y_subset = _subsets(x, y, size)
    g = jnp.zeros(len(y_subset))
    while True:
        f, value = _solve(x_subset, y_subset, g)
        if len(x_subset) == len(x) and len(y_subset) == len(y):
            return value
        size *= _SUBSET_FACTOR
        previous = x_subset
        x_subset, y_subset = _subsets(x, y, size)
        g = _sweep(y_subset, previous, f)


def _subsets(x: Points, y: Points, size: int) -> tuple[Points, Points]:
    """At most `size` points of each; one and the same array if `x` is `y`."""
    x_subset = x[:: -(-len(x) // size)]
    if x is y:
        return x_subset, x_subset
    return x_subset, y[:: -(-len(y) // size)]


def _solve(x: Points, y: Points, g: Potential) -> tuple[Potential, float]:
    """The potential of `x`, and the extrapolated dual value."""
    f = jnp.zeros(len(x))
    values: list[float] = []
    for _ in range(_MAX_SWEEPS):
        f = _sweep(x, y, g)
        values.append(_mean(f) + _mean(g))
        g = _next_potential(x, y, f, g)
        if len(values) > 2:
            remaining, change = _extrapolate(values)
            is_small = abs(remaining) < 3 * _TOLERANCE
            if is_small and abs(remaining) + abs(change) < 10 * _TOLERANCE:
                return f, values[-1] + remaining
    return f, values[-1]


def _next_potential(x: Points, y: Points, f: Potential, g: Potential) -> Potential:
    """The next potential of `y`."""
    if x is y:
        # Both potentials are equal at the optimum, and their mean converges fastest.
        return 0.5 * (f + g)
    return g + _RELAXATION * (_sweep(y, x, f) - g)


def _extrapolate(values: list[float]) -> tuple[float, float]:
    """The remaining change by a geometric series, and the last change."""
    previous_change, change = np.diff(values[-3:])
    ratio = 0.0
    if previous_change > 0:
        ratio = min(max(change / previous_change, 0.0), 0.95)
    return change * ratio / (1 - ratio), change


def _mean(potential: Potential) -> float:
    return float(np.mean(np.asarray(potential), dtype=np.float64))


@full_matmul_precision
@jax.jit
def _sweep(x: Points, y: Points, g: Potential) -> Potential:
    """The potential of `x`, given that of `y`."""
    squares = jnp.sum(y**2, axis=1)

    def potential(point: Float[Array, " dim"]) -> Float[Array, ""]:
        cost = point @ point + squares - 2 * (y @ point)
        return math.log(len(y)) - jax.nn.logsumexp(g - jnp.maximum(cost, 0))

    return jax.lax.map(potential, x, batch_size=_BLOCK)
