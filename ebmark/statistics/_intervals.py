"""One metric over seeds: median, mean and worst, with intervals; the rule for what diverged."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95
_RESAMPLES = 2_000

Values = Sequence[float] | np.ndarray | pd.Series


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


def worst_if_diverged(values: Values) -> np.ndarray:
    """A run that diverged counts as the worst: what is not finite becomes +inf. The one rule."""
    values = np.asarray(values, float)
    return np.where(np.isfinite(values), values, np.inf)


def summary(values: Values) -> Summary:
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
    worst = float(ordered[-1])
    return Summary(n, n - len(finite), middle(ordered), below, above, mean, low, high, worst)


def middle(ordered: np.ndarray) -> float:
    """The median of ordered numbers: that of two infinities is infinite, where numpy's is NaN."""
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


def bca(values: Values) -> tuple[float, float, float]:
    """The arithmetic mean of the runs that ended, and its BCa bootstrap interval: secondary.

    At 10 seeds it covers less than it says: `python -m ebmark.statistics` prints how much.

    Efron (1987), Better bootstrap confidence intervals; by scipy.
    """
    x = np.asarray(values, float)
    x = x[np.isfinite(x)]
    if len(x) < 2 or np.ptp(x) == 0:
        return float(x.mean()) if len(x) else math.nan, math.nan, math.nan
    found = stats.bootstrap(
        (x,), np.mean, n_resamples=_RESAMPLES, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    return float(x.mean()), float(found.low), float(found.high)


def success(values: Values) -> tuple[int, int, float, float]:
    """Runs that ended, of how many, and the exact 95 % interval of their share.

    Clopper & Pearson (1934), The use of confidence or fiducial limits.
    """
    x = np.asarray(values, float)
    ended, n = int(np.isfinite(x).sum()), len(x)
    if n == 0:
        return 0, 0, math.nan, math.nan
    found = stats.binomtest(ended, n).proportion_ci(LEVEL, method="exact")
    return ended, n, float(found.low), float(found.high)
