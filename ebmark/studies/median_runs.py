"""The run of median score of each dataset and configuration of a study."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from ebmark.statistics import final_values, median_seed, metric_of


class MedianRun(NamedTuple):
    """A run, by its dataset, configuration, seed and id."""

    dataset: str
    configuration: str
    seed: int
    run_id: str


def median_runs(study: Mapping[str, Any], table: pd.DataFrame) -> Iterator[MedianRun]:
    """Yield the median run by KL, or NLL, of each pair; none where every run diverged.

    Args:
        study: the study's description, with configurations for methods.
        table: its results, likewise.
    """
    runs = study["runs"]
    names = {(run["dataset"], run["method"], run["seed"]): name for name, run in runs.items()}
    for dataset, configuration in sorted({pair[:2] for pair in names}):
        metric = metric_of(table, [dataset])
        if not metric:
            continue
        seed = median_seed(final_values(table, dataset, metric).get(configuration))
        if seed is not None:
            name = names[dataset, configuration, seed]
            yield MedianRun(dataset, configuration, seed, name)
