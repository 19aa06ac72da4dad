"""Null ranges: each sample metric between two independent samples of the target.

python -m ebmark.metrics.null_ranges            creates null_ranges.json (more than an hour)
python -m ebmark.metrics.null_ranges rings      updates the named datasets
"""

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jax.random as jr
import numpy as np
import pydantic

from ebmark.datasets import DATASETS, DataSource, SyntheticDataset, UserDataset
from ebmark.errors import unknown
from ebmark.metrics import MANY_POINTS, SAMPLE_METRICS
from ebmark.metrics._suite import additional_metrics, metrics_of_many_points, sample_metrics
from ebmark.system import flags
from ebmark.system.reading import read_json
from ebmark.system.writing import write_json

_SHIPPED = Path(__file__).parent / "null_ranges.json"
_SHIPPED_SIZES = (500, 2_000)
_LEVEL = 0.95
_NUM_DRAWS_SHIPPED = 100
# The smallest number whose extremes hold 95% of new draws.
_NUM_DRAWS = 39
# Draws of large samples are slow; the extremes of 19 hold 90%, which the range states.
_NUM_DRAWS_MANY_POINTS = 19
# Degenerate U-statistics and the Sinkhorn divergence decrease as 1 / n.
_DECREASE_AS_1_BY_N = ("mmd_sq", "energy_distance_sq", "sinkhorn")
_SEED = 20_261_123

NullRange = dict[str, Any]
_FILE = pydantic.TypeAdapter(dict[str, Any])


def null_ranges(source: DataSource, num: int, metrics: Sequence[str]) -> dict[str, NullRange]:
    """Return the null range of each metric between two independent target samples.

    Ranges of built-in datasets are read from `null_ranges.json` where it has them. For user data,
    disjoint subsets of equal size are compared, of at most half of the points each. A far outlier
    is in one of the two subsets, so that it widens the ranges of W1 and W2.

    Args:
        source: The data source.
        num: Points per sample.
        metrics: Names of sample metrics.

    Returns:
        Metric -> `n`, `mean`, `low` and `high`, the fraction `level` of new draws that this range
        holds (0.95 if absent), and `draws` (only their number where they were not stored).
    """
    if isinstance(source, UserDataset):
        num = min(num, len(source.points) // 2)
    if num > MANY_POINTS:
        return _null_ranges_of_many_points(source, num, metrics)
    shipped: dict[str, NullRange] = {}
    if isinstance(source, SyntheticDataset):
        shipped = _read_shipped().get(source.name, {}).get(str(num), {})
    ranges = {metric: shipped[metric] for metric in metrics if metric in shipped}
    missing = [metric for metric in metrics if metric not in shipped]
    if missing:
        ranges.update(measure_null_ranges(source, num, missing, _NUM_DRAWS))
    return ranges


def _null_ranges_of_many_points(
    source: DataSource, num: int, metrics: Sequence[str]
) -> dict[str, NullRange]:
    """Null ranges of fast metrics from a few draws; of the others, scaled from 2,000 points.

    n times the squared MMD, the squared energy distance or the Sinkhorn divergence of two samples
    of n points of the same distribution converges in distribution.
    """
    scaled = [metric for metric in metrics if metric in _DECREASE_AS_1_BY_N]
    ranges = {}
    for metric, null_range in null_ranges(source, _SHIPPED_SIZES[-1], scaled).items():
        scaled_range = dict(null_range)
        ratio = null_range["n"] / num
        for key in ("mean", "low", "high"):
            scaled_range[key] = null_range[key] * ratio
        if isinstance(null_range["draws"], list):
            scaled_range["draws"] = [_round(draw * ratio) for draw in null_range["draws"]]
        scaled_range["n"] = num
        ranges[metric] = scaled_range
    others = [metric for metric in metrics if metric not in scaled]
    ranges.update(measure_null_ranges(source, num, others, _NUM_DRAWS_MANY_POINTS))
    return ranges


def measure_null_ranges(
    source: DataSource, num: int, metrics: Sequence[str], num_draws: int
) -> dict[str, NullRange]:
    """Measure null ranges from `num_draws` pairs of samples; the seed is fixed.

    Args:
        source: The data source.
        num: Points per sample.
        metrics: Names of sample metrics.
        num_draws: Number of pairs.

    Returns:
        As `null_ranges`.
    """
    functions = SAMPLE_METRICS | sample_metrics(source) | additional_metrics(source)
    if num > MANY_POINTS:
        functions.update(metrics_of_many_points(source).values())
    values: dict[str, list[float]] = {metric: [] for metric in metrics}
    for draw in range(num_draws):
        points = source.draw(2 * num, jr.fold_in(jr.key(_SEED), draw))
        for metric in metrics:
            values[metric].append(functions[metric](points[:num], points[num:]))
    return {metric: _summarize(of_metric, num) for metric, of_metric in values.items()}


def _summarize(values: list[float], num: int) -> NullRange:
    r"""Return the null range of the values of a metric.

    $$ P(x_{(i)} < X < x_{(j)}) = (j - i) / (m + 1) $$

    for m draws and a new one X of any continuous distribution: quantiles of m + 1.
    """
    draws = [_round(value) for value in values]
    extremes = (len(draws) - 1) / (len(draws) + 1)
    level = min(_LEVEL, extremes)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="weibull")
    return {
        "n": num,
        "mean": _round(float(np.mean(draws))),
        "low": _round(float(low)),
        "high": _round(float(high)),
        "level": round(level, 3),
        "draws": draws,
    }


@cache
def _read_shipped() -> dict[str, Any]:
    """Dataset -> sample size -> metric -> null range."""
    return read_shipped(_SHIPPED) if _SHIPPED.exists() else {}


def read_shipped(path: Path) -> dict[str, Any]:
    """Read dataset -> sample size -> metric -> null range. Raises UserError if it is damaged."""
    return read_json(path, _FILE, "Install ebmark again.")["null_ranges"]


def _round(value: float) -> float:
    """The value with five significant digits."""
    return float(f"{value:.5g}")


def _write_shipped(name: str, num: int, ranges: dict[str, NullRange]) -> None:
    """Add the ranges of a dataset to the file, which another process may have changed."""
    _read_shipped.cache_clear()
    known = dict(_read_shipped())
    known[name] = {**known.get(name, {}), str(num): ranges}
    content = {
        "command": "python -m ebmark.metrics.null_ranges",
        "null_ranges": {dataset: known[dataset] for dataset in DATASETS if dataset in known},
    }
    write_json(_SHIPPED, content)


def main() -> int:
    flags.pin_flags()
    names = sys.argv[1:] or list(DATASETS)
    for name in names:
        if name not in DATASETS:
            raise unknown("built-in dataset", name, DATASETS)
    metrics = list(SAMPLE_METRICS)
    for name in names:
        for num in _SHIPPED_SIZES:
            source = SyntheticDataset(name)
            ranges = measure_null_ranges(source, num, metrics, _NUM_DRAWS_SHIPPED)
            _write_shipped(name, num, ranges)
            print(name, num, ranges, file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
