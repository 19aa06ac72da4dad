"""A mixture of Gaussians, fitted by expectation maximization."""

import jax
import jax.numpy as jnp
import jax.random as jr
from jax.scipy.stats import multivariate_normal
from jaxtyping import Array, Float

from ebmark.energies import Point
from ebmark.methods.noises._base import AbstractNoise

MAX_COMPONENTS = 16
# Data points of the fit: enough for 16 covariances in 2-D, and for d > 2.
MAX_FIT_POINTS = 4096
_MAX_FIT_POINTS_ABOVE_2D = 16_384
NUM_ITERATIONS = 100
_NUM_ITERATIONS_ABOVE_2D = 40
# Added to the variances of each component, so that none collapses onto one point.
RIDGE = 1e-4
# Weight of the wide Gaussians in a defensive mixture, and their widths relative to the data.
_DEFENSIVE_WEIGHT = 0.25
_DEFENSIVE_WIDTHS = (1.0, 1.5, 2.25)


class GaussianMixture(AbstractNoise):
    r"""$q = \sum_k \pi_k\, N(m_k, \mathrm{scale}^2 C_k)$, with $\pi, m, C$ fitted by EM.

    $$ r_{ik} \propto \pi_k N(x_i; m_k, C_k), \quad \pi_k = \tfrac1n \sum_i r_{ik}, \quad
       m_k, C_k = \text{mean and covariance under } r_{\cdot k} $$

    The initial means are random data points. For d > 2 each covariance is shrunk to the pooled one,
    which counts as d points.

    References: Dempster, Laird & Rubin (1977), Maximum likelihood from incomplete data via the EM
        algorithm.
    """

    log_weights: Float[Array, " components"]
    means: Float[Array, "components dim"]
    covariances: Float[Array, "components dim dim"]

    @classmethod
    def fit(cls, data, scale, key):
        dim = data.shape[1]
        num = MAX_FIT_POINTS if dim <= 2 else _MAX_FIT_POINTS_ABOVE_2D
        x = data[jr.permutation(key, data.shape[0])[:num]]
        num_prior = 0 if dim <= 2 else dim
        num = x.shape[0]
        num_components = min(MAX_COMPONENTS, num)
        ridge = RIDGE * jnp.eye(dim)
        data_covariance = jnp.atleast_2d(jnp.cov(x, rowvar=False))
        start = cls(
            jnp.full(num_components, -jnp.log(num_components)),
            x[:num_components],
            jnp.broadcast_to(
                data_covariance / num_components ** (2 / dim) + ridge, (num_components, dim, dim)
            ),
        )

        def iterate(mixture, _):
            responsibilities = jax.vmap(lambda x: jax.nn.softmax(mixture.log_joint(x)))(x)
            totals = responsibilities.sum(axis=0) + 1e-6
            means = (responsibilities.T @ x) / totals[:, None]
            squares = jax.vmap(_weighted_squares, in_axes=(None, 1, 0))(x, responsibilities, means)
            pooled = squares.sum(axis=0) / num
            covariances = (squares + num_prior * pooled) / (totals[:, None, None] + num_prior)
            covariances += ridge
            return cls(jnp.log(totals / totals.sum()), means, covariances), None

        num_iterations = NUM_ITERATIONS if dim <= 2 else _NUM_ITERATIONS_ABOVE_2D
        fitted, _ = jax.lax.scan(iterate, start, length=num_iterations)
        return cls(fitted.log_weights, fitted.means, scale**2 * fitted.covariances)

    def sample(self, num, key):
        component_key, point_key = jr.split(key)
        components = jr.categorical(component_key, self.log_weights, shape=(num,))
        roots = jnp.linalg.cholesky(self.covariances)[components]
        normal = jr.normal(point_key, (num, self.means.shape[1]))
        return self.means[components] + jnp.einsum("nij,nj->ni", roots, normal)

    def log_joint(self, x: Point) -> Float[Array, " components"]:
        """Return log π_k N(x; m_k, C_k) of each component."""
        log_probs = jax.vmap(multivariate_normal.logpdf, in_axes=(None, 0, 0))
        return self.log_weights + log_probs(x, self.means, self.covariances)

    def log_prob(self, x):
        return jax.nn.logsumexp(self.log_joint(x))


def _weighted_squares(
    x: Float[Array, "n dim"], weights: Float[Array, " n"], mean: Float[Array, " dim"]
) -> Float[Array, "dim dim"]:
    centered = x - mean
    return (weights[:, None] * centered).T @ centered


class DefensiveMixture(GaussianMixture):
    r"""A fitted mixture of Gaussians, a quarter of whose points come from wide Gaussians.

    $$ q = \tfrac34\, q_{mixture} + \tfrac1{12} \sum_{a \in \{1, 3/2, 9/4\}}
       N(m, a^2\, \mathrm{scale}^2 C) $$

    with the mean m and covariance C of the data. In many dimensions the mixture is narrow; the wide
    components put noise where it has none and where energies have spurious mass.

    References: Hesterberg (1995), Weighted average importance sampling and defensive mixture
        distributions.
    """

    @classmethod
    def fit(cls, data, scale, key):
        mixture = GaussianMixture.fit(data, scale, key)
        covariance = scale**2 * jnp.atleast_2d(jnp.cov(data, rowvar=False))
        covariance += RIDGE * jnp.eye(data.shape[1])
        widths = jnp.array(_DEFENSIVE_WIDTHS)
        num = len(widths)
        log_weights = mixture.log_weights + jnp.log1p(-_DEFENSIVE_WEIGHT)
        return cls(
            jnp.append(log_weights, jnp.full(num, jnp.log(_DEFENSIVE_WEIGHT / num))),
            jnp.concatenate([mixture.means, jnp.tile(jnp.mean(data, axis=0), (num, 1))]),
            jnp.concatenate([mixture.covariances, widths[:, None, None] ** 2 * covariance]),
        )
