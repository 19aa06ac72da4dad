"""Performance profiles: how many of an entry's runs are at least so good."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ebmark.statistics._intervals import LEVEL, summary, worst_if_diverged
from ebmark.statistics._runs import final_values, role

_RESAMPLES = 400


class Profile(NamedTuple):
    """The share of runs within a factor of the yardstick, and its 95 % band."""

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
    r"""The share of runs, over datasets and seeds, whose metric is at most a factor times the best.

    $$ \hat F(\tau) = \frac1M \sum_{m=1}^M \frac1{N_m} \sum_{i=1}^{N_m}
       1\{x_{mi} \le \tau\, y_m\} $$

    y is the oracle's median on that dataset, or, where there is no oracle or a method beats it, the
    lowest median of all. A run that diverged is within no factor. Bands are percentiles of a
    bootstrap of the seeds within each dataset.

    Agarwal, Schwarzer, Castro, Courville & Bellemare (2021), Deep reinforcement learning at the
    edge of the statistical precipice; Dolan & More (2002), Benchmarking optimization software.
    """
    scores: dict[str, list[np.ndarray]] = {entry: [] for entry in entries}
    for dataset in datasets:
        runs = {e: one for e, one in final_values(table, dataset, metric).items() if e in scores}
        medians = [summary(one).median for e, one in runs.items() if role(e) != "baseline"]
        best = min(medians, default=np.inf)
        if not 0 < best < np.inf:
            continue
        for entry, one in runs.items():
            scores[entry].append(worst_if_diverged(one) / best)
    return {entry: _profile(found, factors) for entry, found in scores.items() if found}


def _profile(scores: list[np.ndarray], factors: np.ndarray) -> Profile:
    rng = np.random.default_rng(0)
    shares, drawn = np.zeros(len(factors)), np.zeros((_RESAMPLES, len(factors)))
    for one in scores:  # each dataset weighs the same
        within = one[:, None] <= factors
        shares += within.mean(axis=0) / len(scores)
        counts = rng.multinomial(len(one), np.full(len(one), 1 / len(one)), size=_RESAMPLES)
        drawn += counts @ within / len(one) / len(scores)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Profile(shares, low, high)
