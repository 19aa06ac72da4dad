"""Denoising score matching at many noise levels."""

import equinox as eqx

from ebmark.methods._limits import POSITIVE
from ebmark.methods.families._noise_levels import (
    NOISE_LEVEL_LIMITS,
    AbstractNoiseLevelMethod,
    perturb,
)


class MultiscaleDenoisingScoreMatching(AbstractNoiseLevelMethod):
    r"""DSM at all levels with a noise-conditional energy.

    $$ \mathcal{L} = \tfrac12 \mathbb{E}_{u, x, z}
       \| \sigma_u \nabla_x E(x + \sigma_u z, u) - z \|^2, \quad
       \log \sigma_u = (1 - u) \log \sigma_{min} + u \log \sigma_{max}, \; \sqrt u \sim U(0, 1) $$

    The native sampler, annealed Langevin, takes the mode weights from the highest levels, at which
    the modes overlap. The learned density, that of $\sigma_{min}$, does not: the energy of each
    level is free up to a function that is constant near every mode.

    Attributes:
        level_power: Levels are drawn as $v^{level\_power}$, $v \sim U(0, 1)$. With 2, half of them
            lie in the lowest quarter, which lowers the KL.
        relative_scale: σ of level 0, as a fraction of the smallest local scale of the data.
        largest: σ of level 1.
        num_levels: Noise levels of the native sampler.
        num_steps_per_level: Sampler steps per level.

    Requires: second derivatives, a noise-conditional network.
    Use when: samples are drawn by annealed Langevin.
    Avoid when: the density is needed: the weights of well-separated modes are free;
        `diffclf` determines them.
    References: Song & Ermon (2019), Generative modeling by estimating gradients of the data
        distribution, eq. 5; for an energy: Li, Chen & Sommer (2019), Learning energy-based models
        in high-dimensional spaces with multi-scale denoising score matching.
    """

    limits = {"level_power": POSITIVE, **NOISE_LEVEL_LIMITS}

    level_power: float = 2.0
    relative_scale: float = 0.5
    largest: float = 2.0
    num_levels: int = eqx.field(static=True, default=16)
    num_steps_per_level: int = eqx.field(static=True, default=40)

    def loss(self, energy, batch, state, key):
        noisy = perturb(self, energy, state, batch, key, self.level_power)
        return noisy.matching_loss, state

    def network_evaluations(self, batch_size, dim):
        return 6 * batch_size
