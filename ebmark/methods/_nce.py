"""Noise contrastive estimation."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.scipy.stats import multivariate_normal
from jaxtyping import Array, Float

from ebmark._types import Point
from ebmark.energies import Offset
from ebmark.methods._base import AbstractMethod


class NCEState(NamedTuple):
    mean: Point
    covariance: Float[Array, "dim dim"]


class NoiseContrastiveEstimation(AbstractMethod):
    r"""Tell data from noise: the logistic regression whose logit is the log-density ratio.

    $$ h(x) = -E(x) - c - \log q(x) - \log \nu, \quad
       \mathcal{L} = -\mathbb{E}_p \log \sigma(h) - \nu\, \mathbb{E}_q \log \sigma(-h) $$

    The noise $q$ is the Gaussian fitted to the data, `scale` times as wide; $\nu$ is `ratio`. The
    trained offset $c$ makes the energy self-normalising: at the optimum $\log Z = 0$.

    Gutmann & Hyvarinen (2012), Noise-contrastive estimation of unnormalized models, eq. 8.
    """

    ratio: int = eqx.field(static=True, default=1)
    scale: float = eqx.field(static=True, default=1.2)

    def init(self, data, key):
        del key
        covariance = self.scale**2 * jnp.atleast_2d(jnp.cov(data, rowvar=False))
        ridge = 1e-6 * jnp.eye(data.shape[1])  # points on a line have a singular covariance
        return NCEState(data.mean(axis=0), covariance + ridge)

    def wrap(self, energy, data, key):
        return Offset(energy, jnp.zeros(()))

    def loss(self, energy, batch, state, key):
        def logit(x):
            log_noise = multivariate_normal.logpdf(x, state.mean, state.covariance)
            return -energy(x) - log_noise - jnp.log(self.ratio)

        num = self.ratio * batch.shape[0]
        noise = jr.multivariate_normal(key, state.mean, state.covariance, (num,))
        h_data, h_noise = jax.vmap(logit)(batch), jax.vmap(logit)(noise)
        loss = jnp.mean(jax.nn.softplus(-h_data)) + self.ratio * jnp.mean(jax.nn.softplus(h_noise))
        return loss, state

    def evaluations(self, batch, dim):
        del dim
        return 3 * batch * (1 + self.ratio)
