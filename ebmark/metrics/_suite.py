"""The metrics that apply to a data source, and its target on a grid."""

import functools
from collections.abc import Mapping

from numpy.typing import ArrayLike

from ebmark.datasets import DataSource, Grid, SyntheticDataset, UserDataset
from ebmark.datasets.preprocessing import RobustStandardizer
from ebmark.metrics._divergences import TargetGrid, target_on_grid
from ebmark.metrics._inputs import read_samples
from ebmark.metrics._ksd import kernel_stein_discrepancy
from ebmark.metrics._modes import high_quality_fraction, mode_frequency_tv
from ebmark.metrics._registry import (
    ADDITIONAL_SAMPLE_METRICS,
    OF_MANY_POINTS,
    SAMPLE_METRICS,
    SampleMetric,
)


def target(source: DataSource, grid: Grid) -> TargetGrid | None:
    """Return the target on a grid; None for user data, whose target is unknown."""
    if not isinstance(source, SyntheticDataset):
        return None
    return _target_of_dataset(source, grid)


# A study runs method by method, so that all of its datasets alternate.
@functools.lru_cache(maxsize=32)
def _target_of_dataset(source: SyntheticDataset, grid: Grid) -> TargetGrid:
    component_log_probs = source.component_log_probs(grid.points())
    return target_on_grid(component_log_probs, grid, has_score=source.dataset.has_score)


def sample_metrics(source: DataSource) -> dict[str, SampleMetric]:
    """Return the sample metrics of every run, as functions of points in data units.

    For synthetic datasets they include metrics that use the target density, and MMD and C2ST, the
    metric that comes closest to ranking models as KL does, only for more than two dimensions. Those
    of user data are computed in robustly standardized units.
    """
    if isinstance(source, UserDataset):
        return in_metric_units(SAMPLE_METRICS, source)
    metrics = dict(SAMPLE_METRICS)
    if source.dim <= 2:
        del metrics["mmd_sq"]
    else:
        metrics["c2st"] = ADDITIONAL_SAMPLE_METRICS["c2st"]
    metrics["high_quality_fraction"] = _of_components(source, high_quality_fraction)
    if source.dataset.modes > 1:
        metrics["mode_frequency_tv"] = _of_components(source, mode_frequency_tv)
    return metrics


def additional_metrics(source: DataSource) -> dict[str, SampleMetric]:
    """Return the metrics of `--all-metrics`, with KSD if the target has a known score."""
    if isinstance(source, UserDataset):
        return in_metric_units(ADDITIONAL_SAMPLE_METRICS, source)
    metrics = dict(ADDITIONAL_SAMPLE_METRICS)
    if source.dataset.has_score:
        metrics["ksd_sq"] = _of_scores(source)
    return metrics


def metrics_of_many_points(source: DataSource) -> dict[str, tuple[str, SampleMetric]]:
    """Return what replaces a metric where there are too many points for it, with its name."""
    if not isinstance(source, UserDataset):
        return OF_MANY_POINTS
    replaced = in_metric_units(dict(OF_MANY_POINTS.values()), source)
    return {metric: (name, replaced[name]) for metric, (name, _) in OF_MANY_POINTS.items()}


def in_metric_units(
    metrics: Mapping[str, SampleMetric], source: UserDataset
) -> dict[str, SampleMetric]:
    """Return metrics of points in data units that compare them in robustly standardized units."""
    return {name: _in_units(metric, source.metric_units) for name, metric in metrics.items()}


def _in_units(metric: SampleMetric, units: RobustStandardizer) -> SampleMetric:
    def of_points(x: ArrayLike, y: ArrayLike) -> float:
        x, y = read_samples(x, y)
        return metric(units.transform(x), units.transform(y))

    return of_points


def _of_components(source: SyntheticDataset, metric: SampleMetric) -> SampleMetric:
    """The metric as a function of points instead of log-densities of the components."""

    def of_points(x: ArrayLike, y: ArrayLike) -> float:
        x, y = read_samples(x, y)
        return metric(source.component_log_probs(x), source.component_log_probs(y))

    return of_points


def _of_scores(source: SyntheticDataset) -> SampleMetric:
    """KSD as a function of samples and target samples, of which it uses the score instead."""

    def of_points(x: ArrayLike, y: ArrayLike) -> float:
        x, _ = read_samples(x, y, min_points=2)
        return kernel_stein_discrepancy(x, source.scores(x))

    return of_points
