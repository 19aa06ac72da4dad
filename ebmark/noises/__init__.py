"""Laws of a known density, fitted to data: what methods contrast data with, and plain anchors."""

from ebmark.noises._base import OVERLAP_POINTS as OVERLAP_POINTS
from ebmark.noises._base import AbstractNoise as AbstractNoise
from ebmark.noises._base import overlap as overlap
from ebmark.noises._box import Box as Box
from ebmark.noises._chains import BlurredChains as BlurredChains
from ebmark.noises._flow import CouplingFlow as CouplingFlow
from ebmark.noises._gaussian import Gaussian as Gaussian
from ebmark.noises._kernels import Kernels as Kernels
from ebmark.noises._mixture import GaussianMixture as GaussianMixture

NOISES: dict[str, type[AbstractNoise]] = {
    "gaussian": Gaussian,
    "mixture": GaussianMixture,
    "kde": Kernels,
    "box": Box,
    "flow": CouplingFlow,
    "self": BlurredChains,
}
