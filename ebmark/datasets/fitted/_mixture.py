"""A mixture of factor analyzers: density, samples, moments, marginals and conditionals."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Scalar
from numpy.typing import ArrayLike

from ebmark.energies import Key, Point

_LOG_2_PI = math.log(2 * math.pi)


class FactorAnalyzers(eqx.Module):
    r"""A mixture of Gaussians whose covariances are of low rank plus a diagonal.

    $$ p(x) = \sum_k w_k N(x; m_k, C_k), \quad C_k = L_k L_k^T + \mathrm{diag}(v_k) $$

    A component is $x = m_k + L_k z + \sqrt{v_k}\, e$ with standard normal factors $z$ and noise
    $e$. Marginals and conditionals are mixtures of factor analyzers again, so that both have a
    density and a sampler.

    Attributes:
        log_weights: $\log w_k$; the weights sum to 1.
        means: $m_k$.
        loadings: $L_k$.
        variances: $v_k$, positive.

    References: Ghahramani & Hinton (1996), The EM algorithm for mixtures of factor analyzers;
    Richardson & Weiss (2018), On GANs and GMMs, for images.
    """

    log_weights: Float[Array, " modes"]
    means: Float[Array, "modes dim"]
    loadings: Float[Array, "modes dim factors"]
    variances: Float[Array, "modes dim"]

    @property
    def dim(self) -> int:
        return self.means.shape[1]

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        """Compute the log-density of each component at x, weight included.

        The square $r^T C_k^{-1} r$ of $r = x - m_k$ is a minimum over $z$ of
        $|z|^2 + |(r - L_k z) / \\sqrt{v_k}|^2$: a sum of positive terms, exact in float32.
        """
        precision, gains = self._factor_posterior()
        residuals = x - self.means
        z = jnp.einsum("kid,kd->ki", gains, residuals)
        noise = residuals - jnp.einsum("kdi,ki->kd", self.loadings, z)
        squares = jnp.sum(noise**2 / self.variances, axis=1) + jnp.sum(z**2, axis=1)
        log_dets = jnp.sum(jnp.log(self.variances), axis=1) + jnp.linalg.slogdet(precision)[1]
        return self.log_weights - 0.5 * (squares + log_dets + self.dim * _LOG_2_PI)

    def log_prob(self, x: Point) -> Scalar:
        """Compute log p(x), normalized."""
        return jax.nn.logsumexp(self.component_log_probs(x))

    def posterior(self, x: Point) -> Float[Array, " modes"]:
        """Compute the probability of each component given x."""
        return jax.nn.softmax(self.component_log_probs(x))

    def sample(self, key: Key) -> Point:
        """Draw one point."""
        mode_key, factor_key, noise_key = jr.split(key, 3)
        mode = jr.categorical(mode_key, self.log_weights)
        z = jr.normal(factor_key, self.loadings.shape[2:])
        noise = jnp.sqrt(self.variances[mode]) * jr.normal(noise_key, (self.dim,))
        return self.means[mode] + self.loadings[mode] @ z + noise

    def moments(self) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, "dim dim"]]:
        """Compute the mean and the covariance matrix, in float64."""
        weights = np.exp(np.asarray(self.log_weights, np.float64))
        means = np.asarray(self.means, np.float64)
        loadings = np.asarray(self.loadings, np.float64)
        mean = weights @ means
        within = np.einsum("k,kdi,kei->de", weights, loadings, loadings)
        noise = np.diag(weights @ np.asarray(self.variances, np.float64))
        between = np.einsum("k,kd,ke->de", weights, means - mean, means - mean)
        return mean, within + noise + between

    def marginal(self, columns: Sequence[int]) -> "FactorAnalyzers":
        """Return the distribution of a subset of the columns.

        Args:
            columns: Their indices, without repetition.

        Raises:
            ValueError: If an index is out of range or repeated, or if there is none.

        Example:
            >>> zeros = jnp.zeros((1, 3, 1))
            >>> normal = FactorAnalyzers(jnp.zeros(1), zeros[..., 0], zeros, jnp.ones((1, 3)))
            >>> normal.marginal([2, 0]).dim
            2
        """
        kept = self._checked(columns)
        return FactorAnalyzers(
            self.log_weights, self.means[:, kept], self.loadings[:, kept], self.variances[:, kept]
        )

    def conditional(self, columns: Sequence[int], values: ArrayLike) -> "FactorAnalyzers":
        r"""Return the exact distribution of the other columns given the values of some columns.

        Given $x_b$, the factors of a component are $N(\mu, P^{-1})$ with
        $P = I + L_b^T \mathrm{diag}(v_b)^{-1} L_b$. So the other columns are a factor analyzer of
        mean $m_a + L_a \mu$, loadings $L_a P^{-1/2}$ and variances $v_a$, weighted by the
        component's probability given $x_b$.

        Args:
            columns: The indices of the given columns, without repetition.
            values: Their values, in the same order.

        Returns:
            The distribution of the other columns, in increasing order of their indices.

        Raises:
            ValueError: If an index is out of range or repeated, if no column or all are given, or
                if there is not one value per column.
        """
        given_columns = self._checked(columns)
        others = np.setdiff1d(np.arange(self.dim), given_columns)
        if not len(others):
            raise ValueError("'columns' are all columns. Leave at least one out.")
        x = jnp.asarray(values, jnp.float32)
        if x.shape != given_columns.shape:
            raise ValueError(
                f"'values' has shape {x.shape}. Give one value for each of the"
                f" {len(given_columns)} columns."
            )
        given, rest = self.marginal(columns), self.marginal(others.tolist())
        precision, gains = given._factor_posterior()
        z = jnp.einsum("kid,kd->ki", gains, x - given.means)
        identity = jnp.broadcast_to(jnp.eye(precision.shape[-1]), precision.shape)
        root = jax.lax.linalg.triangular_solve(
            jnp.linalg.cholesky(precision), identity, left_side=True, lower=True
        )
        return FactorAnalyzers(
            jax.nn.log_softmax(given.component_log_probs(x)),
            rest.means + jnp.einsum("kdi,ki->kd", rest.loadings, z),
            jnp.einsum("kdi,kji->kdj", rest.loadings, root),
            rest.variances,
        )

    def _factor_posterior(
        self,
    ) -> tuple[Float[Array, "modes factors factors"], Float[Array, "modes factors dim"]]:
        """Compute the precision of the factors given x, and the maps from x - m_k to their mean."""
        scaled = self.loadings / self.variances[..., None]
        identity = jnp.eye(self.loadings.shape[2])
        precision = identity + jnp.einsum("kdi,kdj->kij", self.loadings, scaled)
        return precision, jnp.linalg.solve(precision, jnp.swapaxes(scaled, 1, 2))

    def _checked(self, columns: Sequence[int]) -> np.ndarray:
        indices = np.asarray(columns, int).reshape(-1)
        is_known = (indices >= 0) & (indices < self.dim)
        if not len(indices) or not is_known.all() or len(set(indices.tolist())) < len(indices):
            raise ValueError(
                f"'columns' is {list(columns)}. Give different indices from 0 to {self.dim - 1}."
            )
        return indices
