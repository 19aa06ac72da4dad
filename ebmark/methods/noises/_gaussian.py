"""The Gaussian with the mean and covariance of the data."""

import jax.numpy as jnp
import jax.random as jr
from jax.scipy.stats import multivariate_normal
from jaxtyping import Array, Float

from ebmark.energies import Point
from ebmark.methods.noises._base import AbstractNoise

# Added to variances, as points on a line have a singular covariance.
RIDGE = 1e-6


class Gaussian(AbstractNoise):
    r"""$q = N(m, \mathrm{scale}^2 C)$ with the mean $m$ and covariance $C$ of the data."""

    mean: Point
    covariance: Float[Array, "dim dim"]

    @classmethod
    def fit(cls, data, scale, key):
        del key
        covariance = scale**2 * jnp.atleast_2d(jnp.cov(data, rowvar=False))
        return cls(data.mean(axis=0), covariance + RIDGE * jnp.eye(data.shape[1]))

    def sample(self, num, key):
        return jr.multivariate_normal(key, self.mean, self.covariance, (num,))

    def log_prob(self, x):
        return jnp.asarray(multivariate_normal.logpdf(x, self.mean, self.covariance))
