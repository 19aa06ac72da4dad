"""Power of the sample metrics: how often each detects a given error of the model.

python -m ebmark.metrics.power > docs/metrics/power.md        (about 5 minutes)
"""

import sys
from collections.abc import Callable

import jax.random as jr
import numpy as np

from ebmark.datasets import DATASETS, AbstractGaussianMixture, SyntheticDataset
from ebmark.metrics import SAMPLE_METRICS
from ebmark.metrics._registry import SampleMetric
from ebmark.metrics._suite import additional_metrics, sample_metrics
from ebmark.system import flags

_NUM_POINTS = 500
_NUM_NULL = 100
_NUM_TRIALS = 30
_DATASET = "eight_gaussians"
_TARGET = "none (level)"
_HIGHER_IS_BETTER = {"precision", "recall", "density", "coverage", "high_quality_fraction"}

# Points from a seed.
Sampler = Callable[[int], np.ndarray]


def _draw(seed: int, num: int = _NUM_POINTS) -> np.ndarray:
    """Target samples."""
    return SyntheticDataset(_DATASET).draw(num, jr.key(1_000_000 + seed))


def _centers() -> np.ndarray:
    dataset = DATASETS[_DATASET]
    assert isinstance(dataset, AbstractGaussianMixture)
    return np.array(dataset.centers())


def _nearest_mode(x: np.ndarray) -> np.ndarray:
    return np.argmin(((x[:, None] - _centers()) ** 2).sum(-1), axis=1)


def _without_mode(seed: int) -> np.ndarray:
    x = _draw(seed, 2 * _NUM_POINTS)
    return x[_nearest_mode(x) != 0][:_NUM_POINTS]


def _with_unequal_weights(seed: int) -> np.ndarray:
    unequal = SyntheticDataset(f"{_DATASET}_unequal")
    return unequal.draw(_NUM_POINTS, jr.key(2_000_000 + seed))


def _with_wide_modes(seed: int) -> np.ndarray:
    x = _draw(seed)
    center = _centers()[_nearest_mode(x)]
    return center + 2 * (x - center)


def _single_gaussian(seed: int) -> np.ndarray:
    mean, scale = DATASETS[_DATASET].moments()
    return np.random.default_rng(seed).normal(mean, scale, (_NUM_POINTS, 2))


def _with_outliers(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = _draw(seed)
    is_outlier = rng.uniform(size=(_NUM_POINTS, 1)) < 0.05
    return np.where(is_outlier, rng.uniform(-5, 5, x.shape), x)


# Error -> samples of a distribution that differs from the target by this error alone.
ERRORS: dict[str, Sampler] = {
    _TARGET: _draw,
    "a missing mode": _without_mode,
    "weights 1 to 8": _with_unequal_weights,
    "modes twice as wide": _with_wide_modes,
    "one Gaussian": _single_gaussian,
    "5% outliers": _with_outliers,
}


def metrics() -> dict[str, SampleMetric]:
    """Return all sample metrics of the dataset, by name."""
    source = SyntheticDataset(_DATASET)
    functions = dict(SAMPLE_METRICS)
    functions.update(additional_metrics(source))
    functions.update(sample_metrics(source))
    return functions


def power() -> dict[str, dict[str, float]]:
    """Estimate the power of each metric against each error, at level 0.05.

    Returns:
        Metric -> error -> fraction of trials beyond the 95% quantile of the null distribution.
    """
    power_by_metric = {}
    for name, metric in metrics().items():
        sign = -1 if name in _HIGHER_IS_BETTER else 1
        null = [sign * metric(_draw(2 * k), _draw(2 * k + 1)) for k in range(_NUM_NULL)]
        threshold = np.quantile(null, 0.95)
        fractions = {}
        for error, draw in ERRORS.items():
            values = [
                sign * metric(draw(10_000 + trial), _draw(30_000 + trial))
                for trial in range(_NUM_TRIALS)
            ]
            fractions[error] = float(np.mean(np.array(values) > threshold))
        power_by_metric[name] = fractions
        print(name, fractions, file=sys.stderr, flush=True)
    return power_by_metric


def page() -> str:
    """Return the page docs/metrics/power.md."""
    power_by_metric = power()
    lines = [
        "# Power of the sample metrics",
        "",
        f"The fraction of {_NUM_TRIALS} trials in which a metric between {_NUM_POINTS:,} points "
        "with a given error and",
        f"{_NUM_POINTS:,} target samples (`{_DATASET}`) is worse than the 95% quantile of "
        f"{_NUM_NULL} pairs of target",
        "samples. The column without an error is the level: 0.05, with a 95% range of 0 to 0.13.",
        "A metric has no power against an error if its value is at the level. KL, TV and the parts",
        "of KL are computed by quadrature: they have no sampling noise, hence no null range.",
        "Created by `python -m ebmark.metrics.power`.",
        "",
        f"| metric | {' | '.join(ERRORS)} |",
        f"|---|{'---:|' * len(ERRORS)}",
    ]
    for name, fractions in power_by_metric.items():
        row = " | ".join(f"{fractions[error]:.2f}" for error in ERRORS)
        lines.append(f"| `{name}` | {row} |")
    return "\n".join(lines)


if __name__ == "__main__":
    flags.pin_flags()
    print(page())
