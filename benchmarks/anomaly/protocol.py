"""The protocol of novelty detection: fit a half of the normal rows, score all others."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import average_precision_score, roc_auc_score

DATA = Path(__file__).parent / "data"
NUM_SEEDS = 5

Rows = Float[np.ndarray, "n d"]


class Split(NamedTuple):
    """Rows in units of the training rows: mean 0, standard deviation 1.

    Attributes:
        train: half of the normal rows, at random.
        test: the other half, and all anomalies.
        is_anomaly: which rows of `test` are anomalies.
    """

    train: Rows
    test: Rows
    is_anomaly: Bool[np.ndarray, " n"]


def tables() -> list[str]:
    """Return the names of the tables."""
    return sorted((path.stem for path in DATA.glob("*.npz")), key=str.lower)


def load(name: str) -> tuple[Rows, Bool[np.ndarray, " n"]]:
    """Read a table: its rows, and which of them are anomalies."""
    with np.load(DATA / f"{name}.npz") as arrays:
        return arrays["X"].astype(np.float64), arrays["y"].astype(bool)


def split(x: Rows, is_anomaly: Bool[np.ndarray, " n"], seed: int) -> Split:
    """Split a table; columns that are constant in the training rows are left out."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(~is_anomaly))
    half = len(normal) // 2
    train, test = normal[:half], np.concatenate([normal[half:], np.flatnonzero(is_anomaly)])
    x = x[:, np.ptp(x[train], axis=0) > 0]
    mean, std = x[train].mean(axis=0), x[train].std(axis=0)
    z = (x - mean) / std
    return Split(z[train], z[test], is_anomaly[test])


def measure(normality: Float[np.ndarray, " n"], is_anomaly: Bool[np.ndarray, " n"]) -> dict:
    """Return the area under the ROC curve and the average precision of scores.

    Args:
        normality: one score per row, larger for more normal rows.
        is_anomaly: which rows are anomalies.
    """
    return {
        "auroc": float(roc_auc_score(is_anomaly, -normality)),
        "average_precision": float(average_precision_score(is_anomaly, -normality)),
    }
