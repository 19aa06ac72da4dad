"""The Gaussian with the mean and covariance of the data: as noise, and as a density."""

import jax.numpy as jnp
import jax.random as jr
from jax.scipy.linalg import solve_triangular
from jax.scipy.stats import multivariate_normal
from jaxtyping import Array, Float

from ebmark.energies import Point
from ebmark.methods.noises._base import AbstractNoise

# Added to variances, as points on a line have a singular covariance.
RIDGE = 1e-6
# The same of a density, whose error is that of the fit: the square of 1e-5 standard deviations.
_MIN_VARIANCE = 1e-10


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


class FactoredGaussian(AbstractNoise):
    r"""$q = N(m, \mathrm{scale}^2 L L^T)$ with the mean and covariance $L L^T$ of the data.

    L is computed from the data by a QR decomposition. Float32 then resolves nearly collinear
    columns: the covariance itself would lose their differences, which it squares.
    """

    factor: Float[Array, "dim dim"]
    mean: Point

    @classmethod
    def fit(cls, data, scale, key):
        del key
        num, dim = data.shape
        mean = data.mean(axis=0)
        ridge = jnp.sqrt(_MIN_VARIANCE) * jnp.eye(dim, dtype=data.dtype)
        rows = jnp.concatenate([(data - mean) / jnp.sqrt(max(num - 1, 1)), ridge])
        return cls(scale * jnp.linalg.qr(rows, mode="r").T, mean)

    def sample(self, num, key):
        noise = jr.normal(key, (num, self.mean.size), self.mean.dtype)
        return self.mean + noise @ self.factor.T

    def log_prob(self, x):
        white = solve_triangular(self.factor, x - self.mean, lower=True)
        log_det = jnp.sum(jnp.log(jnp.abs(jnp.diagonal(self.factor))))
        return -0.5 * (white @ white + x.size * jnp.log(2 * jnp.pi)) - log_det
