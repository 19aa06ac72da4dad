"""Noise contrastive estimation."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ebmark._types import Point
from ebmark.energies import Offset
from ebmark.methods._base import AbstractMethod


class NCEState(NamedTuple):
    mean: Point
    cholesky: Float[Array, "dim dim"]


class NoiseContrastiveEstimation(AbstractMethod):
    r"""Tell data from noise: the logistic regression whose logit is the log-density ratio.

    $$ h(x) = -E(x) - c - \log q(x) - \log \nu, \quad
       \mathcal{L} = -\mathbb{E}_p \log \sigma(h) - \nu\, \mathbb{E}_q \log \sigma(-h) $$

    The noise $q$ is the Gaussian fitted to the data, `scale` times as wide; $\nu$ is `ratio`. The
    trained offset $c$ makes the energy self-normalising: at the optimum $\log Z = 0$.

    Gutmann & Hyvarinen (2012), Noise-contrastive estimation of unnormalized statistical models,
    eq. 8.
    """

    ratio: int = eqx.field(static=True, default=1)
    scale: float = eqx.field(static=True, default=1.2)

    def init(self, data, key):
        del key
        covariance = jnp.atleast_2d(jnp.cov(data, rowvar=False))
        ridge = 1e-6 * jnp.eye(data.shape[1])  # points on a line have no Cholesky factor
        return NCEState(data.mean(axis=0), self.scale * jnp.linalg.cholesky(covariance + ridge))

    def wrap(self, energy, data, key):
        del data, key
        return Offset(energy, jnp.zeros(()))

    def loss(self, energy, batch, state, key):
        def log_noise(x):
            z = jax.scipy.linalg.solve_triangular(state.cholesky, x - state.mean, lower=True)
            log_det = jnp.sum(jnp.log(jnp.diag(state.cholesky)))
            return -0.5 * (z @ z + x.size * jnp.log(2 * jnp.pi)) - log_det

        def logit(x):
            return -energy(x) - log_noise(x) - jnp.log(self.ratio)

        white = jr.normal(key, (self.ratio * batch.shape[0], batch.shape[1]))
        noise = state.mean + white @ state.cholesky.T
        h_data, h_noise = jax.vmap(logit)(batch), jax.vmap(logit)(noise)
        loss = jnp.mean(jax.nn.softplus(-h_data)) + self.ratio * jnp.mean(jax.nn.softplus(h_noise))
        return loss, state

    def evaluations(self, batch, dim):
        del dim
        return 3 * batch * (1 + self.ratio)
