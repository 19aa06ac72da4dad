"""Base distributions of an annealing path: normalized and sampled exactly."""

import warnings
from typing import NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Scalar
from scipy.cluster.vq import kmeans2

from ebmark.energies import Key, Point

# of every base, so that one compiled program serves them all
_NUM_COMPONENTS = 8
# a component is fitted to at least this number of points on average
_MIN_POINTS = 10
# fraction of the mean eigenvalue in the covariance within components
_SHRINKAGE = 0.1


@runtime_checkable
class Base(Protocol):
    """The density at which a path begins."""

    def log_prob(self, x: Point, /) -> Scalar: ...


class MixtureBase(eqx.Module):
    r"""A Gaussian mixture, the distribution at which an annealing path begins.

    $$ p_0(x) = \sum_k w_k N(x; \mu_k, (P_k^\top P_k)^{-1}) $$

    Attributes:
        log_weights: log w_k; minus infinity for a component that is not used.
        means: the means mu_k.
        factors: the lower triangular factors P_k of the inverse covariances.
    """

    log_weights: Float[Array, " components"]
    means: Float[Array, "components dim"]
    factors: Float[Array, "components dim dim"]

    @classmethod
    def standard(cls, dim: int) -> "MixtureBase":
        """Return N(0, I)."""
        return cls._padded(np.zeros(1), np.zeros((1, dim)), np.eye(dim)[None])

    @classmethod
    def fit(
        cls, points: Float[np.ndarray, "n dim"], energies: Float[np.ndarray, " n"]
    ) -> "MixtureBase":
        r"""Fit a mixture to points at which exp(-E) has mass, whatever their proportions.

        Centers are added one by one where the mixture covers the mass worst, at the largest of

        $$ \log w_i = -E(x_i) - \log p_0(x_i), $$

        and refined by k-means. The covariance of a component is shrunk towards that within
        clusters, and this one towards a sphere.

        Args:
            points: the points, at least one.
            energies: their energies.

        References: Raftery & Bao (2010), Estimating and projecting trends in HIV/AIDS generalized
        epidemics using incremental mixture importance sampling.
        """
        centers = points.mean(axis=0, keepdims=True)
        mixture = _Clusters.around(centers, points)
        for _ in range(min(_NUM_COMPONENTS, len(points) // _MIN_POINTS) - 1):
            uncovered = points[np.argmax(-energies - mixture.log_probs(points))]
            mixture = _Clusters.around(np.vstack([mixture.means, uncovered]), points)
        return cls._padded(mixture.log_weights, mixture.means, mixture.factors)

    @classmethod
    def _padded(cls, log_weights: np.ndarray, means: np.ndarray, factors: np.ndarray):
        missing = _NUM_COMPONENTS - len(means)
        log_weights = np.pad(log_weights, (0, missing), constant_values=-np.inf)
        means = np.pad(means, ((0, missing), (0, 0)))
        identities = np.tile(np.eye(means.shape[1]), (missing, 1, 1))
        arrays = (log_weights, means, np.concatenate([factors, identities]))
        return cls(*(jnp.asarray(array.astype(np.float32)) for array in arrays))

    def log_prob(self, x: Point) -> Scalar:
        """Compute log p_0(x), normalized."""
        z = jnp.einsum("kij,kj->ki", self.factors, x - self.means)
        log_dets = jnp.sum(jnp.log(jnp.diagonal(self.factors, axis1=1, axis2=2)), axis=1)
        log_probs = log_dets - 0.5 * jnp.sum(z**2, axis=1) - 0.5 * len(x) * jnp.log(2 * jnp.pi)
        return jax.nn.logsumexp(self.log_weights + log_probs)

    def sample(self, key: Key) -> Point:
        """Draw one point."""
        component_key, noise_key = jr.split(key)
        k = jr.categorical(component_key, self.log_weights)
        noise = jr.normal(noise_key, self.means[0].shape)
        return self.means[k] + jax.scipy.linalg.solve_triangular(self.factors[k], noise, lower=True)


class _Clusters(NamedTuple):
    """A Gaussian mixture in float64 with one component per cluster of points."""

    log_weights: Float[np.ndarray, " components"]
    means: Float[np.ndarray, "components dim"]
    factors: Float[np.ndarray, "components dim dim"]

    @classmethod
    def around(
        cls, centers: Float[np.ndarray, "components dim"], points: Float[np.ndarray, "n dim"]
    ) -> "_Clusters":
        r"""Move centers by k-means, and fit a Gaussian to each cluster.

        $$ \Sigma_k = \frac{n_k S_k + d\, S}{n_k + d} $$

        with the covariance $S_k$ of a cluster and $S$ within all clusters.
        """
        n, dim = points.shape
        with warnings.catch_warnings():
            # of clusters without points, which are left out below
            warnings.simplefilter("ignore", UserWarning)
            _, labels = kmeans2(points, centers, iter=10, minit="matrix", missing="warn")
        used, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
        clusters = [points[labels == k] for k in range(len(used))]
        means = np.stack([cluster.mean(axis=0) for cluster in clusters])
        residuals = [cluster - mean for cluster, mean in zip(clusters, means, strict=True)]
        scatters = np.stack([r.T @ r for r in residuals])
        within = scatters.sum(axis=0) / n
        sphere = max(np.trace(within) / dim, np.finfo(np.float32).tiny) * np.eye(dim)
        within = (1 - _SHRINKAGE) * within + _SHRINKAGE * sphere
        covariances = (scatters + dim * within) / (counts + dim)[:, None, None]
        factors = np.linalg.inv(np.linalg.cholesky(covariances))
        return cls(np.log(counts / n), means, factors)

    def log_probs(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, " n"]:
        """Compute log p_0 at points, up to a constant."""
        log_probs = [
            log_weight
            + np.log(np.diag(factor)).sum()
            - 0.5 * np.sum(((x - mean) @ factor.T) ** 2, 1)
            for log_weight, mean, factor in zip(*self, strict=True)
        ]
        return np.logaddexp.reduce(log_probs, axis=0)
