"""The size of a mixture of factor analyzers, by the likelihood of held-out points."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets.fitted._fit import find_clusters, fit_factor_analyzers, initialize, update
from ebmark.datasets.fitted._mixture import FactorAnalyzers
from ebmark.system.devices import full_matmul_precision

_NUM_COMPONENTS = (1, 2, 3, 4, 6, 8, 12)
_MAX_FACTORS = 24
_MIN_POINTS = 10  # training points per component
_MIN_PRIOR = 20
_NUM_FOLDS = 5
_NUM_ITERATIONS = 30
_MAX_POINTS = 2_000  # of the cross-validation, and five times as many of the fit
_MAX_DECLINES = 2  # of the likelihood in a row, after which no larger number is tried
# the lower bound of the variances, as a fraction of the smallest eigenvalue of the correlations
_MIN_VARIANCE = 1 / 30


class Size(NamedTuple):
    """The size of a mixture of factor analyzers."""

    components: int
    factors: int


class Selected(NamedTuple):
    """A mixture whose size was selected by cross-validation.

    Attributes:
        mixture: The mixture, fitted to all points.
        size: Its size.
        gain: What the mixture gains in log-likelihood per held-out point over one component, in
            nats, where both sizes are selected without the fold that the point is in.
        gain_error: The standard error of the gain over the points.
    """

    mixture: FactorAnalyzers
    size: Size
    gain: float
    gain_error: float

    @property
    def is_gaussian(self) -> bool:
        """Whether no mixture is significantly better than one component: gain < 2 errors."""
        return self.size.components == 1


@full_matmul_precision
def select_mixture(x: Float[np.ndarray, "n dim"], seed: int = 0) -> Selected:
    r"""Fit a mixture of factor analyzers whose size maximizes the likelihood of held-out points.

    With $L_c(i)$ the log-density of point i under a mixture of size c that is fitted to the four
    fifths of the points which do not hold i, and c(i) the size of the largest mean of L over the
    folds without i, the gain over one Gaussian is

    $$ g = \frac1n \sum_i L_{c(i)}(i) - L_{c_1(i)}(i) $$

    where $c_1$ has one component. If g is below two standard errors, the mixture is a Gaussian.

    Args:
        x: The points, in standardized coordinates.
        seed: Seed of the folds and of k-means.

    Returns:
        The mixture, its size and the gain.

    References: Stone (1974), Cross-validatory choice and assessment of statistical predictions.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(60, 2))
        >>> select_mixture(x).is_gaussian
        True
    """
    x = np.random.default_rng(seed).permutation(x)[: 5 * _MAX_POINTS]
    min_variance = _min_variance(x)
    validated = x[:_MAX_POINTS]
    folds = np.arange(len(validated)) % _NUM_FOLDS
    log_probs = _cross_validate(validated, folds, min_variance, seed)
    selected, gaussian = np.empty((2, len(validated)))
    for fold in range(_NUM_FOLDS):
        is_held_out = folds == fold
        selected[is_held_out] = log_probs[_best(log_probs, ~is_held_out)][is_held_out]
        best_gaussian = _best(_gaussians(log_probs), ~is_held_out)
        gaussian[is_held_out] = log_probs[best_gaussian][is_held_out]
    gains = selected - gaussian
    gain, error = float(gains.mean()), float(gains.std() / math.sqrt(len(gains)))
    size = _best(log_probs if gain > 2 * error else _gaussians(log_probs), folds >= 0)
    mixture = fit_factor_analyzers(
        x,
        size.components,
        size.factors,
        min_variance=min_variance,
        num_prior=_num_prior(x.shape[1]),
        seed=seed,
    )
    return Selected(mixture, size, gain, error)


def _num_prior(dim: int) -> float:
    return float(max(_MIN_PRIOR, dim))


def _min_variance(x: Float[np.ndarray, "n dim"]) -> float:
    smallest = np.linalg.eigvalsh(np.atleast_2d(np.cov(x.T)))[0]
    return max(_MIN_VARIANCE * float(smallest), 1e-6)


def _best(log_probs: dict[Size, np.ndarray], chosen: np.ndarray) -> Size:
    return max(log_probs, key=lambda size: float(log_probs[size][chosen].mean()))


def _gaussians(log_probs: dict[Size, np.ndarray]) -> dict[Size, np.ndarray]:
    return {size: values for size, values in log_probs.items() if size.components == 1}


def _cross_validate(
    x: Float[np.ndarray, "n dim"], folds: np.ndarray, min_variance: float, seed: int
) -> dict[Size, Float[np.ndarray, " n"]]:
    """Compute the log-density of each point under mixtures fitted without its fold, by size."""
    dim = x.shape[1]
    factors = sorted({max(min(q, _MAX_FACTORS), 1) for q in (-(-dim // 4), dim // 2, dim - 1)})
    is_train = np.arange(_NUM_FOLDS)[:, None] != folds
    num_train = int(is_train.sum(axis=1).min())
    num_prior = _num_prior(dim)
    log_probs: dict[Size, np.ndarray] = {}
    best, num_declines = -math.inf, 0
    for components in _NUM_COMPONENTS:
        if components > 1 and num_train < _MIN_POINTS * components:
            break
        clusters = [find_clusters(x[used], components, seed) for used in is_train]
        priors = np.stack([num_prior * one.covariance for one in clusters])
        arrays = [jnp.asarray(array, jnp.float32) for array in (x, is_train, priors)]
        likelihood = -math.inf
        for num in factors:
            starts = [initialize(one, num, min_variance) for one in clusters]
            padded = [_pad(start, factors[-1]) for start in starts]
            leaves = [np.stack(arrays) for arrays in zip(*padded, strict=True)]
            stacked = jax.tree.unflatten(jax.tree.structure(starts[0]), leaves)
            of_folds = np.asarray(_fit_folds(stacked, *arrays, num_prior, min_variance))
            values = of_folds[folds, np.arange(len(x))].astype(np.float64)
            log_probs[Size(components, num)] = values
            likelihood = max(likelihood, float(values.mean()))
        num_declines = 0 if likelihood > best else num_declines + 1
        best = max(best, likelihood)
        if num_declines == _MAX_DECLINES:
            break
    return log_probs


def _pad(mixture: FactorAnalyzers, num_factors: int) -> list[np.ndarray]:
    """Add components of weight 0 and factors of loading 0: one program serves all sizes."""
    num = _NUM_COMPONENTS[-1] - len(mixture.means)
    missing = num_factors - mixture.loadings.shape[2]
    return [
        np.pad(mixture.log_weights, (0, num), constant_values=-np.inf),
        np.pad(mixture.means, ((0, num), (0, 0))),
        np.pad(mixture.loadings, ((0, num), (0, 0), (0, missing))),
        np.pad(mixture.variances, ((0, num), (0, 0)), constant_values=1.0),
    ]


@jax.jit
def _fit_folds(
    mixtures: FactorAnalyzers,
    x: Float[Array, "n dim"],
    weights: Float[Array, "folds n"],
    priors: Float[Array, "folds dim dim"],
    num_prior: Any,
    min_variance: Any,
) -> Float[Array, "folds n"]:
    """Fit a mixture to the points of each fold, those of weight 1, and evaluate it at all."""

    def fit(args: tuple) -> Float[Array, " n"]:
        mixture, used, prior = args

        def step(_: Any, mixture: FactorAnalyzers) -> FactorAnalyzers:
            return update(mixture, x, used, prior, num_prior, min_variance)

        fitted = jax.lax.fori_loop(0, _NUM_ITERATIONS, step, mixture)
        return jax.vmap(fitted.log_prob)(x)

    return jax.lax.map(fit, (mixtures, weights, priors))
