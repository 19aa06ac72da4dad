"""The Sinkhorn divergence of many points: no matrix of distances is ever kept."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ebmark.metrics._sinkhorn import regularisation
from ebmark.system.devices import full_matmul_precision

_ROWS = 256  # at a time: memory is that times the points
_FEW, _TIMES = 2_000, 5  # points of the first of the problems, each so many times the last
_ROUNDS, _WITHIN = 300, 1e-5  # at most; what is still to come of the value, in units of epsilon
_RELAXED = 1.5  # beyond each sweep's own potential: a third of the rounds (Thibault et al. 2021)


def sinkhorn_on_the_fly(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> float:
    r"""`sinkhorn_divergence` by sweeps of log-sum-exp whose costs are computed where they are used.

    $$ f_i = -\epsilon \log \sum_j b_j\, e^{(g_j - C_{ij}) / \epsilon}, \quad
       OT_\epsilon = \langle a, f \rangle + \langle b, g \rangle $$

    In float32, on whatever device there is. The potentials of a few points, extended to more by the
    same equation, are where the sweeps over those begin. What further sweeps would add is a
    geometric series, and is added.

    Feydy et al. (2019), Interpolating between optimal transport and MMD using Sinkhorn divergences.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    origin, epsilon = np.mean(y, axis=0, dtype=np.float64), regularisation(y)
    if not epsilon > 0:
        return math.nan
    x, y = (jnp.asarray((z - origin) / math.sqrt(epsilon), jnp.float32) for z in (x, y))
    return epsilon * (_dual(x, y) - 0.5 * _dual(x, x) - 0.5 * _dual(y, y))


def _dual(x, y) -> float:
    """OT / epsilon of points in units of sqrt(epsilon)."""
    few, f, here = _FEW, None, (x, y)
    while True:
        last, here = here, [z[:: -(-len(z) // few)] for z in (x, y)]
        if x is y:
            here = [here[0]] * 2
        g = jnp.zeros(len(here[1])) if f is None else _swept(here[1], last[0], f)
        f, value = _solved(*here, g)
        if len(here[0]) == len(x) and len(here[1]) == len(y):
            return value
        few *= _TIMES


def _solved(x, y, g):
    """The potential of `x`, and the dual value with what is still to come of it."""
    values: list[float] = []
    for _ in range(_ROUNDS):
        f = _swept(x, y, g)
        values.append(_mean(f) + _mean(g))
        # of one sample with itself both potentials are one, and their mean is nearly there
        g = 0.5 * (f + g) if x is y else g + _RELAXED * (_swept(y, x, f) - g)
        if len(values) > 2:
            before, now = np.diff(values[-3:])
            ratio = min(max(now / before, 0.0), 0.95) if before > 0 else 0.0
            to_come = now * ratio / (1 - ratio)
            if abs(to_come) + abs(now) < 10 * _WITHIN and abs(to_come) < 3 * _WITHIN:
                return f, values[-1] + to_come
    return f, values[-1]


def _mean(potential) -> float:
    return float(np.mean(np.asarray(potential), dtype=np.float64))


@full_matmul_precision
@jax.jit
def _swept(x, y, g):
    """The potential of `x`, given that of `y`."""
    squares = jnp.sum(y**2, axis=1)

    def of_one(point):
        cost = point @ point + squares - 2 * (y @ point)
        return math.log(len(y)) - jax.nn.logsumexp(g - jnp.maximum(cost, 0))

    return jax.lax.map(of_one, x, batch_size=_ROWS)
