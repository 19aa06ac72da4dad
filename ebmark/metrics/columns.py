"""Comparison of samples with user data column by column, and of their correlations."""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike

from ebmark.datasets import UserDataset
from ebmark.metrics._inputs import read_samples

# Draws of which the central 95% is the null range; fewer where there are many numbers.
_NUM_DRAWS = 99
_MIN_DRAWS = 39
_MAX_NUMBERS = 200_000
_SEED = 20_261_129
# Null standard deviations beyond which a property of a column is named.
_NUM_DEVIATIONS = 4
# Columns whose correlations are compared, and how many of their differences are returned.
_MAX_CORRELATED = 200
_NUM_PAIRS = 3

Samples = Float[np.ndarray, "n dim"]
TargetSamples = Float[np.ndarray, "m dim"]


class ColumnScore(NamedTuple):
    """How one column of the samples differs from the target.

    Attributes:
        column: Its name.
        w1: The 1-Wasserstein distance of the column, in robust standard deviations of the target.
        null_range: `mean`, `low` and `high` of W1 between two samples of the target.
        findings: What differs, in words; empty where W1 is within its null range.
    """

    column: str
    w1: float
    null_range: Mapping[str, Any]
    findings: tuple[str, ...]


class CorrelationScore(NamedTuple):
    """How the rank correlation of two columns differs from that of the target.

    Attributes:
        columns: Their names.
        value: Spearman's correlation in the samples.
        target: The same in the target samples.
        null_range: `mean`, `low` and `high` of the largest absolute difference over all pairs,
            between two samples of the target.
    """

    columns: tuple[str, str]
    value: float
    target: float
    null_range: Mapping[str, Any]


class ColumnComparison(NamedTuple):
    """The comparison of all columns, and the strongest differences of correlation."""

    columns: list[ColumnScore]
    correlations: list[CorrelationScore]


class _Differences(NamedTuple):
    """Differences of two samples, one number per column; of correlations, one per pair."""

    w1: np.ndarray
    location: np.ndarray
    spread: np.ndarray
    outside: np.ndarray
    unseen: np.ndarray
    correlation: np.ndarray


def compare_columns(
    x: ArrayLike, y: ArrayLike, source: UserDataset, columns: Sequence[str]
) -> ColumnComparison:
    r"""Compare each column of samples with user data, and the rank correlations of all pairs.

    $$ W_1 = \tfrac1n \sum_i |x_{(i)} - y_{(i)}| / s $$

    s is the robust standard deviation of the target's column. Null ranges are those between two
    disjoint subsets of the target of the same size.

    Args:
        x: Samples of the model, in data units.
        y: Target samples.
        source: The user data that the target samples come from.
        columns: Names of the columns.

    Raises:
        ValueError: If the shapes do not match.
    """
    x, y = read_samples(x, y)
    num = min(len(x), len(y), len(source.points) // 2)
    points = source.metric_units.transform(source.points)
    x = source.metric_units.transform(x[:num])
    y = source.metric_units.transform(y[:num])
    null = _null_differences(source, num)
    found = _differences(x, y)
    # Of the range and the values of all target points, which hold those of a subset.
    found = found._replace(outside=_outside(x, points), unseen=_unseen(x, points))
    scores = []
    for j, column in enumerate(columns):
        null_range = _range(null.w1[:, j])
        w1 = float(found.w1[j])
        findings = _findings(found, null, j) if w1 > null_range["high"] else ()
        scores.append(ColumnScore(column, w1, null_range, findings))
    return ColumnComparison(scores, _correlations(x, y, found, null, columns))


# several models are compared with the same data
@functools.lru_cache(maxsize=1)
def _null_differences(source: UserDataset, num: int) -> _Differences:
    """The differences of disjoint random subsets of the points, with a row per draw."""
    points = source.metric_units.transform(source.points)
    rng = np.random.default_rng(_SEED)
    num_draws = _NUM_DRAWS if num * points.shape[1] <= _MAX_NUMBERS else _MIN_DRAWS
    draws = []
    for _ in range(num_draws):
        drawn = points[rng.choice(len(points), 2 * num, replace=False)]
        draws.append(_differences(drawn[:num], drawn[num:]))
    return _Differences(*map(np.stack, zip(*draws, strict=True)))


def _differences(x: Samples, y: TargetSamples) -> _Differences:
    sorted_x = np.sort(x, axis=0)
    sorted_y = np.sort(y, axis=0)
    spread_x, spread_y = (
        np.quantile(z, 0.9, axis=0) - np.quantile(z, 0.1, axis=0) for z in (sorted_x, sorted_y)
    )
    return _Differences(
        w1=np.abs(sorted_x - sorted_y).mean(axis=0),
        location=np.median(sorted_x, axis=0) - np.median(sorted_y, axis=0),
        spread=np.divide(spread_x, spread_y, out=np.ones(x.shape[1]), where=spread_y > 0),
        outside=_outside(x, y),
        unseen=_unseen(x, y),
        correlation=np.abs(_spearman(x) - _spearman(y)),
    )


def _outside(x: Samples, y: TargetSamples) -> np.ndarray:
    """The fraction of each column of x outside the range of y."""
    return np.mean((x < y.min(axis=0)) | (x > y.max(axis=0)), axis=0)


def _unseen(x: Samples, y: TargetSamples) -> np.ndarray:
    """The fraction of each column of x that is no value of y; 0 where no value of y repeats."""
    unseen = np.zeros(x.shape[1])
    for j in range(x.shape[1]):
        values = np.unique(y[:, j])
        if len(values) < len(y):
            unseen[j] = np.mean(~np.isin(x[:, j], values))
    return unseen


def _spearman(x: Samples) -> np.ndarray:
    """Spearman's correlations of all pairs of columns; 0 with a constant column."""
    ranks = pd.DataFrame(x[:, :_MAX_CORRELATED]).rank().to_numpy(copy=True)
    ranks -= ranks.mean(axis=0)
    norms = np.sqrt(np.sum(ranks**2, axis=0))
    ranks /= np.where(norms > 0, norms, 1.0)
    return (ranks.T @ ranks)[np.triu_indices(ranks.shape[1], 1)]


def _findings(found: _Differences, null: _Differences, j: int) -> tuple[str, ...]:
    """Name the properties of column j that differ by more than between samples of the target."""

    def differs(name: str) -> bool:
        value = getattr(found, name)[j]
        draws = getattr(null, name)[:, j]
        is_far = abs(value - draws.mean()) > _NUM_DEVIATIONS * draws.std()
        return bool(is_far and not draws.min() <= value <= draws.max())

    words = []
    if differs("location"):
        words.append(f"median {found.location[j]:+.2g} SD")
    if differs("spread"):
        words.append(f"spread {found.spread[j]:.2g} times the target's")
    if differs("outside") and found.outside[j] > 0:
        words.append(f"{found.outside[j]:.0%} outside the target's range")
    if differs("unseen") and found.unseen[j] > null.unseen[:, j].max():
        words.append(f"{found.unseen[j]:.0%} of values never seen")
    return tuple(words) or ("shape",)


def _correlations(
    x: Samples, y: TargetSamples, found: _Differences, null: _Differences, columns: Sequence[str]
) -> list[CorrelationScore]:
    """The pairs of columns whose correlations differ most."""
    if not len(found.correlation):
        return []
    null_range = _range(null.correlation.max(axis=1))
    pairs = list(itertools.combinations(columns[:_MAX_CORRELATED], 2))
    strongest = np.argsort(-found.correlation, kind="stable")[:_NUM_PAIRS]
    of_x = _spearman(x)
    of_y = _spearman(y)
    return [
        CorrelationScore(pairs[i], float(of_x[i]), float(of_y[i]), null_range) for i in strongest
    ]


def _range(draws: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(draws, [0.025, 0.975], method="weibull")
    return {"mean": float(draws.mean()), "low": float(low), "high": float(high)}
