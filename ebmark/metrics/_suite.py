"""The metrics of a data source: which apply to it, and its target on a grid."""

import functools
from collections.abc import Callable

import numpy as np

from ebmark.datasets import DATASETS, Grid, Law, Source
from ebmark.metrics._divergences import Truth, truth_on
from ebmark.metrics._ksd import kernel_stein_discrepancy
from ebmark.metrics._modes import mode_shares, quality
from ebmark.metrics._registry import MORE_SAMPLE_METRICS, SAMPLE_METRICS
from ebmark.partition_function import evaluate

SampleMetric = Callable[..., float]  # of the model's points and the truth's


def truth(source: Source, grid: Grid) -> Truth | None:
    """The source's density on a grid; None where it is not known."""
    return _truth(source.name, grid) if isinstance(source, Law) else None


@functools.lru_cache(maxsize=32)  # cells come method by method: all laws in turn
def _truth(name: str, grid: Grid) -> Truth:
    return truth_on(evaluate(DATASETS[name].log_components, grid.points()), grid)


def sample_metrics(source: Source) -> dict[str, SampleMetric]:
    """Those of two samples; of a law, what its density tells too, and MMD above the plane only."""
    if not isinstance(source, Law):
        return dict(SAMPLE_METRICS)
    metrics = {m: f for m, f in SAMPLE_METRICS.items() if m != "mmd" or source.dim > 2}
    metrics["quality"] = _of_components(source, quality)
    if source.dataset.modes > 1:
        metrics["mode_shares"] = _of_components(source, mode_shares)
    return metrics


def more_metrics(source: Source) -> dict[str, SampleMetric]:
    """Those that are asked for: what a law's score alone can tell of samples, too."""
    metrics = dict(MORE_SAMPLE_METRICS)
    if isinstance(source, Law):
        metrics["ksd"] = lambda x, y: kernel_stein_discrepancy(np.asarray(x), source.scores(x))
    return metrics


def _of_components(law: Law, metric: SampleMetric) -> SampleMetric:
    return lambda x, y: metric(law.log_components(x), law.log_components(y))
