"""The metrics that apply to a data source, and its target on a grid."""

import functools

import numpy as np

from ebmark.datasets import DATASETS, DataSource, Grid, SyntheticDataset
from ebmark.metrics._divergences import TargetGrid, target_on_grid
from ebmark.metrics._inputs import read_samples
from ebmark.metrics._ksd import kernel_stein_discrepancy
from ebmark.metrics._modes import high_quality_fraction, mode_frequency_tv
from ebmark.metrics._registry import ADDITIONAL_SAMPLE_METRICS, SAMPLE_METRICS, SampleMetric
from ebmark.partition_function import evaluate


def target(source: DataSource, grid: Grid) -> TargetGrid | None:
    """Return the target on a grid; None for user data, whose target is unknown."""
    if not isinstance(source, SyntheticDataset):
        return None
    return _target_of_dataset(source.name, grid)


# A study runs method by method, so that all of its datasets alternate.
@functools.lru_cache(maxsize=32)
def _target_of_dataset(name: str, grid: Grid) -> TargetGrid:
    dataset = DATASETS[name]
    component_log_probs = evaluate(dataset.component_log_probs, grid.points())
    return target_on_grid(component_log_probs, grid, has_score=dataset.has_score)


def sample_metrics(source: DataSource) -> dict[str, SampleMetric]:
    """Return the sample metrics of every run.

    For synthetic datasets they include metrics that use the target density, and MMD only for
    more than two dimensions.
    """
    if not isinstance(source, SyntheticDataset):
        return dict(SAMPLE_METRICS)
    metrics = dict(SAMPLE_METRICS)
    if source.dim <= 2:
        del metrics["mmd_sq"]
    metrics["high_quality_fraction"] = _of_components(source, high_quality_fraction)
    if source.dataset.modes > 1:
        metrics["mode_frequency_tv"] = _of_components(source, mode_frequency_tv)
    return metrics


def additional_metrics(source: DataSource) -> dict[str, SampleMetric]:
    """Return the metrics of `--all-metrics`, with KSD if the target has a known score."""
    metrics = dict(ADDITIONAL_SAMPLE_METRICS)
    if isinstance(source, SyntheticDataset) and source.dataset.has_score:
        metrics["ksd_sq"] = _of_scores(source)
    return metrics


def _of_components(source: SyntheticDataset, metric: SampleMetric) -> SampleMetric:
    """The metric as a function of points instead of log-densities of the components."""

    def of_points(x: np.ndarray, y: np.ndarray) -> float:
        x, y = read_samples(x, y)
        return metric(source.component_log_probs(x), source.component_log_probs(y))

    return of_points


def _of_scores(source: SyntheticDataset) -> SampleMetric:
    """KSD as a function of samples and target samples, of which it uses the score instead."""

    def of_points(x: np.ndarray, y: np.ndarray) -> float:
        x, _ = read_samples(x, y, min_points=2)
        return kernel_stein_discrepancy(x, source.scores(x))

    return of_points
