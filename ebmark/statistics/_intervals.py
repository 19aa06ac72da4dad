"""A metric over seeds: median, mean and worst value, with 95% intervals."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

LEVEL = 0.95
_NUM_RESAMPLES = 2_000

Values = Sequence[float] | np.ndarray | pd.Series


class Summary(NamedTuple):
    """A metric over seeds. An interval for which there are too few seeds is NaN.

    Attributes:
        n: Number of runs.
        diverged: Number of runs without a finite value: diverged, or log Z unresolved.
        median: Median of all runs.
        median_low: Lower end of the median's 95% interval.
        median_high: Upper end of the median's 95% interval.
        mean: Mean of the other runs, geometric or arithmetic.
        low: Lower end of the mean's 95% interval.
        high: Upper end of the mean's 95% interval.
        worst: Largest value, or the smallest if more is better; infinite if a run diverged.
        is_geometric: Whether the mean is geometric.
    """

    n: int
    diverged: int
    median: float
    median_low: float
    median_high: float
    mean: float
    low: float
    high: float
    worst: float
    is_geometric: bool = False


def worst_if_diverged(values: Values, *, higher_is_better: bool = False) -> np.ndarray:
    """Replace values that are not finite by +inf: a run that diverged counts as the worst.

    If `higher_is_better`, the worst is -inf.

    Example:
        >>> worst_if_diverged([0.5, float("nan")]).tolist()
        [0.5, inf]
    """
    values = np.asarray(values, float)
    return np.where(np.isfinite(values), values, -np.inf if higher_is_better else np.inf)


def all_positive(columns: Iterable[Values]) -> bool:
    """Return whether all finite values of a column are positive: its means are then geometric.

    Args:
        columns: The values of each configuration, one per seed.
    """
    values = [np.asarray(values, float) for values in columns]
    return all(bool(np.all(x[np.isfinite(x)] > 0)) for x in values)


def summary(
    values: Values, *, is_geometric: bool | None = None, higher_is_better: bool = False
) -> Summary:
    r"""Return median, mean and worst value over seeds, with 95% intervals.

    $$ [x_{(k)},\, x_{(n+1-k)}], \quad k = \max\{k : 2 P(\mathrm{Bin}(n, 1/2) < k) \le 0.05\};
       \qquad \exp(\bar y \pm t_{0.975, m-1}\, s_y / \sqrt m), \; y = \log x $$

    The median is that of all n runs, the mean that of the m runs which did not diverge. The mean
    is geometric, or arithmetic (y = x, without exp); means of both kinds are not compared.

    Args:
        values: One value per seed; a value that is not finite is a run that diverged.
        is_geometric: Whether the mean is geometric; if None, it is if all values are positive. Set
            it by `all_positive` of all configurations where several are compared.
        higher_is_better: Whether the smallest value is the worst.

    References: Thompson (1936), On confidence ranges for the median; Student (1908), The probable
    error of a mean.

    Example:
        >>> s = summary([1.0, 2.0, 4.0, float("nan")])
        >>> s.n, s.diverged, s.median, round(s.mean, 6), s.worst
        (4, 1, 3.0, 2.0, inf)
    """
    ordered = np.sort(worst_if_diverged(values, higher_is_better=higher_is_better))
    n = len(ordered)
    if n == 0:
        nan = math.nan
        return Summary(0, 0, nan, nan, nan, nan, nan, nan, nan)
    k = int(np.searchsorted(special.bdtr(np.arange(n + 1), n, 0.5), (1 - LEVEL) / 2))
    median_low = float(ordered[k - 1]) if k else math.nan
    median_high = float(ordered[n - k]) if k else math.nan
    finite = ordered[np.isfinite(ordered)]
    if is_geometric is None:
        is_geometric = all_positive([finite])
    mean, low, high = _mean_interval(finite, is_geometric)
    return Summary(
        n=n,
        diverged=n - len(finite),
        median=median_of_sorted(ordered),
        median_low=median_low,
        median_high=median_high,
        mean=mean,
        low=low,
        high=high,
        worst=float(ordered[0 if higher_is_better else -1]),
        is_geometric=is_geometric,
    )


def median_of_sorted(ordered: np.ndarray) -> float:
    """Return the median of sorted numbers; that of two infinities is infinite, unlike numpy's."""
    lower = float(ordered[(len(ordered) - 1) // 2])
    upper = float(ordered[len(ordered) // 2])
    return lower if lower == upper else (lower + upper) / 2


def median_and_ends(
    values: Values, *, higher_is_better: bool = False
) -> tuple[Summary, tuple[float, float]]:
    """Return the summary, and the median's interval or the range of seeds too few for one.

    Example:
        >>> median_and_ends([3.0, 1.0, 2.0])[1]
        (1.0, 3.0)
    """
    found = summary(values, higher_is_better=higher_is_better)
    if not math.isnan(found.median_low):
        return found, (found.median_low, found.median_high)
    ordered = np.sort(worst_if_diverged(values, higher_is_better=higher_is_better))
    return found, (float(ordered[0]), float(ordered[-1]))


def _mean_interval(x: np.ndarray, is_geometric: bool) -> tuple[float, float, float]:
    """The mean and its t interval, on the logarithm if the mean is geometric."""
    if len(x) == 0:
        return math.nan, math.nan, math.nan
    y = np.log(x) if is_geometric else x
    half_width = math.nan
    if len(y) > 1:
        t = special.stdtrit(len(y) - 1, (1 + LEVEL) / 2)
        half_width = t * y.std(ddof=1) / math.sqrt(len(y))
    interval = np.array([y.mean(), y.mean() - half_width, y.mean() + half_width])
    with np.errstate(over="ignore"):
        mean, low, high = np.exp(interval) if is_geometric else interval
    return float(mean), float(low), float(high)


def bca(values: Values) -> tuple[float, float, float]:
    """Return the arithmetic mean of the completed runs and its BCa bootstrap interval.

    With 10 seeds the interval covers less than 95%: see docs/statistics/coverage.md.

    Returns:
        Mean, lower end, upper end; the ends are NaN without two different values.

    References: Efron (1987), Better bootstrap confidence intervals.
    """
    x = np.asarray(values, float)
    x = x[np.isfinite(x)]
    if len(x) == 0:
        return math.nan, math.nan, math.nan
    mean = float(x.mean())
    if len(x) < 2 or np.ptp(x) == 0:
        return mean, math.nan, math.nan
    # as `scipy.stats.bootstrap`, whose package takes more than a second to import
    means = x[np.random.default_rng(0).integers(0, len(x), (_NUM_RESAMPLES, len(x)))].mean(axis=1)
    bias = special.ndtri((np.mean(means < mean) + np.mean(means <= mean)) / 2)
    # of the jackknife's means, the deviations are proportional to these
    d = x - mean
    acceleration = np.sum(d**3) / np.sum(d**2) ** 1.5 / 6
    z = bias + special.ndtri([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = np.quantile(means, special.ndtr(bias + z / (1 - acceleration * z)))
    return mean, float(low), float(high)


def success(values: Values) -> tuple[int, int, float, float]:
    """Count the completed runs, with the exact 95% interval of their fraction.

    Returns:
        Number of completed runs, number of runs, lower end, upper end.

    References: Clopper & Pearson (1934), The use of confidence or fiducial limits.

    Example:
        >>> success([1.0, float("nan")])[:2]
        (1, 2)
    """
    x = np.asarray(values, float)
    num_runs = len(x)
    if num_runs == 0:
        return 0, 0, math.nan, math.nan
    num_completed = int(np.isfinite(x).sum())
    num_failed = num_runs - num_completed
    low, high = 0.0, 1.0
    if num_completed:
        low = float(special.betaincinv(num_completed, num_failed + 1, (1 - LEVEL) / 2))
    if num_failed:
        high = float(special.betaincinv(num_completed + 1, num_failed, (1 + LEVEL) / 2))
    return num_completed, num_runs, low, high
