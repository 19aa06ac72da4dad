"""Expectation maximization for mixtures of factor analyzers."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets.fitted._mixture import FactorAnalyzers
from ebmark.system.devices import full_matmul_precision


@full_matmul_precision
def fit_factor_analyzers(
    x: Float[np.ndarray, "n dim"],
    num_components: int,
    num_factors: int,
    *,
    min_variance: float,
    num_prior: float = 0.0,
    num_iterations: int = 40,
    seed: int = 0,
) -> FactorAnalyzers:
    r"""Fit a mixture of factor analyzers by expectation maximization, from k-means clusters.

    With $B_k = L_k^T C_k^{-1}$ and $S_k$ the covariance of the points, weighted by their
    probability of component k, and of `num_prior` points of the pooled covariance within clusters,
    an update is

    $$ L_k \leftarrow S_k B_k^T (I - B_k L_k + B_k S_k B_k^T)^{-1}, \quad
       v_k \leftarrow \max(\mathrm{diag}(S_k - L_k B_k S_k), v_{min}) $$

    Args:
        x: The points.
        num_components: Number of components.
        num_factors: Number of factors of each.
        min_variance: Lower bound of the variances, so that no component collapses.
        num_prior: Weight of the pooled covariance, in points.
        num_iterations: Number of updates.
        seed: Seed of k-means.

    Returns:
        The mixture.

    References: Ghahramani & Hinton (1996), The EM algorithm for mixtures of factor analyzers.
    """
    clusters = find_clusters(x, num_components, seed)
    mixture = initialize(clusters, num_factors, min_variance)
    points = jnp.asarray(x, jnp.float32)
    prior = jnp.asarray(num_prior * clusters.covariance, jnp.float32)
    for _ in range(num_iterations):
        mixture = update(mixture, points, jnp.ones(len(x)), prior, num_prior, min_variance)
    return mixture


class Clusters(NamedTuple):
    """The clusters of points: fractions of the points, means, and the covariance within them."""

    fractions: Float[np.ndarray, " modes"]
    means: Float[np.ndarray, "modes dim"]
    covariance: Float[np.ndarray, "dim dim"]


def find_clusters(x: Float[np.ndarray, "n dim"], num_components: int, seed: int) -> Clusters:
    """Find clusters by k-means."""
    from sklearn.cluster import KMeans

    # scikit-learn's annotations are those of the defaults
    found: Any = KMeans(num_components, n_init=4, random_state=seed)  # pyright: ignore[reportArgumentType]
    found.fit(x)
    covariance = np.cov((x - found.cluster_centers_[found.labels_]).T).reshape(x.shape[1], -1)
    fractions = np.bincount(found.labels_, minlength=num_components) / len(x)
    return Clusters(fractions, found.cluster_centers_, covariance)


def initialize(clusters: Clusters, num_factors: int, min_variance: float) -> FactorAnalyzers:
    """Start from the means of clusters and the principal components of their covariance."""
    covariance, num_components = clusters.covariance, len(clusters.means)
    values, vectors = np.linalg.eigh(covariance)
    loadings = vectors[:, -num_factors:] * np.sqrt(np.maximum(values[-num_factors:], 0))
    variances = np.maximum(np.diag(covariance) - np.sum(loadings**2, axis=1), min_variance)
    arrays = (
        np.log(clusters.fractions),
        clusters.means,
        np.repeat(loadings[None], num_components, axis=0),
        np.repeat(variances[None], num_components, axis=0),
    )
    return FactorAnalyzers(*(jnp.asarray(array, jnp.float32) for array in arrays))


@jax.jit
def update(
    mixture: FactorAnalyzers,
    x: Float[Array, "n dim"],
    weights: Float[Array, " n"],
    prior: Float[Array, "dim dim"],
    num_prior: Any,
    min_variance: Any,
) -> FactorAnalyzers:
    """Make one update of expectation maximization; a component of weight 0 keeps it.

    Args:
        mixture: The mixture.
        x: The points.
        weights: Their weights.
        prior: The pooled covariance times `num_prior`.
        num_prior: As of `fit_factor_analyzers`.
        min_variance: As of `fit_factor_analyzers`.
    """
    posterior = jax.vmap(mixture.posterior)(x).T * weights
    counts = jnp.maximum(jnp.sum(posterior, axis=1), 1e-6)
    _, gains = mixture._factor_posterior()

    def update_component(args):
        probs, gain, loadings = args
        count = jnp.sum(probs)
        mean = probs @ x / jnp.maximum(count, 1e-6)
        residuals = x - mean
        total = jnp.maximum(count + num_prior, 1e-6)
        cross = (residuals.T @ (probs[:, None] * (residuals @ gain.T)) + prior @ gain.T) / total
        second = jnp.eye(len(gain)) - gain @ loadings + gain @ cross
        new_loadings = jnp.linalg.solve(second, cross.T).T
        variances = (probs @ residuals**2 + jnp.diag(prior)) / total
        unexplained = variances - jnp.sum(new_loadings * cross, axis=1)
        return mean, new_loadings, jnp.maximum(unexplained, min_variance)

    updated = jax.lax.map(update_component, (posterior, gains, mixture.loadings))
    log_weights = jnp.log(counts / jnp.sum(weights))
    is_used = mixture.log_weights > -jnp.inf
    return FactorAnalyzers(jnp.where(is_used, log_weights, -jnp.inf), *updated)
