"""The built-in datasets, by name."""

import math

from ebmark.datasets.synthetic._banana import Banana
from ebmark.datasets.synthetic._base import AbstractDataset
from ebmark.datasets.synthetic._checkerboard import Checkerboard
from ebmark.datasets.synthetic._funnel import Funnel
from ebmark.datasets.synthetic._gaussians import (
    GaussianGrid,
    GaussianRing,
    GaussiansInSquare,
    GaussiansOnSphere,
)
from ebmark.datasets.synthetic._moons import HalfMoons
from ebmark.datasets.synthetic._pinwheel import Pinwheel
from ebmark.datasets.synthetic._rings import Rings
from ebmark.datasets.synthetic._spirals import SwissRoll, TwoSpirals
from ebmark.datasets.synthetic._wells import ManyWell

_EQUAL, _RISING = (1.0,) * 8, tuple(float(k) for k in range(1, 9))
_RADIUS, _SCALE = 4 / math.sqrt(2), 0.5 / math.sqrt(2)

DATASETS: dict[str, AbstractDataset] = {
    "eight_gaussians": GaussianRing(_RADIUS, _SCALE, _EQUAL, entropy=2.831578),
    "eight_gaussians_unequal": GaussianRing(_RADIUS, _SCALE, _RISING, entropy=2.689296),
    "eight_gaussians_separated": GaussianRing(4.0, 0.25, _EQUAL, entropy=2.144730),
    "eight_gaussians_unequal_separated": GaussianRing(4.0, 0.25, _RISING, entropy=2.002086),
    # the unequal ones drawn together and apart: R / s is 8 above, and 16 where separated
    "eight_gaussians_unequal_r4": GaussianRing(_RADIUS, _RADIUS / 4, _RISING, entropy=3.785406),
    "eight_gaussians_unequal_r6": GaussianRing(_RADIUS, _RADIUS / 6, _RISING, entropy=3.214959),
    "eight_gaussians_unequal_r10": GaussianRing(_RADIUS, _RADIUS / 10, _RISING, entropy=2.248586),
    "eight_gaussians_unequal_r12": GaussianRing(_RADIUS, _RADIUS / 12, _RISING, entropy=1.884291),
    "half_moons": HalfMoons(),
    "twenty_five_gaussians": GaussianGrid(5, math.sqrt(2), 0.2 / math.sqrt(2), entropy=2.144730),
    "gmm_40": GaussiansInSquare(40.0, math.log1p(math.e), (1.0,) * 40, entropy=6.957895),
    "rings": Rings(),
    "pinwheel": Pinwheel(),
    "two_spirals": TwoSpirals(),
    "swiss_roll": SwissRoll(),
    "checkerboard": Checkerboard(),
    "banana": Banana(),
    "funnel": Funnel(),
    "double_well": ManyWell(),
    # above two dimensions, and the mixture in the plane; their entropies by Monte Carlo, to 2e-4
    "funnel_10": Funnel(10, 3.0),
    "many_well_4": ManyWell(4),
    "many_well_8": ManyWell(8),
    "many_well_16": ManyWell(16),
    "many_well_32": ManyWell(32),
    "gaussian_mixture_2": GaussiansOnSphere(2, _RADIUS, _SCALE, _RISING, entropy=2.420379),
    "gaussian_mixture_4": GaussiansOnSphere(4, _RADIUS, _SCALE, _RISING, entropy=3.4490),
    "gaussian_mixture_8": GaussiansOnSphere(8, _RADIUS, _SCALE, _RISING, entropy=4.9627),
    "gaussian_mixture_16": GaussiansOnSphere(16, _RADIUS, _SCALE, _RISING, entropy=8.0042),
    "gaussian_mixture_32": GaussiansOnSphere(32, _RADIUS, _SCALE, _RISING, entropy=14.0720),
}
