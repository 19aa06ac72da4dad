"""The metrics of a data source: which apply to it, and its target on a grid."""

import functools
from collections.abc import Callable

import numpy as np

from ebmark.datasets import DATASETS, DataSource, Grid, SyntheticDataset
from ebmark.metrics._divergences import TargetGrid, target_on_grid
from ebmark.metrics._ksd import kernel_stein_discrepancy
from ebmark.metrics._modes import mode_shares, quality
from ebmark.metrics._registry import ADDITIONAL_SAMPLE_METRICS, SAMPLE_METRICS
from ebmark.partition_function import evaluate

SampleMetric = Callable[..., float]  # of the model's points and the truth's


def target(source: DataSource, grid: Grid) -> TargetGrid | None:
    """The source's density on a grid; None where it is not known."""
    return _truth(source.name, grid) if isinstance(source, SyntheticDataset) else None


@functools.lru_cache(maxsize=32)  # cells come method by method: all laws in turn
def _truth(name: str, grid: Grid) -> TargetGrid:
    return target_on_grid(evaluate(DATASETS[name].component_log_probs, grid.points()), grid)


def sample_metrics(source: DataSource) -> dict[str, SampleMetric]:
    """Those of two samples; of a law, what its density tells too, and MMD above the plane only."""
    if not isinstance(source, SyntheticDataset):
        return dict(SAMPLE_METRICS)
    metrics = {m: f for m, f in SAMPLE_METRICS.items() if m != "mmd_sq" or source.dim > 2}
    metrics["high_quality_fraction"] = _of_components(source, quality)
    if source.dataset.modes > 1:
        metrics["mode_frequency_tv"] = _of_components(source, mode_shares)
    return metrics


def additional_metrics(source: DataSource) -> dict[str, SampleMetric]:
    """Those that are asked for: what a law's score alone can tell of samples, too."""
    metrics = dict(ADDITIONAL_SAMPLE_METRICS)
    if isinstance(source, SyntheticDataset):
        metrics["ksd_sq"] = lambda x, y: kernel_stein_discrepancy(np.asarray(x), source.scores(x))
    return metrics


def _of_components(law: SyntheticDataset, metric: SampleMetric) -> SampleMetric:
    return lambda x, y: metric(law.component_log_probs(x), law.component_log_probs(y))
