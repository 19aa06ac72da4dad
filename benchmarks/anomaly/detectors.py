"""The detectors: each scores test rows after it was fitted to training rows.

Scores are larger for more normal rows. All configurations were fixed before the labels were used:
those of scikit-learn are its defaults with a ridge for the covariances, and k = 5 is the number of
neighbors of the comparison, beside which 1 and 20 show its effect. `README.md` of this folder says
how the default of ebmark was chosen.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity, LocalOutlierFactor, NearestNeighbors
from sklearn.svm import OneClassSVM

from benchmarks.anomaly.protocol import Rows

Scores = Float[np.ndarray, " n"]
# of (training rows, test rows, seed): one array of scores per name
Detector = Callable[[Rows, Rows, int], list[Scores]]

DEFAULT = "ebmark default"
ENERGY_METHODS = ("nce", "dsm", "cd")
_NUM_NEIGHBORS = (1, 5, 20)


def _fit_sklearn(make: Callable[[int], Any], train: Rows, test: Rows, seed: int) -> list[Scores]:
    return [make(seed).fit(train).score_samples(test)]


def _find_neighbors(train: Rows, test: Rows, seed: int) -> list[Scores]:
    """Minus the distances to the k-th nearest training row."""
    del seed
    num = min(max(_NUM_NEIGHBORS), len(train))
    distances, _ = NearestNeighbors(n_neighbors=num).fit(train).kneighbors(test)
    return [-distances[:, min(k, num) - 1] for k in _NUM_NEIGHBORS]


def _fit_energy(method: str, pooled: bool, train: Rows, test: Rows, seed: int) -> list[Scores]:
    """The log-densities of an energy model, after minus its anomaly scores if `pooled`."""
    import ebmark as eb

    with warnings.catch_warnings():
        # an unresolved log Z is a constant, on which no rank depends
        warnings.simplefilter("ignore")
        options = {"early_stopping": False, "baselines": pooled, "random_state": seed}
        model = eb.EnergyModel(method, **options).fit(train)
    scores = [model.score_samples(test)]
    return [-model.anomaly_score(test), *scores] if pooled else scores


# names of the scores -> what computes them
DETECTORS: dict[tuple[str, ...], Detector] = {
    ("isolation forest",): partial(_fit_sklearn, lambda seed: IsolationForest(random_state=seed)),
    ("LOF",): partial(_fit_sklearn, lambda _: LocalOutlierFactor(novelty=True)),
    ("one-class SVM",): partial(_fit_sklearn, lambda _: OneClassSVM()),
    ("Gaussian",): partial(_fit_sklearn, lambda _: GaussianMixture(reg_covar=1e-3)),
    ("mixture of 5",): partial(
        _fit_sklearn, lambda seed: GaussianMixture(5, reg_covar=1e-2, random_state=seed)
    ),
    ("KDE",): partial(_fit_sklearn, lambda _: KernelDensity(bandwidth="scott")),
    tuple(f"{k}-NN" for k in _NUM_NEIGHBORS): _find_neighbors,
    # the pooled score of the first is the default
    (DEFAULT, "ebmark nce"): partial(_fit_energy, "nce", True),
    **{(f"ebmark {name}",): partial(_fit_energy, name, False) for name in ENERGY_METHODS[1:]},
}
