"""Conditional noise contrastive estimation."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import local_scale
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import COUNT, POSITIVE
from ebmark.system.random_numbers import normal


class CNCEState(NamedTuple):
    """Smallest and largest standard deviation of the perturbations."""

    min_width: Scalar
    max_width: Scalar


class ConditionalNoiseContrastiveEstimation(AbstractMethod):
    r"""NCE with perturbed data as noise.

    $$ \mathcal{L} = 2\, \mathbb{E}_{x, \xi} \log\left(1 + e^{E(x) - E(y)}\right), \quad
       y = x + \epsilon \xi, \quad \xi \sim N(0, I) $$

    The perturbation is symmetric, so that neither its density nor Z enters the loss. As
    $\epsilon \to 0$ the loss tends to score matching, which is insensitive to the weights of
    well-separated modes; large perturbations compare the energies of all modes. The gradient is
    twice that of one step of contrastive divergence with Barker's acceptance (Yair & Michaeli
    2021).

    Attributes:
        ratio: Perturbed copies per data point.
        width: Standard deviation $\epsilon$. With None, $\log \epsilon$ is uniform between the
            smallest local scale of the data and `widest`: a mixture of symmetric perturbations is
            symmetric.
        widest: Largest $\epsilon$ with `width` None, in standard deviations of the data.

    Requires: energies only, symmetric perturbations of the data.
    Use when: no noise distribution can be fitted. Close to the oracle in
        two dimensions.
    Avoid when: data have many dimensions: a large perturbation seldom reaches other data.
    References: Ceylan & Gutmann (2018), Conditional noise-contrastive estimation of unnormalised
        models.
    """

    limits = {"ratio": COUNT, "width": POSITIVE, "widest": POSITIVE}

    ratio: int = eqx.field(static=True, default=2)
    width: float | None = None
    widest: float = 2.0

    def init(self, data, key):
        if self.width is not None:
            return CNCEState(jnp.array(self.width), jnp.array(self.width))
        return CNCEState(local_scale(data, key), jnp.array(self.widest))

    def loss(self, energy, batch, state, key):
        width_key, noise_key = jr.split(key)
        fraction = jr.uniform(width_key, (self.ratio, batch.shape[0], 1))
        width = state.min_width ** (1 - fraction) * state.max_width**fraction
        perturbed = batch + width * normal(noise_key, (self.ratio, *batch.shape))
        data_energies = jax.vmap(energy)(batch)
        perturbed_energies = jax.vmap(jax.vmap(energy))(perturbed)
        return 2 * jnp.mean(jax.nn.softplus(data_energies - perturbed_energies)), state

    def network_evaluations(self, batch_size, dim):
        del dim
        return 3 * batch_size * (1 + self.ratio)
