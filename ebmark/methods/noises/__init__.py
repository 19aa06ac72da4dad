"""Laws of a known density, fitted to data: what methods contrast data with, and plain anchors."""

from ebmark.methods.noises._base import OVERLAP_POINTS as OVERLAP_POINTS
from ebmark.methods.noises._base import AbstractNoise as AbstractNoise
from ebmark.methods.noises._base import overlap as overlap
from ebmark.methods.noises._blurred_chains import BlurredChains as BlurredChains
from ebmark.methods.noises._box import Box as Box
from ebmark.methods.noises._flow import CouplingFlow as CouplingFlow
from ebmark.methods.noises._gaussian import Gaussian as Gaussian
from ebmark.methods.noises._kde import Kernels as Kernels
from ebmark.methods.noises._mixture import GaussianMixture as GaussianMixture

NOISES: dict[str, type[AbstractNoise]] = {
    "gaussian": Gaussian,
    "mixture": GaussianMixture,
    "kde": Kernels,
    "box": Box,
    "flow": CouplingFlow,
    "self": BlurredChains,
}
