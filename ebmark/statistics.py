"""What the seeds say: intervals, paired tests and ranks, of numbers and of the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95
SIGNIFICANT = 0.05
# shown apart, never ranked: an oracle sees what no method may see, an anchor trains no energy
ROLES = {"mle": "oracle", "gaussian": "anchor", "kde": "anchor", "flow": "anchor"}


class Summary(NamedTuple):
    """One metric over seeds. A bound that the seeds are too few for is NaN."""

    n: int
    diverged: int
    median: float
    median_low: float
    median_high: float
    mean: float
    low: float
    high: float
    worst: float


class Paired(NamedTuple):
    """Two methods on the same seeds: p of no difference, and the median of a - b."""

    n: int
    p: float
    difference: float

    @property
    def enough(self) -> bool:
        """Whether there are seeds enough for p to be able to reach .05."""
        return 2.0 ** (1 - self.n) < SIGNIFICANT


class Best(NamedTuple):
    """The method with the lowest median, the next one, and their paired comparison."""

    method: str
    runner_up: str | None
    paired: Paired | None

    @property
    def significant(self) -> bool:
        """Whether the best is told apart from the next: p < .05, and lower."""
        return (
            self.paired is not None and self.paired.p < SIGNIFICANT and self.paired.difference < 0
        )


def worst_if_diverged(values: Sequence[float] | np.ndarray | pd.Series) -> np.ndarray:
    """A run that diverged counts as the worst: what is not finite becomes +inf. The one rule."""
    values = np.asarray(values, float)
    return np.where(np.isfinite(values), values, np.inf)


def summary(values: Sequence[float] | np.ndarray | pd.Series) -> Summary:
    r"""Median, mean and worst of a metric over seeds, with 95 % intervals.

    $$ [x_{(k)},\, x_{(n+1-k)}], \quad k = \max\{k : 2 P(\mathrm{Bin}(n, 1/2) < k) \le .05\};
       \qquad \exp(\bar y \pm t_{.975, m-1}\, s_y / \sqrt m), \; y = \log x $$

    The median is that of all n runs, the mean that of the m which did not diverge. Where all of
    these are positive the mean is the geometric one (else y = x, and no exp).

    Thompson (1936), On confidence ranges for the median; Student (1908), The probable error of a
    mean.
    """
    ordered = np.sort(worst_if_diverged(values))
    n, nan = len(ordered), math.nan
    if n == 0:
        return Summary(0, 0, nan, nan, nan, nan, nan, nan, nan)
    k = int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5))
    below, above = (float(ordered[k - 1]), float(ordered[n - k])) if k else (nan, nan)
    finite = ordered[np.isfinite(ordered)]
    mean, low, high = _mean(finite)
    median, worst = _median(ordered), float(ordered[-1])
    return Summary(n, n - len(finite), median, below, above, mean, low, high, worst)


def _median(ordered: np.ndarray) -> float:
    """That of two infinities is infinite, where numpy's is NaN."""
    a, b = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return a if a == b else (a + b) / 2


def _mean(x: np.ndarray) -> tuple[float, float, float]:
    if len(x) == 0:
        return math.nan, math.nan, math.nan
    positive = bool(np.all(x > 0))
    y = np.log(x) if positive else x
    half = math.nan
    if len(y) > 1:
        half = stats.t.ppf((1 + LEVEL) / 2, len(y) - 1) * y.std(ddof=1) / math.sqrt(len(y))
    three = np.array([y.mean(), y.mean() - half, y.mean() + half])
    mean, low, high = np.exp(three) if positive else three
    return float(mean), float(low), float(high)


def paired(
    a: Sequence[float] | np.ndarray | pd.Series, b: Sequence[float] | np.ndarray | pd.Series
) -> Paired:
    r"""Two-sided signed-rank test of a - b over the same seeds.

    $$ W = \sum_{i : d_i > 0} \mathrm{rank}(|d_i|), \quad d = a - b $$

    A seed where one of the two diverged is the largest of differences, one where both did is left
    out. Below 6 seeds no outcome reaches .05 (2 / 2^5 = .0625): p is then NaN.

    Wilcoxon (1945), Individual comparisons by ranking methods.
    """
    a, b = worst_if_diverged(a), worst_if_diverged(b)
    some = np.isfinite(a) | np.isfinite(b)
    d = a[some] - b[some]
    if len(d) == 0:
        return Paired(0, math.nan, math.nan)
    result = Paired(len(d), math.nan, _median(np.sort(d)))
    if not result.enough:
        return result
    d = d[d != 0]
    return result._replace(p=float(stats.wilcoxon(d).pvalue) if len(d) else 1.0)


def final(table: pd.DataFrame, dataset: str, metric: str) -> dict[str, pd.Series]:
    """A metric at the end of training: method -> value by seed, NaN where the run diverged.

    Empty where it was never measured.
    """
    here = table[table["dataset"] == dataset]
    rows = here[here["metric"] == metric].sort_values("step", kind="stable")
    values = dict(
        zip(
            zip(rows["method"], rows["seed"], strict=True), rows["value"].astype(float), strict=True
        )
    )  # the last
    if not np.isfinite(list(values.values())).any():
        return {}
    lost = here[here["status"] == "diverged"]
    values |= dict.fromkeys(zip(lost["method"], lost["seed"], strict=True), math.nan)
    runs: dict[str, dict[int, float]] = {}
    for (method, seed), value in sorted(values.items()):
        runs.setdefault(method, {})[seed] = value
    return {method: pd.Series(one, dtype=float) for method, one in runs.items()}


def best(table: pd.DataFrame, dataset: str, metric: str) -> Best | None:
    """The lowest median, oracles and anchors aside, against the next; None if there is none."""
    runs = {
        method: one for method, one in final(table, dataset, metric).items() if method not in ROLES
    }
    medians = {method: summary(one).median for method, one in runs.items()}
    order = sorted(
        medians, key=lambda method: (medians[method], summary(runs[method]).mean, method)
    )
    if not order or not np.isfinite(medians[order[0]]):
        return None
    if len(order) == 1:
        return Best(order[0], None, None)
    a, b = runs[order[0]].align(runs[order[1]], join="inner")
    return Best(order[0], order[1], paired(a, b))


def median_run(table: pd.DataFrame, dataset: str, method: str, metric: str) -> int | None:
    """The seed in the middle of those that did not diverge (the lower of two): the one to show."""
    values = final(table, dataset, metric).get(method, pd.Series(dtype=float)).dropna()
    if values.empty:
        return None
    return int(values.sort_values(kind="stable").index[(len(values) - 1) // 2])
