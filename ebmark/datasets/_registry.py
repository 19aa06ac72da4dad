"""The built-in datasets, by name."""

import math

from ebmark.datasets.fitted._targets import fitted_pair
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

_EQUAL = (1.0,) * 8
_RISING = tuple(float(k) for k in range(1, 9))
_RADIUS = 4 / math.sqrt(2)
_SCALE = 0.5 / math.sqrt(2)


def _ring(
    entropy: float,
    *,
    radius: float = _RADIUS,
    scale: float = _SCALE,
    weights: tuple[float, ...] = _RISING,
) -> GaussianRing:
    return GaussianRing(radius=radius, scale=scale, weights=weights, entropy=entropy)


def _sphere(dim: int, entropy: float) -> GaussiansOnSphere:
    return GaussiansOnSphere(
        dim=dim, radius=_RADIUS, scale=_SCALE, weights=_RISING, entropy=entropy
    )


DATASETS: dict[str, AbstractDataset] = {
    "eight_gaussians": _ring(2.831578, weights=_EQUAL),
    "eight_gaussians_unequal": _ring(2.689296),
    "eight_gaussians_separated": _ring(2.144730, radius=4.0, scale=0.25, weights=_EQUAL),
    "eight_gaussians_unequal_separated": _ring(2.002086, radius=4.0, scale=0.25),
    # other separations: the ratio of radius and scale is 8 above, and 16 for the separated ones
    "eight_gaussians_unequal_r4": _ring(3.785406, scale=_RADIUS / 4),
    "eight_gaussians_unequal_r6": _ring(3.214959, scale=_RADIUS / 6),
    "eight_gaussians_unequal_r10": _ring(2.248586, scale=_RADIUS / 10),
    "eight_gaussians_unequal_r12": _ring(1.884291, scale=_RADIUS / 12),
    "half_moons": HalfMoons(),
    "twenty_five_gaussians": GaussianGrid(
        side=5, spacing=math.sqrt(2), scale=0.2 / math.sqrt(2), entropy=2.144730
    ),
    "gmm_40": GaussiansInSquare(
        extent=40.0, scale=math.log1p(math.e), weights=(1.0,) * 40, entropy=6.957895
    ),
    "rings": Rings(),
    "pinwheel": Pinwheel(),
    "two_spirals": TwoSpirals(),
    "swiss_roll": SwissRoll(),
    "checkerboard": Checkerboard(),
    "banana": Banana(),
    "funnel": Funnel(),
    "double_well": ManyWell(),
    # more than two dimensions, and the mixture in 2-D; entropies of d > 2 by Monte Carlo, to 2e-4
    "funnel_10": Funnel(dim=10, sigma=3.0),
    "many_well_4": ManyWell(dim=4),
    "many_well_8": ManyWell(dim=8),
    "many_well_16": ManyWell(dim=16),
    "many_well_32": ManyWell(dim=32),
    "many_well_128": ManyWell(dim=128),
    "banana_8": Banana(dim=8),
    "banana_32": Banana(dim=32),
    "banana_128": Banana(dim=128),
    "gaussian_mixture_2": _sphere(2, 2.420379),
    "gaussian_mixture_4": _sphere(4, 3.4490),
    "gaussian_mixture_8": _sphere(8, 4.9627),
    "gaussian_mixture_16": _sphere(16, 8.0042),
    "gaussian_mixture_32": _sphere(32, 14.0720),
    "gaussian_mixture_128": _sphere(128, 50.4767),
    # fitted to real data, each with a warped twin
    **fitted_pair("digits_64", 64),
    **fitted_pair("mnist_196", 196),
    **fitted_pair("breast_cancer_30", 30),
    **fitted_pair("wine_13", 13),
}
