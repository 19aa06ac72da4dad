"""Density estimates that a trained energy should beat: a Gaussian, a mixture and kernels."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from ebmark.datasets.preprocessing import Standardizer, Units, fit_units
from ebmark.errors import WorseThanBaselineWarning
from ebmark.system.threads import one_thread

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

# Baselines are fitted to this number of rows at most: the mixtures of 1,000,000 rows take minutes.
_MAX_ROWS = 10_000
# of a mixture, selected by BIC
_NUM_COMPONENTS = (2, 3, 5, 8, 12, 20)
# kernels are centered on this number of points at most, in folds of cross-validation
_MAX_CENTERS = 2_000
_NUM_FOLDS = 5
_BANDWIDTHS = np.geomspace(0.05, 2.0, 16)
# of covariances, in whitened units
_RIDGE = 1e-3


class Baseline(NamedTuple):
    """A fitted density.

    Attributes:
        name: what it is, as tables print it.
        units: the map from data units to those of the density.
        log_prob: the log density at points in these units.
    """

    name: str
    units: Units
    log_prob: Callable[[Float[np.ndarray, "n dim"]], Float[np.ndarray, " n"]]

    def score_samples(self, x: ArrayLike) -> Float[np.ndarray, " n"]:
        """Compute the log-density at points, both in data units."""
        return self.log_prob(self.units.transform(x)) - self.units.log_jacobian


def fit_baselines(x: ArrayLike, seed: int = 0) -> dict[str, Baseline]:
    """Fit a Gaussian, a Gaussian mixture selected by BIC, and a kernel density estimate.

    All are fitted in the units in which energies are trained; for d > 2, where these are whitened,
    a second kernel density estimate is fitted in standardized units. The bandwidth of the kernels
    is selected by 5-fold cross-validation. Of more than 10,000 points, this number is drawn.

    Args:
        x: points in data units, (n, dim), at least two.
        seed: seed of the points that are drawn, the mixture's starts and the kernels' centers.

    Returns:
        The baselines by name: `gaussian`, `mixture`, `kde`, and for d > 2 `kde_standardized`.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(500, 2))
        >>> sorted(fit_baselines(x))
        ['gaussian', 'kde', 'mixture']
    """
    from sklearn.mixture import GaussianMixture

    x = np.asarray(x)
    if len(x) > _MAX_ROWS:
        x = x[np.random.default_rng(seed).choice(len(x), _MAX_ROWS, replace=False)]
    units = fit_units(x)
    z = units.transform(x)
    with one_thread():
        gaussian = GaussianMixture(reg_covar=_RIDGE).fit(z)
        mixture = min(_mixtures(z, seed), key=lambda model: model.bic(z), default=gaussian)
        kernels = {"kde": _fit_kernels("kernel density estimate", x, units, seed)}
        if z.shape[1] > 2:
            name = "standardized kernel density estimate"
            kernels["kde_standardized"] = _fit_kernels(name, x, Standardizer.fit(x), seed)
    return {
        "gaussian": Baseline("Gaussian", units, gaussian.score_samples),
        "mixture": Baseline(
            f"Gaussian mixture ({mixture.n_components} components)", units, mixture.score_samples
        ),
        **kernels,
    }


def pool(
    baselines: Mapping[str, Baseline],
    x: Float[np.ndarray, "n dim"],
    model: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    r"""Return the logarithmic pool of a model and its baselines but the Gaussian.

    $$ \frac1k \sum_{i=1}^k \log p_i(x) $$

    A Gaussian is a mixture of one component, so that the mixture stands for both.

    Args:
        baselines: the baselines by name.
        x: rows, in data units.
        model: their log-densities under the model.

    References: Genest & Zidek (1986), Combining probability distributions.
    """
    others = [baseline for name, baseline in baselines.items() if name != "gaussian"]
    return np.mean([model, *(baseline.score_samples(x) for baseline in others)], axis=0)


class Comparison(NamedTuple):
    """The mean log-likelihood of rows under a baseline, and whether it is better than a model."""

    name: str
    value: float
    is_better: bool


def compare_baselines(
    baselines: Mapping[str, Baseline],
    x: Float[np.ndarray, "n dim"],
    model: Float[np.ndarray, " n"],
    error: float,
) -> dict[str, Comparison]:
    """Compare baselines with a model on the same rows.

    Args:
        baselines: the baselines by name.
        x: the rows, in data units.
        model: their log-densities under the model.
        error: the standard error of the model's log Z.
    """
    scores = {name: baseline.score_samples(x) for name, baseline in baselines.items()}
    return {
        name: Comparison(
            baselines[name].name, float(values.mean()), is_better(values, model, error)
        )
        for name, values in scores.items()
    }


def warn_of_better(model: Comparison, others: Iterable[Comparison]) -> None:
    """Warn if a density has a higher likelihood of held-out rows than the model."""
    better = [other for other in others if other.is_better]
    if better:
        best = max(better, key=lambda other: other.value)
        warnings.warn(
            f"{best.name} has a higher log-likelihood on held-out rows ({best.value:.4g} nats) "
            f"than '{model.name}' ({model.value:.4g}).",
            WorseThanBaselineWarning,
            stacklevel=3,
        )


def is_better(
    baseline: Float[np.ndarray, " n"], model: Float[np.ndarray, " n"], error: float
) -> bool:
    """Whether the log-likelihood of rows is higher under a baseline than under a model.

    By more than twice the standard error of the mean of the paired differences and the error of the
    model's log Z.

    Args:
        baseline: log-densities of the rows under the baseline.
        model: those under the model.
        error: the standard error of the model's log Z, infinite where it is unresolved.
    """
    differences = baseline - model
    if not np.isfinite(error) or not np.isfinite(differences).all():
        return True
    spread = differences.std() / np.sqrt(len(differences))
    return bool(differences.mean() > 2 * np.hypot(spread, error))


def _mixtures(z: Float[np.ndarray, "n dim"], seed: int) -> "list[GaussianMixture]":
    """Return mixtures of growing numbers of components, up to 10 points per component."""
    from sklearn.mixture import GaussianMixture

    return [
        GaussianMixture(num, reg_covar=_RIDGE, random_state=seed).fit(z)
        for num in _NUM_COMPONENTS
        if len(z) >= 10 * num
    ]


def _fit_kernels(name: str, x: ArrayLike, units: Units, seed: int) -> Baseline:
    from sklearn.neighbors import KernelDensity

    z = units.transform(x)
    rng = np.random.default_rng(seed)
    centers = z[rng.permutation(len(z))[:_MAX_CENTERS]]
    bandwidth = _select_bandwidth(centers)
    kernels = KernelDensity(bandwidth=bandwidth).fit(centers)
    return Baseline(f"{name} (bandwidth {bandwidth:.2g})", units, kernels.score_samples)


def _select_bandwidth(z: Float[np.ndarray, "n dim"]) -> float:
    """Return the bandwidth of the highest likelihood in cross-validation.

    The distances within a fold serve all bandwidths; scikit-learn's search fits every kernel.
    """
    dim = z.shape[1]
    scores = np.zeros(len(_BANDWIDTHS))
    for fold in np.array_split(np.arange(len(z)), min(_NUM_FOLDS, len(z))):
        others = np.delete(z, fold, axis=0)
        squares = cdist(z[fold], others, "sqeuclidean")
        nearest = squares.min(axis=1, keepdims=True)
        for i, h in enumerate(_BANDWIDTHS):
            sums = np.exp((nearest - squares) / (2 * h**2)).sum(axis=1)
            log_density = np.log(sums / len(others)) - nearest[:, 0] / (2 * h**2) - dim * np.log(h)
            scores[i] += log_density.sum()
    return float(_BANDWIDTHS[np.argmax(scores)])
