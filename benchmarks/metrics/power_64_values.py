"""Values of the study of sample metrics in 64 dimensions: correlations and detected errors."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from benchmarks.metrics.distortions import ONE_GAUSSIAN, UNDISTORTED
from benchmarks.metrics.power_64 import EXACT, NULL
from ebmark.store.metric_info import METRICS

LEVEL = 0.95
HIGHER_IS_BETTER = {name for name, info in METRICS.items() if info.higher_is_better}


class Block:
    """The values of one sample size in one kind of units, as errors: the sign makes larger worse.

    Attributes:
        values: One row per distortion and seed, one column per metric.
        null: One row per draw of the target.
        kl: Exact KL by distortion, without the undistorted target.
    """

    def __init__(self, rows: pd.DataFrame, n: int, units: str):
        of = rows[(rows["n"] == n) & (rows["units"] == units)].copy()
        is_better = of["metric"].isin(list(HIGHER_IS_BETTER))
        of["value"] = of["value"].where(~is_better, -of["value"])
        table = of.pivot_table(index=["distortion", "seed"], columns="metric", values="value")
        is_null = table.index.get_level_values("distortion") == NULL
        self.n, self.units = n, units
        self.null, self.values = table[is_null], table[~is_null]
        self.kl = exact_kl(rows)["kl"].drop(UNDISTORTED)
        counts = self.values.groupby("distortion").count().reindex([UNDISTORTED, *self.kl.index])
        # a metric that is not measured for all distortions is left out
        self.metrics = [m for m in rows["metric"].unique() if m in counts and counts[m].min() > 0]
        self.num_seeds = {m: int(counts[m].min()) for m in self.metrics}

    def by_distortion(self, metric: str) -> pd.DataFrame:
        """Return one row per distortion and one column per seed, seeds that are complete only."""
        table = self.values[metric].unstack("seed")
        return table.loc[:, list(range(self.num_seeds[metric]))]

    def correlations(self, metric: str, *, without: Iterable[str] = ()) -> np.ndarray:
        """Return the Spearman correlation with the exact KL over the distortions, by seed."""
        kl = self.kl.drop(list(without))
        table = self.by_distortion(metric).loc[kl.index]
        return np.array([rank_correlation(table[seed], kl) for seed in table])

    def detections(self, metric: str) -> pd.Series:
        """Return the fraction of seeds beyond the null quantile, by distortion."""
        threshold = self.null[metric].dropna().quantile(LEVEL)
        return (self.by_distortion(metric) > threshold).mean(axis=1)

    def improvements(self, metric: str) -> pd.Series:
        """Return the fraction of seeds that are better than most target samples, by distortion."""
        threshold = self.null[metric].dropna().quantile(1 - LEVEL)
        return (self.by_distortion(metric) < threshold).mean(axis=1)

    def num_detected(self, metric: str) -> int:
        """Count the distortions that more than half of the seeds detect."""
        return int((self.detections(metric).loc[self.kl.index] > 0.5).sum())

    def keeps_level(self, metric: str) -> bool:
        """Whether the undistorted target is not detected, in most seeds."""
        return bool(self.detections(metric)[UNDISTORTED] <= 0.5)

    def num_better(self, metric: str) -> int:
        """Count the distortions that more than half of the seeds find better than the target."""
        return int((self.improvements(metric).loc[self.kl.index] > 0.5).sum())

    def median(self, metric: str) -> float:
        return float(np.median(self.correlations(metric)))

    def detects_gaussian(self, metric: str) -> bool:
        return bool(self.detections(metric)[ONE_GAUSSIAN] > 0.5)


def rank_correlation(a: pd.Series, b: pd.Series) -> float:
    """Return the Spearman correlation of the pairs without a missing value; infinity ranks last."""
    ranks = pd.DataFrame({"a": a, "b": b}).dropna().rank()
    return float(np.corrcoef(ranks["a"], ranks["b"])[0, 1])


def exact_kl(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the divergences by exact densities: one row per distortion, one column per name."""
    of = rows[rows["units"] == EXACT]
    table = of.pivot(index="distortion", columns="metric", values="value")
    return table.loc[of["distortion"].unique()]
