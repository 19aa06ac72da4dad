"""The floor of a sample metric: what it says of two samples of the truth.

python -m ebmark.metrics.null_ranges            makes the floors that are shipped (an hour and more)
python -m ebmark.metrics.null_ranges rings      makes those of some laws anew
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jax.random as jr
import numpy as np

from ebmark.datasets import DataSource, SyntheticDataset, UserDataset
from ebmark.errors import unknown
from ebmark.metrics import MANY_POINTS, OF_MANY_POINTS, SAMPLE_METRICS
from ebmark.metrics._suite import additional_metrics, sample_metrics
from ebmark.system.writing import write_whole

_SHIPPED = Path(__file__).parent / "null_ranges.json"
_DRAWS, _FEW_DRAWS = 100, 20
_POINTS = (500, 2_000)
_FEWEST_DRAWS = 5  # of many points: their range is narrow
_FALL_AS_1_BY_N = ("mmd_sq", "energy_distance_sq", "sinkhorn")


def null_ranges(source: DataSource, num: int, metrics: list[str]) -> dict[str, dict[str, Any]]:
    """Each metric between two fresh samples of `num` points: mean and 95 % range over draws.

    Those of the built-in laws are shipped; of a person's points, disjoint subsets of equal size
    are compared, at most half of the points each.
    """
    if isinstance(source, UserDataset):
        num = min(num, len(source.points) // 2)
    if num > MANY_POINTS:
        return _of_many(source, num, metrics)
    shipped = _shipped().get(source.name, {}) if isinstance(source, SyntheticDataset) else {}
    found = shipped.get(str(num), {})
    known = {metric: found[metric] for metric in metrics if metric in found}
    missing = [metric for metric in metrics if metric not in found]
    return known | (measure_null_ranges(source, num, missing, _FEW_DRAWS) if missing else {})


def _of_many(source: DataSource, num: int, metrics: list[str]) -> dict[str, dict[str, Any]]:
    """Measured at this size where that takes seconds; else by the law of degenerate U-statistics.

    n times MMD^2, the energy distance or the Sinkhorn divergence of two samples of n points of one
    law has a limit law: their floors are those of 2,000 points, times 2,000 / n.
    """
    falling = [metric for metric in metrics if metric in _FALL_AS_1_BY_N]
    found = {}
    for metric, floor in null_ranges(source, _POINTS[-1], falling).items():
        scaled = {end: floor[end] * floor["n"] / num for end in ("mean", "low", "high")}
        found[metric] = floor | scaled | {"n": num}
    others = [metric for metric in metrics if metric not in falling]
    return found | measure_null_ranges(source, num, others, _FEWEST_DRAWS)


def measure_null_ranges(
    source: DataSource, num: int, metrics: list[str], draws: int
) -> dict[str, dict[str, Any]]:
    """The floors, measured now; the same each time."""
    functions = sample_metrics(source) | SAMPLE_METRICS | additional_metrics(source)
    if num > MANY_POINTS:
        functions |= dict(OF_MANY_POINTS.values())
    values: dict[str, list[float]] = {metric: [] for metric in metrics}
    for draw in range(draws):
        x = source.draw(2 * num, jr.fold_in(jr.key(20_261_123), draw))
        for metric in metrics:
            values[metric].append(functions[metric](x[:num], x[num:]))
    return {metric: _summary(found, num) for metric, found in values.items()}


def _summary(values: list[float], num: int) -> dict[str, Any]:
    low, high = (float(np.quantile(values, level)) for level in (0.025, 0.975))
    mean = float(np.mean(values))
    return {"n": num, "mean": mean, "low": low, "high": high, "draws": len(values)}


@cache
def _shipped() -> dict[str, Any]:
    return json.loads(_SHIPPED.read_text())["null_ranges"] if _SHIPPED.exists() else {}


def main() -> int:
    from ebmark.datasets import DATASETS

    names = sys.argv[1:] or list(DATASETS)
    if strange := [name for name in names if name not in DATASETS]:
        raise unknown("dataset", strange[0], DATASETS)
    for name in names:
        made: dict[str, Any] = {}
        for num in _POINTS:
            found = measure_null_ranges(SyntheticDataset(name), num, list(SAMPLE_METRICS), _DRAWS)
            rounded = {
                metric: {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in f.items()}
                for metric, f in found.items()
            }
            made[str(num)] = rounded
            print(name, num, found, file=sys.stderr, flush=True)
        _shipped.cache_clear()  # another process may have added to it
        known = _shipped() | {name: made}
        ordered = {law: known[law] for law in DATASETS if law in known}
        content = {
            "schema": 2,
            "command": "python -m ebmark.metrics.null_ranges",
            "null_ranges": ordered,
        }
        write_whole(_SHIPPED, json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
