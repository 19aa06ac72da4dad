"""The Gaussian mixture at which the energy of a table starts."""

import warnings

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.cluster.vq import kmeans2

from ebmark.datasets.preprocessing import Units
from ebmark.energies import Mixture, MixtureDensity, Moments
from ebmark.system.threads import one_thread

NUM_COMPONENTS = 8
_CANDIDATES = (1, 2, 3, 5, 8)
# of the points, per component
_MIN_POINTS = 10
# the pooled covariance counts as this number of points per dimension in that of a component
_PRIOR = 3
# added to variances, in whitened units
_RIDGE = 1e-3
# the log weight of a component that is not used, a parameter of the energy and so finite
_UNUSED = -1e4
_NUM_ITERATIONS = 60
# in mean log-likelihood, of an iteration that is not the last
_MIN_GAIN = 1e-4
_NUM_FOLDS = 5
# points by which the number of components is selected, and to which the mixture is fitted
_MAX_SELECTION = 1_000
_MAX_POINTS = 5_000


def fit_start(x: Float[np.ndarray, "n d"], units: Units, seed: int) -> MixtureDensity:
    r"""Fit a mixture by EM, with the number of components of the highest held-out likelihood.

    $$ C_k = \frac{n_k S_k + 3 d\, S}{n_k + 3 d} $$

    with the covariance $S_k$ of a component and $S$ within all of them. The number of components,
    at most one per 10 points, is selected by 5-fold cross-validation.

    Args:
        x: points in data units, of which 5,000 are used.
        units: the units of the energy's argument.
        seed: seed of the points, the initial clusters and the folds.

    References: Fraley & Raftery (2007), Bayesian regularization for normal mixture estimation and
    model-based clustering.
    """
    z = units.transform(x[np.random.default_rng(seed).permutation(len(x))[:_MAX_POINTS]])
    # threads of BLAS gain nothing on matrices of this size
    with one_thread():
        mixture = _fit(z, _select_num(z[:_MAX_SELECTION], seed), seed)
    return MixtureDensity(*map(jnp.asarray, mixture.padded(NUM_COMPONENTS, _UNUSED)))


def _select_num(z: Float[np.ndarray, "n d"], seed: int) -> int:
    """Return the number of components of the highest likelihood in cross-validation."""
    folds = np.arange(len(z)) % _NUM_FOLDS
    best, num = -np.inf, 1
    for candidate in _CANDIDATES:
        if len(z) < max(_MIN_POINTS * candidate, 2 * _NUM_FOLDS):
            break
        score = np.mean(
            [
                _fit(z[folds != i], candidate, seed).log_prob(z[folds == i]).mean()
                for i in range(_NUM_FOLDS)
            ]
        )
        if score > best:
            best, num = score, candidate
    return num


def _fit(z: Float[np.ndarray, "n d"], num: int, seed: int) -> Mixture:
    """Fit a mixture by EM, from clusters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of clusters without points
        _, labels = kmeans2(z, num, iter=20, minit="++", rng=np.random.default_rng(seed))
    mixture = _maximize(z, np.eye(num)[labels])
    last = -np.inf
    for _ in range(_NUM_ITERATIONS if num > 1 else 0):
        responsibilities, log_prob = mixture.e_step(z)
        if log_prob.mean() < last + _MIN_GAIN:
            break
        mixture, last = _maximize(z, responsibilities), log_prob.mean()
    return mixture


def _maximize(z: Float[np.ndarray, "n d"], responsibilities: Float[np.ndarray, "n k"]) -> Mixture:
    (n, dim), num = z.shape, responsibilities.shape[1]
    moments = Moments.of(z, responsibilities)
    sphere = np.trace(moments.within) / dim * np.eye(dim)
    # and one point of N(0, I), so that few rows have a density
    target = (n * moments.within + dim * sphere + np.eye(dim)) / (n + dim + 1)
    covariances = moments.shrunk(target, _PRIOR * dim) + _RIDGE * np.eye(dim)
    return Mixture.from_covariances((moments.counts + 1) / (n + num), moments.means, covariances)
