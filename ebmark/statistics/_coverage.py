"""Coverage of the intervals and level and power of the tests, on simulated seeds."""

import numpy as np
import scipy
from scipy import special

from ebmark.statistics._intervals import _NUM_RESAMPLES, LEVEL, summary
from ebmark.statistics._paired import SIGNIFICANT, holm, paired
from ebmark.statistics._power import seeds_needed

_NUM_STUDIES = 2_000
# Standard deviations of log KL over seeds that occur in studies: small, typical and large.
_LOG_STDS = (0.3, 0.6, 1.0)
# Seeds that fail badly: their KL is 50 times as large.
_FAILURE = 50.0
_FAILING = 0.1
_LABELS = {
    "median": "median, order statistics",
    "mean": "geometric mean, t on the logarithm",
    "bca": "arithmetic mean, BCa bootstrap",
    "difference": "paired difference, Hodges-Lehmann",
}


def coverage(
    n: int, log_std: float, num_studies: int = _NUM_STUDIES, failing: float = 0.0
) -> dict[str, float]:
    """Estimate how often the 95% intervals contain the true value, for log-normal seeds.

    Args:
        n: Seeds per study.
        log_std: Standard deviation of the logarithm.
        num_studies: Number of simulated studies.
        failing: Fraction of the seeds that fail badly: their value is 50 times as large.

    Returns:
        Kind of interval, a key of `_LABELS` -> fraction of studies.
    """
    rng = np.random.default_rng([n, round(100 * log_std)])
    samples = _draw(rng, log_std, failing, (num_studies, n))
    median = _true_median(log_std, failing)
    geometric_mean = _FAILURE**failing
    num_covered = dict.fromkeys(_LABELS, 0)
    for sample in samples:
        over_seeds = summary(sample)
        num_covered["median"] += over_seeds.median_low <= median <= over_seeds.median_high
        num_covered["mean"] += over_seeds.low <= geometric_mean <= over_seeds.high
        other = _draw(rng, log_std, failing, n)
        test = paired(sample, other)
        num_covered["difference"] += test.low <= 0 <= test.high
    interval = scipy.stats.bootstrap(
        (samples,), np.mean, axis=1, n_resamples=_NUM_RESAMPLES, batch=20, method="BCa", rng=rng
    ).confidence_interval
    mean = np.exp(log_std**2 / 2) * (1 + failing * (_FAILURE - 1))
    num_covered["bca"] = int(np.sum((interval.low <= mean) & (mean <= interval.high)))
    return {kind: float(count) / num_studies for kind, count in num_covered.items()}


def _draw(
    rng: np.random.Generator, log_std: float, failing: float, shape: int | tuple[int, ...]
) -> np.ndarray:
    """Log-normal values, a fraction of them 50 times as large."""
    values = np.exp(log_std * rng.normal(size=shape))
    if failing:
        values = np.where(rng.uniform(size=shape) < failing, _FAILURE * values, values)
    return values


def _true_median(log_std: float, failing: float) -> float:
    y = np.linspace(-9.0, 9.0, 100_001)
    sound = special.ndtr(y / log_std)
    failed = special.ndtr((y - np.log(_FAILURE)) / log_std)
    return float(np.exp(np.interp(0.5, (1 - failing) * sound + failing * failed, y)))


def family_error(n: int, comparisons: int, num_studies: int = _NUM_STUDIES) -> tuple[float, float]:
    """Estimate the family-wise error of comparing equal configurations with one reference.

    Returns:
        Fraction of studies with a significant comparison, with and without Holm's correction.
    """
    rng = np.random.default_rng([n, comparisons])
    num_corrected = 0
    num_uncorrected = 0
    for _ in range(num_studies):
        reference, *others = np.exp(0.6 * rng.normal(size=(comparisons + 1, n)))
        p_values = [paired(other, reference).p for other in others]
        num_uncorrected += min(p_values) < SIGNIFICANT
        num_corrected += min(holm(p_values)) < SIGNIFICANT
    return num_corrected / num_studies, num_uncorrected / num_studies


def power(
    effect: float, comparisons: int = 1, num_studies: int = _NUM_STUDIES
) -> tuple[int, float]:
    """Return the estimated number of seeds for 80% power, and the power with that number.

    Args:
        effect: Mean of the normal differences, in units of their standard deviation.
        comparisons: Number of comparisons that are corrected together.
        num_studies: Number of simulated studies.
    """
    rng = np.random.default_rng(round(100 * effect))
    # Two differences with the mean `effect` and the standard deviation 1.
    differences = np.array([-1.0, 1.0]) / np.sqrt(2) + effect
    n = seeds_needed(differences, comparisons) or 0
    level = SIGNIFICANT / comparisons
    samples = effect + rng.normal(size=(num_studies, n))
    p_values = np.array([paired(sample, np.zeros(n)).p for sample in samples])
    return n, float(np.mean(p_values < level))


def page() -> str:
    """Return the page docs/statistics/coverage.md."""
    lines = [
        "# Coverage, level and power of the statistics",
        "",
        f"Each number is a fraction of {_NUM_STUDIES:,} simulated studies; its standard error is "
        "0.005 where 95% is expected. Created by `python -m ebmark.statistics`.",
        "",
        f"**Coverage of {LEVEL:.0%} intervals**, for log-normal seeds; σ is the standard "
        f"deviation of the logarithm. Failing seeds are {_FAILURE:.0f} times as large:",
        "",
        "| seeds | σ | failing | " + " | ".join(_LABELS.values()) + " |",
        "|---|---|---|" + "---|" * len(_LABELS),
    ]
    cases = [(log_std, 0.0) for log_std in _LOG_STDS] + [
        (log_std, _FAILING) for log_std in _LOG_STDS
    ]
    for n in (6, 10, 20):
        for log_std, failing in cases:
            fractions = coverage(n, log_std, failing=failing)
            row = " | ".join(f"{fractions[kind]:.3f}" for kind in _LABELS)
            lines.append(f"| {n} | {log_std} | {failing:.0%} | {row} |")
    lines += [
        "",
        "The t interval of the geometric mean assumes log-normal seeds. Where a tenth of them fail "
        "badly it covers much less than 95%, as studies without a failed seed know nothing of the "
        "failures; no interval of a mean can hold there. The intervals of the median and of the "
        "paired difference hold for any distribution: conclusions rest on them.",
        "",
        "The interval of a median consists of two order statistics, so that its coverage jumps "
        "with the number of seeds; it is never below 0.95. BCa covers less than 95%, even with 20 "
        "seeds: it is reported next to the other intervals, and no conclusion rests on it.",
        "",
        "**Family-wise error**: how often at least one of several equal configurations differs "
        "significantly from the reference, with 10 seeds:",
        "",
        "| comparisons | with Holm's correction | without |",
        "|---|---|---|",
    ]
    for comparisons in (1, 4, 8):
        corrected, uncorrected = family_error(10, comparisons)
        lines.append(f"| {comparisons} | {corrected:.3f} | {uncorrected:.3f} |")
    lines += [
        "",
        "With 10 seeds the smallest p-value is 0.002: with more than 25 comparisons no difference "
        "can be significant, and the report says so.",
        "",
        "**Power with the estimated number of seeds** (80% is expected), for normal differences "
        "whose mean is given in standard deviations:",
        "",
        "| mean difference | comparisons | seeds | power |",
        "|---|---|---|---|",
    ]
    for effect, comparisons in ((1.0, 1), (0.5, 1), (1.0, 4), (0.5, 4)):
        n, fraction = power(effect, comparisons)
        lines.append(f"| {effect} | {comparisons} | {n} | {fraction:.3f} |")
    return "\n".join(lines)
