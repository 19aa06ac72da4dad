"""The energy distance."""

import math

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

_BLOCK = 1024  # rows at a time: memory stays at a block times n


def energy_distance(x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"]) -> float:
    r"""The squared energy distance of two samples, unbiased; it has no width to choose.

    $$ D^2 = 2\, \mathbb{E} \|x - y\| - \mathbb{E} \|x - x'\| - \mathbb{E} \|y - y'\| $$

    A U-statistic: its mean is 0 for samples of one law, so it can be negative. In data units.

    Szekely & Rizzo (2013), Energy statistics: a class of statistics based on distances, eq. 1.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    within = [_sum(z, z) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return 2 * _sum(x, y) / (len(x) * len(y)) - sum(within)


def _sum(a: np.ndarray, b: np.ndarray) -> float:
    blocks = (a[start : start + _BLOCK] for start in range(0, len(a), _BLOCK))
    return float(sum(cdist(block, b).sum() for block in blocks))
