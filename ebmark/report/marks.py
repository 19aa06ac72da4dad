"""Which configurations a table marks as best on a dataset."""

from collections.abc import Callable

import pandas as pd

from ebmark.statistics import (
    SIGNIFICANT,
    best,
    fewest_seeds,
    final_values,
    holm,
    paired_by_seed,
    role,
)
from ebmark.store.metric_info import UNRANKED, metric_info


def significantly_best(table: pd.DataFrame, dataset: str, metric: str) -> set[str]:
    """Return the configuration that is significantly better than the runner-up, if there is one.

    Other configurations with exactly the same runs are included.
    """
    if metric in UNRANKED:
        return set()
    first = best(
        table, dataset, metric, higher_is_better=bool(metric_info(metric).higher_is_better)
    )
    if first is None or not first.significant:
        return set()
    runs = final_values(table, dataset, metric)
    return {name for name, values in runs.items() if values.equals(runs[first.method])}


def not_worse_than_best(table: pd.DataFrame, dataset: str, metric: str) -> set[str]:
    """Return the best configuration and all that are not significantly different from it.

    Oracles and baselines are left out. Nothing is marked for fewer seeds than a significant
    difference needs after the adjustment.
    """
    if metric in UNRANKED:
        return set()
    higher = bool(metric_info(metric).higher_is_better)
    first = best(table, dataset, metric, higher_is_better=higher)
    if first is None:
        return set()
    runs = final_values(table, dataset, metric)
    # a tuned recipe that kept the default has the same runs, which need no test
    same = {name for name, values in runs.items() if values.equals(runs[first.method])}
    others = [name for name in runs if role(name) is None and name not in same]
    tests = [
        paired_by_seed(runs[name], runs[first.method], higher_is_better=higher) for name in others
    ]
    too_few = len(runs[first.method]) < fewest_seeds(len(others))
    if too_few or not all(test.enough for test in tests):
        return set()
    adjusted = holm([test.p for test in tests])
    pairs = zip(others, adjusted, strict=True)
    return same | {name for name, p in pairs if not p < SIGNIFICANT}


MARKS: dict[str, Callable[[pd.DataFrame, str, str], set[str]]] = {
    "significant": significantly_best,
    "best": not_worse_than_best,
}


def explain(bold: str, metric: str) -> str:
    """Return what bold means, for a caption."""
    if bold == "best":
        return (
            "the best and all not significantly different from it (Wilcoxon signed-rank test on "
            "paired seeds, Holm-adjusted p >= 0.05)"
        )
    side = "higher" if metric_info(metric).higher_is_better else "lower"
    return (
        f"significantly {side} than the runner-up (Wilcoxon signed-rank test on paired seeds, "
        "p < 0.05, unadjusted)"
    )
