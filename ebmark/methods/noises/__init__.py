"""Noise distributions with samples and a known density, fitted to data; also used as baselines.

May import what `methods` may, but no training method.
To add one: a file `_name.py` with a subclass of `AbstractNoise`, and a line in `NOISES`.
"""

from ebmark.methods.noises._base import NUM_ESS_POINTS as NUM_ESS_POINTS
from ebmark.methods.noises._base import AbstractNoise as AbstractNoise
from ebmark.methods.noises._base import noise_ess as noise_ess
from ebmark.methods.noises._box import Box as Box
from ebmark.methods.noises._flow import CouplingFlow as CouplingFlow
from ebmark.methods.noises._gaussian import FactoredGaussian as FactoredGaussian
from ebmark.methods.noises._gaussian import Gaussian as Gaussian
from ebmark.methods.noises._kde import Kernels as Kernels
from ebmark.methods.noises._mixture import DefensiveMixture as DefensiveMixture
from ebmark.methods.noises._mixture import GaussianMixture as GaussianMixture
from ebmark.methods.noises._noisy_chains import NoisyChains as NoisyChains

NOISES: dict[str, type[AbstractNoise]] = {
    "gaussian": Gaussian,
    "mixture": GaussianMixture,
    "defensive": DefensiveMixture,
    "kde": Kernels,
    "box": Box,
    "flow": CouplingFlow,
    "self": NoisyChains,
}
