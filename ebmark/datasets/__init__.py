"""Data whose density is exactly known."""

import math

from ebmark.datasets._base import AbstractDataset as AbstractDataset
from ebmark.datasets._gaussians import GaussianRing as GaussianRing
from ebmark.datasets._moons import HalfMoons as HalfMoons

_EQUAL, _RISING = (1.0,) * 8, tuple(float(k) for k in range(1, 9))
_RADIUS, _SCALE = 4 / math.sqrt(2), 0.5 / math.sqrt(2)

DATASETS: dict[str, AbstractDataset] = {
    "eight_gaussians": GaussianRing(_RADIUS, _SCALE, _EQUAL, entropy=2.831578),
    "eight_gaussians_unequal": GaussianRing(_RADIUS, _SCALE, _RISING, entropy=2.689296),
    "eight_gaussians_separated": GaussianRing(4.0, 0.25, _EQUAL, entropy=2.144730),
    "eight_gaussians_unequal_separated": GaussianRing(4.0, 0.25, _RISING, entropy=2.002086),
    "half_moons": HalfMoons(),
}
