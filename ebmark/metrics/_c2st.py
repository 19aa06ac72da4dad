"""The two-sample test by a classifier."""

import math

import numpy as np
from jaxtyping import Float


def classifier_accuracy(
    x: Float[np.ndarray, "n dim"], y: Float[np.ndarray, "m dim"], *, seed: int = 0
) -> float:
    r"""How often a classifier tells the two samples apart on points that it has not seen.

    $$ C2ST = P(\hat c(z) = c(z)) \le \tfrac12 + \tfrac12 TV $$

    .5 where nothing is to be seen. The classifier is a gradient-boosted forest on the coordinates
    and their distances from the reference's mean (scikit-learn, five folds): it needs no scale,
    and finds regions that hold too much or too little, as a lost mode or wrong weights.

    Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    z = np.concatenate([x, y])
    z = np.column_stack([z, np.linalg.norm((z - y.mean(axis=0)) / y.std(axis=0), axis=1)])
    labels = np.repeat([0, 1], [len(x), len(y)])
    forest = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=16, early_stopping=False, random_state=seed
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    scores = cross_val_score(forest, z, labels, cv=folds, scoring="balanced_accuracy")
    return float(scores.mean())
