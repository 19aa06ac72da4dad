"""Classifier two-sample test."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebmark.metrics._inputs import are_finite, read_samples
from ebmark.system.threads import one_thread

_NUM_FOLDS = 5


def classifier_accuracy(x: ArrayLike, y: ArrayLike, *, seed: int = 0) -> float:
    r"""Return the cross-validated accuracy of a classifier that separates two samples.

    $$ C2ST = P(\hat c(z) = c(z)) \le \tfrac12 + \tfrac12 TV $$

    It is 0.5 where the classifier finds no difference. The classifier is a gradient-boosted forest
    (scikit-learn, five folds) on the coordinates and the distance from the mean of `y`, which is
    independent of the units and sensitive to missing modes and wrong mode weights.

    Args:
        x: Samples of the model, (n, dim), at least 5.
        y: Target samples, at least 5.
        seed: Seed of the folds and of the forest.

    Returns:
        Balanced accuracy; NaN for input that is not finite.

    References: Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    x, y = read_samples(x, y, min_points=_NUM_FOLDS)
    if not are_finite(x, y):
        return math.nan
    points = np.concatenate([x, y])
    distances = np.linalg.norm((points - y.mean(axis=0)) / y.std(axis=0), axis=1)
    features = np.column_stack([points, distances])
    labels = np.repeat([0, 1], [len(x), len(y)])
    settings: dict[str, Any] = {"max_iter": 60, "learning_rate": 0.1, "max_leaf_nodes": 16}
    settings["early_stopping"] = False
    forest = HistGradientBoostingClassifier(random_state=seed, **settings)
    folds = StratifiedKFold(_NUM_FOLDS, shuffle=True, random_state=seed)
    with one_thread():
        scores = cross_val_score(forest, features, labels, cv=folds, scoring="balanced_accuracy")
    return float(scores.mean())
