"""Performance profiles: the fraction of runs within a factor of the best median."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import LEVEL, summary, worst_if_diverged
from ebmark.statistics._runs import final_values, role

_NUM_RESAMPLES = 400


class Profile(NamedTuple):
    """Fraction of runs within each factor of the best median, with its 95% band.

    Attributes:
        share: The fraction, (factors,).
        low: Lower end of the band, (factors,).
        high: Upper end of the band, (factors,).
    """

    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


def profiles(
    table: pd.DataFrame,
    datasets: Sequence[str],
    entries: Sequence[str],
    metric: str,
    factors: np.ndarray,
) -> dict[str, Profile]:
    r"""Return the fraction of runs whose metric is at most a factor times the best median.

    $$ \hat F(\tau) = \frac1M \sum_{m=1}^M \frac1{N_m} \sum_{i=1}^{N_m}
       1\{x_{mi} \le \tau\, y_m\} $$

    y is the lowest median of all configurations but baselines on dataset m, as a rule the
    oracle's. A run that diverged is within no factor. Bands are percentiles of a bootstrap of the
    seeds within each dataset.

    Args:
        table: Results, with configurations in the column `method`.
        datasets: Names of datasets; those without a positive finite best median are left out.
        entries: Configurations.
        metric: Name of a positive metric, lower is better.
        factors: The factors, (factors,).

    Returns:
        Configuration -> profile, for configurations with runs.

    References: Agarwal, Schwarzer, Castro, Courville & Bellemare (2021), Deep reinforcement
    learning at the edge of the statistical precipice; Dolan & More (2002), Benchmarking
    optimization software with performance profiles.
    """
    ratios: dict[str, list[np.ndarray]] = {entry: [] for entry in entries}
    for dataset in datasets:
        values = final_values(table, dataset, metric)
        runs = {entry: runs for entry, runs in values.items() if entry in ratios}
        medians = [summary(runs[entry]).median for entry in runs if role(entry) != "baseline"]
        best = min(medians, default=np.inf)
        if not 0 < best < np.inf:
            continue
        for entry, entry_runs in runs.items():
            ratios[entry].append(worst_if_diverged(entry_runs) / best)
    return {
        entry: profile(by_dataset, factors) for entry, by_dataset in ratios.items() if by_dataset
    }


def profile(ratios: Sequence[np.ndarray], factors: np.ndarray) -> Profile:
    """Return the profile of one configuration.

    Args:
        ratios: For each dataset, the metric of each run divided by the best median.
        factors: The factors, (factors,).
    """
    rng = np.random.default_rng(0)
    fractions = np.zeros(len(factors))
    resampled = np.zeros((_NUM_RESAMPLES, len(factors)))
    # Every dataset has the same weight, whatever its number of runs.
    for of_dataset in ratios:
        num_runs = len(of_dataset)
        is_within = of_dataset[:, None] <= factors
        fractions += is_within.mean(axis=0) / len(ratios)
        counts = rng.multinomial(num_runs, np.full(num_runs, 1 / num_runs), size=_NUM_RESAMPLES)
        resampled += counts @ is_within / num_runs / len(ratios)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Profile(fractions, low, high)
