"""Which configurations a table marks as best."""

from collections.abc import Callable, Sequence

import pandas as pd

from ebmark.statistics import (
    SIGNIFICANT,
    Paired,
    best,
    fewest_seeds,
    final_values,
    holm,
    paired_by_seed,
    role,
)
from ebmark.store.metric_info import UNRANKED, metric_info


def significantly_best(
    table: pd.DataFrame, metric: str, datasets: Sequence[str]
) -> dict[str, set[str]]:
    """Return by dataset what is significantly better than the runner-up, if anything is.

    These are a configuration and others with exactly the same runs. Tests are not adjusted.
    """
    marked: dict[str, set[str]] = {dataset: set() for dataset in datasets}
    if metric in UNRANKED:
        return marked
    higher = bool(metric_info(metric).higher_is_better)
    for dataset in datasets:
        first = best(table, dataset, metric, higher_is_better=higher)
        if first is not None and first.significant:
            runs = final_values(table, dataset, metric)
            marked[dataset] = {n for n, x in runs.items() if x.equals(runs[first.method])}
    return marked


def not_worse_than_best(
    table: pd.DataFrame, metric: str, datasets: Sequence[str]
) -> dict[str, set[str]]:
    """Return by dataset the best configuration and what is not significantly different from it.

    Oracles and baselines are left out. Holm's adjustment is over all comparisons on all datasets.
    Nothing is marked for fewer seeds than a significant difference needs after it.
    """
    marked: dict[str, set[str]] = {dataset: set() for dataset in datasets}
    if metric in UNRANKED:
        return marked
    higher = bool(metric_info(metric).higher_is_better)
    tests: dict[tuple[str, str], Paired] = {}
    num_seeds: dict[str, int] = {}
    for dataset in datasets:
        first = best(table, dataset, metric, higher_is_better=higher)
        if first is None:
            continue
        runs = final_values(table, dataset, metric)
        of_best = runs[first.method]
        num_seeds[dataset] = len(of_best)
        # a tuned recipe that kept the default has the same runs, which need no test
        marked[dataset] = {name for name, values in runs.items() if values.equals(of_best)}
        for name, values in runs.items():
            if role(name) is None and name not in marked[dataset]:
                tests[dataset, name] = paired_by_seed(values, of_best, higher_is_better=higher)
    adjusted = holm([test.p for test in tests.values()])
    for (dataset, name), p in zip(tests, adjusted, strict=True):
        if not p < SIGNIFICANT:
            marked[dataset].add(name)
    for dataset, num in num_seeds.items():
        enough = all(test.enough for (where, _), test in tests.items() if where == dataset)
        if num < fewest_seeds(len(tests)) or not enough:
            marked[dataset] = set()
    return marked


MARKS: dict[str, Callable[[pd.DataFrame, str, Sequence[str]], dict[str, set[str]]]] = {
    "significant": significantly_best,
    "best": not_worse_than_best,
}


def explain(bold: str, metric: str) -> str:
    """Return what bold means, for a caption."""
    if bold == "best":
        return (
            "the best and all not significantly different from it (Wilcoxon signed-rank test on "
            "paired seeds, Holm-adjusted over the table, p >= 0.05)"
        )
    side = "higher" if metric_info(metric).higher_is_better else "lower"
    return (
        f"significantly {side} than the runner-up (Wilcoxon signed-rank test on paired seeds, "
        "p < 0.05, unadjusted)"
    )
