"""Denoising score matching."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import local_scale
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import POSITIVE


class DSMState(NamedTuple):
    """Noise level σ, in standardized units."""

    sigma: Scalar


class DenoisingScoreMatching(AbstractMethod):
    r"""Denoising score matching at one noise level.

    $$ \mathcal{L} = \tfrac12 \mathbb{E}_{x, z} \| \sigma \nabla E(x + \sigma z) - z \|^2 $$

    The optimum is the noise-perturbed data distribution $p * N(0, \sigma^2 I)$: a large $\sigma$
    smooths the density, a small one increases the variance of the gradient.

    Attributes:
        sigma: Noise level σ; None is `relative_scale` times the smallest local scale of the data.
        relative_scale: σ with `sigma` None, as a fraction of the smallest local scale.
        antithetic: Whether each data point is perturbed twice, by z and by -z: the terms of order
            1/σ of the gradient's variance cancel.

    Requires: second derivatives (one more gradient), a noise level.
    Use when: scores are needed at low cost in any dimension.
    Avoid when: weights of well-separated modes matter, to which scores are insensitive, or
        details finer than σ.
    References: Vincent (2011), A connection between score matching and denoising autoencoders,
        eq. 11.
    """

    limits = {"sigma": POSITIVE, "relative_scale": POSITIVE}

    sigma: float | None = None
    relative_scale: float = 0.5
    antithetic: bool = eqx.field(static=True, default=False)

    def init(self, data, key):
        if self.sigma is not None:
            return DSMState(jnp.array(self.sigma))
        return DSMState(self.relative_scale * local_scale(data, key))

    def loss(self, energy, batch, state, key):
        noise = jr.normal(key, batch.shape)
        if self.antithetic:
            batch = jnp.concatenate([batch, batch])
            noise = jnp.concatenate([noise, -noise])
        gradient = jax.vmap(jax.grad(energy))(batch + state.sigma * noise)
        error = state.sigma * gradient - noise
        return 0.5 * jnp.mean(jnp.sum(error**2, axis=-1)), state

    def gaussian_precision(self, variance, state):
        return 1 / (variance + float(state.sigma) ** 2)

    def network_evaluations(self, batch_size, dim):
        # As XLA counts: a gradient in x is 2, its gradient in the parameters 4 more.
        return 6 * batch_size * (2 if self.antithetic else 1)
