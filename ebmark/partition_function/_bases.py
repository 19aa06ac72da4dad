"""Base distributions of an annealing path: normalized and sampled exactly."""

import warnings
from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar
from scipy.cluster.vq import kmeans2
from scipy.linalg import solve_triangular

from ebmark.energies import Key, MixtureDensity, Point
from ebmark.system.random_numbers import generator

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


class MixtureBase(MixtureDensity):
    r"""A Gaussian mixture, the distribution at which an annealing path begins.

    $$ p_0(x) = \sum_k w_k N(x; \mu_k, (P_k^\top P_k)^{-1}) $$

    The log weight of a component that is not used is minus infinity.
    """

    @classmethod
    def normal(cls, dim: int, std: float = 1.0) -> "MixtureBase":
        """Return N(0, std^2 I)."""
        return cls._padded(np.zeros(1), np.zeros((1, dim)), np.eye(dim)[None] / std)

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

    def sample(self, num: int, key: Key) -> Float[Array, "n dim"]:
        """Draw points, in NumPy: a program for each shape takes seconds to compile."""
        rng = generator(key)
        weights = np.exp(np.asarray(self.log_weights, np.float64))
        components = rng.choice(len(weights), num, p=weights / weights.sum())
        x = rng.normal(size=(num, self.means.shape[1]))
        for k in np.unique(components):
            chosen = components == k
            x[chosen] = solve_triangular(np.asarray(self.factors[k]), x[chosen].T, lower=True).T
        return jnp.asarray((x + np.asarray(self.means)[components]).astype(np.float32))


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
