"""Distortions of a mixture of Gaussians: models of a known error and an exact density."""

import math
from collections.abc import Callable, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets.fitted._mixture import FactorAnalyzers

UNDISTORTED = "none (level)"
ONE_GAUSSIAN = "one Gaussian"
# what is left of the weight of a dropped mode, so that its KL is finite
REST = 1e-3
# points per compiled call: memory is proportional to it
_BLOCK = 2_000

Distort = Callable[[FactorAnalyzers], FactorAnalyzers]


def add_noise(p: FactorAnalyzers, std: float) -> FactorAnalyzers:
    """Add isotropic Gaussian noise to every point."""
    return _replace(p, variances=p.variances + std**2)


def tie_covariances(p: FactorAnalyzers) -> FactorAnalyzers:
    """Give all modes the mean of their covariances."""
    weights = np.exp(np.asarray(p.log_weights, np.float64))
    loadings = np.asarray(p.loadings, np.float64)
    low_rank = np.einsum("k,kdi,kei->de", weights, loadings, loadings)
    variances = np.broadcast_to(_mean_variances(p), p.variances.shape)
    root = np.broadcast_to(_root(low_rank), (len(weights), p.dim, p.dim))
    return _replace(p, loadings=root, variances=variances)


def match_moments(p: FactorAnalyzers) -> FactorAnalyzers:
    """Return the Gaussian of the same mean and covariance."""
    mean, covariance = p.moments()
    variances = _mean_variances(p)
    root = _root(covariance - np.diag(variances))
    return FactorAnalyzers(
        jnp.zeros(1), *(jnp.asarray(part[None], jnp.float32) for part in (mean, root, variances))
    )


def reweight(p: FactorAnalyzers, factor: float) -> FactorAnalyzers:
    """Multiply the weight of every other mode by a factor."""
    is_even = jnp.arange(len(p.log_weights)) % 2 == 0
    return _with_weights(p, p.log_weights + jnp.where(is_even, math.log(factor), 0.0))


def drop_modes(p: FactorAnalyzers, num: int) -> FactorAnalyzers:
    """Reduce the weights of the first modes to a thousandth."""
    is_dropped = jnp.arange(len(p.log_weights)) < num
    return _with_weights(p, p.log_weights + jnp.where(is_dropped, math.log(REST), 0.0))


def shift_means(p: FactorAnalyzers, size: float) -> FactorAnalyzers:
    """Move every mean by a random draw of its own mode about the mean, times the size."""
    factor_key, noise_key = jr.split(jr.key(0))
    z = jr.normal(factor_key, (len(p.means), p.loadings.shape[2]))
    noise = jnp.sqrt(p.variances) * jr.normal(noise_key, p.means.shape)
    return _replace(p, means=p.means + size * (jnp.einsum("kdi,ki->kd", p.loadings, z) + noise))


def scale_covariances(p: FactorAnalyzers, factor: float) -> FactorAnalyzers:
    """Multiply the standard deviations of every mode by a factor, in all directions."""
    return _replace(p, loadings=factor * p.loadings, variances=factor**2 * p.variances)


def reduce_rank(p: FactorAnalyzers, num_factors: int, *, keep_variance: bool) -> FactorAnalyzers:
    """Keep the largest factors of every mode, and the others as independent noise or not at all."""
    u, lengths, _ = np.linalg.svd(np.asarray(p.loadings, np.float64), full_matrices=False)
    loadings = u * lengths[:, None, :]
    variances = np.asarray(p.variances, np.float64)
    if keep_variance:
        variances = variances + np.sum(loadings[:, :, num_factors:] ** 2, axis=2)
    return _replace(p, loadings=loadings[:, :, :num_factors], variances=variances)


def add_outliers(p: FactorAnalyzers, fraction: float) -> FactorAnalyzers:
    """Mix in a Gaussian of independent columns and twice the standard deviation of each."""
    mean, covariance = p.moments()
    wide = (mean, np.zeros(p.loadings.shape[1:]), 4 * np.diag(covariance))
    log_weights = p.log_weights + math.log1p(-fraction)
    parts = [(log_weights, math.log(fraction))]
    parts += list(zip((p.means, p.loadings, p.variances), wide, strict=True))
    return FactorAnalyzers(
        *(jnp.concatenate([a, jnp.asarray(b, jnp.float32)[None]]) for a, b in parts)
    )


# Name -> the model with this error alone.
DISTORTIONS: dict[str, Distort] = {
    UNDISTORTED: lambda p: p,
    "noise added, std 0.01": lambda p: add_noise(p, 0.01),
    "noise added, std 0.03": lambda p: add_noise(p, 0.03),
    "noise added, std 0.1": lambda p: add_noise(p, 0.1),
    "tied covariances": tie_covariances,
    "weights of every other mode x 2": lambda p: reweight(p, 2),
    "weights of every other mode x 5": lambda p: reweight(p, 5),
    "weights of every other mode x 20": lambda p: reweight(p, 20),
    "1 mode dropped": lambda p: drop_modes(p, 1),
    "3 modes dropped": lambda p: drop_modes(p, 3),
    "half of the modes dropped": lambda p: drop_modes(p, len(p.means) // 2),
    "means shifted, 0.1": lambda p: shift_means(p, 0.1),
    "means shifted, 0.2": lambda p: shift_means(p, 0.2),
    "means shifted, 0.4": lambda p: shift_means(p, 0.4),
    "modes narrower, x 0.9": lambda p: scale_covariances(p, 0.9),
    "modes narrower, x 0.8": lambda p: scale_covariances(p, 0.8),
    "modes wider, x 1.2": lambda p: scale_covariances(p, 1.2),
    "6 factors, rest as noise": lambda p: reduce_rank(p, 6, keep_variance=True),
    "3 factors, rest as noise": lambda p: reduce_rank(p, 3, keep_variance=True),
    "6 factors, rest dropped": lambda p: reduce_rank(p, 6, keep_variance=False),
    "5% outliers": lambda p: add_outliers(p, 0.05),
    ONE_GAUSSIAN: match_moments,
}

# distortions of the weights of the modes alone
MODE_WEIGHTS = tuple(
    name
    for name in DISTORTIONS
    if name.startswith("weights") or name.endswith(("mode dropped", "modes dropped"))
)


def draw(model: FactorAnalyzers, num: int, seed: int) -> np.ndarray:
    """Return exact samples, (num, dim), in float64."""
    keys = jr.split(jr.key(seed), num)
    return np.concatenate([np.asarray(_draw(model, k), np.float64) for k in _blocks(keys)])


def log_probs(model: FactorAnalyzers, x: np.ndarray) -> np.ndarray:
    """Return the log-density of every point, in float64."""
    points = jnp.asarray(x, jnp.float32)
    return np.concatenate([np.asarray(_log_probs(model, b), np.float64) for b in _blocks(points)])


def scores(model: FactorAnalyzers, x: np.ndarray) -> np.ndarray:
    """Return the gradient of the log-density at every point, in float64."""
    points = jnp.asarray(x, jnp.float32)
    return np.concatenate([np.asarray(_scores(model, b), np.float64) for b in _blocks(points)])


def total_variation(p: FactorAnalyzers, q: FactorAnalyzers, x: np.ndarray) -> float:
    """Return the total variation distance of p and q over samples `x` of p."""
    return float(np.mean(np.maximum(0.0, -np.expm1(log_probs(q, x) - log_probs(p, x)))))


def divergence(p: FactorAnalyzers, q: FactorAnalyzers, x: np.ndarray) -> tuple[float, float]:
    """Return KL(p || q) over samples `x` of p, with its standard error, in nats."""
    gaps = log_probs(p, x) - log_probs(q, x)
    return float(gaps.mean()), float(gaps.std(ddof=1) / math.sqrt(len(gaps)))


def _replace(p: FactorAnalyzers, **arrays: object) -> FactorAnalyzers:
    parts = {name: getattr(p, name) for name in ("log_weights", "means", "loadings", "variances")}
    return FactorAnalyzers(**{k: jnp.asarray(v, jnp.float32) for k, v in (parts | arrays).items()})


def _with_weights(p: FactorAnalyzers, log_weights: jax.Array) -> FactorAnalyzers:
    return _replace(p, log_weights=jax.nn.log_softmax(log_weights))


def _mean_variances(p: FactorAnalyzers) -> np.ndarray:
    weights = np.exp(np.asarray(p.log_weights, np.float64))
    return weights @ np.asarray(p.variances, np.float64)


def _root(matrix: np.ndarray) -> np.ndarray:
    """A square root R of a positive semidefinite matrix R R^T."""
    eigenvalues, axes = np.linalg.eigh(matrix)
    return axes * np.sqrt(np.maximum(eigenvalues, 0))


def _blocks(x: jax.Array) -> Iterator[jax.Array]:
    return (x[start : start + _BLOCK] for start in range(0, len(x), _BLOCK))


@eqx.filter_jit
def _draw(model: FactorAnalyzers, keys: jax.Array) -> jax.Array:
    return jax.vmap(model.sample)(keys)


@eqx.filter_jit
def _log_probs(model: FactorAnalyzers, x: jax.Array) -> jax.Array:
    return jax.vmap(model.log_prob)(x)


@eqx.filter_jit
def _scores(model: FactorAnalyzers, x: jax.Array) -> jax.Array:
    return jax.vmap(jax.grad(model.log_prob))(x)
