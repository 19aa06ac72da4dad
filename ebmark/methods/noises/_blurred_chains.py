"""The model itself, as its own chains see it."""

from typing import ClassVar

from jaxtyping import Scalar

from ebmark.datasets import default_step_size
from ebmark.energies import stop_gradient
from ebmark.methods.noises._base import AbstractNoise
from ebmark.methods.noises._kde import Kernels
from ebmark.samplers import Langevin, run_chains


class BlurredChains(AbstractNoise):
    r"""Persistent chains of the model, each blurred by a Gaussian, so that $q$ is known exactly.

    $$ q(x) = \frac1n \sum_i N(x; c_i, b^2 I), \quad
       c_i \leftarrow c_i - h \nabla E(c_i) + \sqrt{2h}\, \xi_i $$

    The chains start at data points and take one Langevin step an update. That they lag behind the
    model, do not cross between modes and are blurred makes $q$ another law than the model: this
    costs efficiency, not correctness, as $q$ is the density of what is drawn.

    After Goodfellow (2014), On distinguishability criteria for estimating generative models:
    there the noise is a copy of the model.
    """

    network_evaluations: ClassVar[int] = 2 * 512  # a gradient in x for each chain

    kernels: Kernels
    step_size: Scalar

    @classmethod
    def fit(cls, data, scale, key):
        kernels = Kernels.fit(data, scale, key)
        return cls(kernels, default_step_size(kernels.bandwidth / scale))

    def sample(self, num, key):
        return self.kernels.sample(num, key)

    def log_prob(self, x):
        return self.kernels.log_prob(x)

    def follow(self, energy, key):
        kernel = Langevin(self.step_size)
        chains = run_chains(kernel, stop_gradient(energy), self.kernels.centers, 1, key).x
        return BlurredChains(Kernels(chains, self.kernels.bandwidth), self.step_size)
