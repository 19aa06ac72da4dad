"""Denoising score matching with classification of the noise level."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods._limits import COUNT, NON_NEGATIVE
from ebmark.methods.families._noise_levels import (
    NOISE_LEVEL_LIMITS,
    AbstractNoiseLevelMethod,
    perturb,
)


class DiffusiveClassification(AbstractNoiseLevelMethod):
    r"""Multi-level DSM with noise-level classification.

    $$ \mathcal{L} = \mathcal{L}_{DSM} - w\, \mathbb{E} \log
       \frac{e^{-E(x, u_0)}}{\sum_{j=0}^m e^{-E(x, u_j)}}, \quad
       x \sim p_{u_0},\; u_j \sim U(0, 1) $$

    All levels are equally likely a priori, so that the optimum is $E(x, u) = -\log p_u(x)$ up to
    one constant for all levels: energies of different levels are compared at every point. This
    determines the weights of well-separated modes, to which scores alone are insensitive, from the
    levels at which the modes overlap.

    Attributes:
        weight: Weight w of the classification loss.
        num_others: Other levels m per point.
        relative_scale: σ of level 0, as a fraction of the smallest local scale of the data.
        largest: σ of level 1.
        num_levels: Noise levels of the native sampler.
        num_steps_per_level: Sampler steps per level.

    Requires: second derivatives, a noise-conditional network.
    Use when: samples at every noise level and the weights of well-separated modes are both needed.
    Avoid when: one density is enough and a noise distribution covers the data, as in two
        dimensions: NCE costs less.
    References: Aggarwal et al. (2025), BoltzNCE, eq. 10; DiffCLF (2026), Diffusive classification
        loss for learning energy-based generative models.
    """

    limits = {"weight": NON_NEGATIVE, "num_others": COUNT, **NOISE_LEVEL_LIMITS}

    weight: float = 1.0
    num_others: int = eqx.field(static=True, default=3)
    relative_scale: float = 0.5
    largest: float = 2.0
    num_levels: int = eqx.field(static=True, default=16)
    num_steps_per_level: int = eqx.field(static=True, default=40)

    def loss(self, energy, batch, state, key):
        noise_key, level_key = jr.split(key)
        noisy = perturb(self, energy, state, batch, noise_key)
        others = jr.uniform(level_key, (batch.shape[0], self.num_others))

        def cross_entropy(x, level, others):
            levels = jnp.append(level, others)
            logits = jax.vmap(lambda u: -self.at(energy, state, u)(x))(levels)
            return jax.nn.logsumexp(logits) - logits[0]

        classification_loss = jnp.mean(jax.vmap(cross_entropy)(noisy.points, noisy.levels, others))
        return noisy.matching_loss + self.weight * classification_loss, state

    def network_evaluations(self, batch_size, dim):
        return batch_size * (6 + 3 * (1 + self.num_others))
