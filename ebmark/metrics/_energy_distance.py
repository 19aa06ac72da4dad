"""The energy distance."""

import math

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

_BLOCK = 1024  # rows and columns at a time: memory stays at the square of it


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
    total = 0.0
    for start in range(0, len(a), _BLOCK):
        rows = a[start : start + _BLOCK]
        # of one sample with itself, what is above the diagonal counts twice
        for at in range(start if a is b else 0, len(b), _BLOCK):
            block = cdist(rows, b[at : at + _BLOCK]).sum()
            total += float(block) * (2 if a is b and at > start else 1)
    return total
