"""The Gaussian mixture at which the energy of a table starts."""

import warnings

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.cluster.vq import kmeans2
from scipy.linalg import solve_triangular

from ebmark.datasets.preprocessing import Units
from ebmark.energies import MixtureDensity
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
        return _Mixture(z, _select_num(z[:_MAX_SELECTION], seed), seed).padded()


def _select_num(z: Float[np.ndarray, "n d"], seed: int) -> int:
    """Return the number of components of the highest likelihood in cross-validation."""
    folds = np.arange(len(z)) % _NUM_FOLDS
    best, num = -np.inf, 1
    for candidate in _CANDIDATES:
        if len(z) < max(_MIN_POINTS * candidate, 2 * _NUM_FOLDS):
            break
        score = np.mean(
            [
                _Mixture(z[folds != i], candidate, seed).log_prob(z[folds == i]).mean()
                for i in range(_NUM_FOLDS)
            ]
        )
        if score > best:
            best, num = score, candidate
    return num


class _Mixture:
    """A mixture in float64."""

    def __init__(self, z: Float[np.ndarray, "n d"], num: int, seed: int):
        n, dim = z.shape
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of clusters without points
            rng = np.random.default_rng(seed)
            _, labels = kmeans2(z, num, iter=20, minit="++", rng=rng)
        shares = np.eye(num)[labels]
        last = -np.inf
        for _ in range(_NUM_ITERATIONS if num > 1 else 1):
            totals = shares.sum(axis=0)
            self.means = shares.T @ z / (totals + 1e-9)[:, None]
            rest = z[:, None] - self.means
            scatters = np.einsum("nk,nki,nkj->kij", shares, rest, rest, optimize=True)
            within = scatters.sum(axis=0) / n
            sphere = np.trace(within) / dim * np.eye(dim)
            # and one point of N(0, I), so that few rows have a density
            within = (n * within + dim * sphere + np.eye(dim)) / (n + dim + 1)
            prior = _PRIOR * dim
            covariances = (scatters + prior * within) / (totals + prior)[:, None, None]
            roots = np.linalg.cholesky(covariances + _RIDGE * np.eye(dim))
            self.factors = np.stack([solve_triangular(r, np.eye(dim), lower=True) for r in roots])
            self.log_weights = np.log((totals + 1) / (n + num))
            joint = self._log_joint(z)
            total = np.logaddexp.reduce(joint, axis=1)
            shares = np.exp(joint - total[:, None])
            if total.mean() < last + 1e-4:
                break
            last = total.mean()

    def _log_joint(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        white = np.einsum("kij,nkj->nki", self.factors, z[:, None] - self.means, optimize=True)
        log_dets = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)
        constant = self.log_weights + log_dets - 0.5 * z.shape[1] * np.log(2 * np.pi)
        return constant - 0.5 * (white**2).sum(axis=2)

    def log_prob(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        return np.logaddexp.reduce(self._log_joint(z), axis=1)

    def padded(self) -> MixtureDensity:
        """Return the mixture with `NUM_COMPONENTS` components, so that one program serves all."""
        missing = NUM_COMPONENTS - len(self.means)
        dim = self.means.shape[1]
        return MixtureDensity(
            jnp.asarray(np.pad(self.log_weights, (0, missing), constant_values=_UNUSED), "float32"),
            jnp.asarray(np.pad(self.means, ((0, missing), (0, 0))), "float32"),
            jnp.asarray(
                np.concatenate([self.factors, np.tile(np.eye(dim), (missing, 1, 1))]), "float32"
            ),
        )
