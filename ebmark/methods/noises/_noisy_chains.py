"""Persistent chains of the model with Gaussian noise."""

from typing import ClassVar

from jaxtyping import Scalar

from ebmark.datasets import default_step_size
from ebmark.energies import stop_gradient
from ebmark.methods.noises._base import AbstractNoise
from ebmark.methods.noises._kde import MAX_CENTERS, Kernels
from ebmark.samplers import Langevin, run_chains


class NoisyChains(AbstractNoise):
    r"""Persistent chains of the model with Gaussian noise, which makes their density known.

    $$ q(x) = \frac1n \sum_i N(x; c_i, b^2 I), \quad
       c_i \leftarrow c_i - h \nabla E(c_i) + \sqrt{2h}\, \xi_i $$

    The chains start at data points and take one Langevin step per update. They lag behind the
    model, do not cross between well-separated modes and carry noise, so that $q$ differs from the
    model distribution. This reduces efficiency but not correctness, as $q$ is the density of the
    noise points.

    References: Goodfellow (2014), On distinguishability criteria for estimating generative models
        (there the noise is a copy of the model).
    """

    # A gradient in x for each chain.
    network_evaluations: ClassVar[int] = 2 * MAX_CENTERS

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
        return NoisyChains(Kernels(chains, self.kernels.bandwidth), self.step_size)
