"""What each sample metric can see: how often it tells a wrong law from the truth.

python -m ebmark.metrics.power > docs/metrics/power.md        (about 5 minutes)
"""

import sys
from collections.abc import Callable

import jax.random as jr
import numpy as np

from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.metrics import SAMPLE_METRICS
from ebmark.metrics._suite import additional_metrics, sample_metrics

_NUM, _NULL, _TRIALS = 500, 100, 30
_LAW = "eight_gaussians"
# larger is better for these: a wrong law makes them small
_HIGH_IS_GOOD = {"precision", "recall", "density", "coverage", "high_quality_fraction"}

Draw = Callable[[int], np.ndarray]


def wrong_laws() -> dict[str, Draw]:
    """Samples of laws that are each wrong in one way, from a seed."""
    law = DATASETS[_LAW]
    centers = np.array(law.centers())

    def truth(seed: int, num: int = _NUM) -> np.ndarray:
        return SyntheticDataset(_LAW).draw(num, jr.key(1_000_000 + seed))

    def nearest(x: np.ndarray) -> np.ndarray:
        return np.argmin(((x[:, None] - centers) ** 2).sum(-1), axis=1)

    def lost(seed: int) -> np.ndarray:
        x = truth(seed, 2 * _NUM)
        return x[nearest(x) != 0][:_NUM]

    def wide(seed: int) -> np.ndarray:
        x = truth(seed)
        centre = centers[nearest(x)]
        return centre + 2 * (x - centre)

    def unequal(seed: int) -> np.ndarray:
        return SyntheticDataset(f"{_LAW}_unequal").draw(_NUM, jr.key(2_000_000 + seed))

    def one(seed: int) -> np.ndarray:
        mean, scale = law.moments()
        return np.random.default_rng(seed).normal(mean, scale, (_NUM, 2))

    def strays(seed: int) -> np.ndarray:
        rng, x = np.random.default_rng(seed), truth(seed)
        return np.where(rng.uniform(size=(_NUM, 1)) < 0.05, rng.uniform(-5, 5, x.shape), x)

    return {
        "the truth": truth,
        "a mode lost": lost,
        "weights 1 to 8": unequal,
        "modes twice as wide": wide,
        "one Gaussian": one,
        "5 % strays": strays,
    }


def metrics() -> dict[str, Callable[..., float]]:
    """All that are asked, of two samples each."""
    law = SyntheticDataset(_LAW)
    return SAMPLE_METRICS | additional_metrics(law) | sample_metrics(law)


def power() -> dict[str, dict[str, float]]:
    """Metric -> wrong law -> share of trials beyond the 95 % point of truth against truth."""
    laws, found = wrong_laws(), {}
    truth = laws["the truth"]
    for name, metric in metrics().items():
        sign = -1 if name in _HIGH_IS_GOOD else 1
        null = [sign * metric(truth(2 * k), truth(2 * k + 1)) for k in range(_NULL)]
        limit = np.quantile(null, 0.95)
        found[name] = {}
        for wrong, draw in laws.items():
            seeds = range(10_000, 10_000 + _TRIALS)
            values = [sign * metric(draw(seed), truth(20_000 + seed)) for seed in seeds]
            found[name][wrong] = float(np.mean(np.array(values) > limit))
        print(name, found[name], file=sys.stderr, flush=True)
    return found


def main() -> int:
    found = power()
    wrong = list(next(iter(found.values())))
    print("# What each sample metric can see\n")
    print(
        f"The share of {_TRIALS} trials in which {_NUM:,} points of a wrong law score worse "
        f"against\n{_NUM:,} fresh points of the truth (`{_LAW}`) than 95 % of {_NULL} samples of "
        "the truth\nitself do. Under `the truth` stands the level: .05, to within .08. A metric "
        "that stays there\nin a column cannot see what is wrong. KL, TV, leak, masses and shapes "
        "are quadratures: they\nhave no sampling noise, hence no floor and full power. Made by\n"
        "`python -m ebmark.metrics.power`.\n"
    )
    print(f"| metric | {' | '.join(wrong)} |\n|---|{'---:|' * len(wrong)}")
    for name, row in found.items():
        print(f"| `{name}` | {' | '.join(f'{row[w]:.2f}' for w in wrong)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
