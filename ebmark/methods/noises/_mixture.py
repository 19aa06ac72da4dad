"""A mixture of Gaussians, fitted by expectation maximisation."""

import jax
import jax.numpy as jnp
import jax.random as jr
from jax.scipy.stats import multivariate_normal
from jaxtyping import Array, Float

from ebmark.methods.noises._base import AbstractNoise

_COMPONENTS = 16
_POINTS = 4096  # of the data, at most: enough for 16 ellipses
_ITERATIONS = 100
_FLOOR = 1e-4  # of a component's variances: one point must not become a spike


class GaussianMixture(AbstractNoise):
    r"""$q = \sum_k \pi_k\, N(m_k, \mathrm{scale}^2 C_k)$, with $\pi, m, C$ fitted by EM.

    $$ r_{ik} \propto \pi_k N(x_i; m_k, C_k), \quad \pi_k = \tfrac1n \sum_i r_{ik}, \quad
       m_k, C_k = \text{mean and covariance under } r_{\cdot k} $$

    It starts from random data points. Dempster, Laird & Rubin (1977), Maximum likelihood from
    incomplete data via the EM algorithm.
    """

    log_weights: Float[Array, " components"]
    means: Float[Array, "components dim"]
    covariances: Float[Array, "components dim dim"]

    @classmethod
    def fit(cls, data, scale, key):
        x = data[jr.permutation(key, data.shape[0])[:_POINTS]]
        num, dim = x.shape
        components = min(_COMPONENTS, num)
        ridge = _FLOOR * jnp.eye(dim)
        whole = jnp.atleast_2d(jnp.cov(x, rowvar=False)) / components ** (2 / dim) + ridge
        start = cls(
            jnp.full(components, -jnp.log(components)),
            x[:components],
            jnp.broadcast_to(whole, (components, dim, dim)),
        )

        def iterate(mixture, _):
            posterior = jax.vmap(lambda x: jax.nn.softmax(mixture.log_joint(x)))(
                x
            )  # (n, components)
            total = posterior.sum(axis=0) + 1e-6
            means = (posterior.T @ x) / total[:, None]
            centred = x[:, None] - means
            spread = jnp.einsum("nk,nki,nkj->kij", posterior, centred, centred)
            covariances = spread / total[:, None, None] + ridge
            return cls(jnp.log(total / total.sum()), means, covariances), None

        fitted, _ = jax.lax.scan(iterate, start, length=_ITERATIONS)
        return cls(fitted.log_weights, fitted.means, scale**2 * fitted.covariances)

    def sample(self, num, key):
        which_key, point_key = jr.split(key)
        which = jr.categorical(which_key, self.log_weights, shape=(num,))
        roots = jnp.linalg.cholesky(self.covariances)[which]
        normal = jr.normal(point_key, (num, self.means.shape[1]))
        return self.means[which] + jnp.einsum("nij,nj->ni", roots, normal)

    def log_joint(self, x):
        """Log of each component's share of the density."""
        gaussians = jax.vmap(multivariate_normal.logpdf, in_axes=(None, 0, 0))
        return self.log_weights + gaussians(x, self.means, self.covariances)

    def log_prob(self, x):
        return jax.nn.logsumexp(self.log_joint(x))
