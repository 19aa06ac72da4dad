"""Metrics of an energy function or of samples, with their null ranges."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.random as jr
import numpy as np
from numpy.typing import ArrayLike

from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.errors import UserError
from ebmark.metrics._divergences import density_metrics
from ebmark.metrics._inputs import read_samples
from ebmark.metrics._registry import SampleMetric
from ebmark.metrics._suite import sample_metrics, target
from ebmark.metrics.null_ranges import null_ranges
from ebmark.partition_function import exact_samples, normalize_values_on_grid

# Nats: an energy whose log Z changes more when the box is doubled has no finite mass.
_MAX_LOG_Z_ERROR = 0.01
_NUM_EXACT_SAMPLES = 2_000
_DENSITY_METRICS = (
    "kl",
    "kl_off_support",
    "kl_mode_weights",
    "kl_within_mode",
    "tv",
    "mode_weight_tv",
    "nll",
    "fisher_divergence",
)

Energies = Callable[[np.ndarray], np.ndarray]


class Score(NamedTuple):
    """A metric, its value, and its null range (`mean`, `low`, `high`) if it has one."""

    metric: str
    value: float
    null_range: Mapping[str, Any] | None = None


def score_energy(
    energies: Energies, source: SyntheticDataset, seed: int
) -> tuple[list[Score], int]:
    """Evaluate an energy function in 1-D or 2-D against a dataset.

    Args:
        energies: Maps points, (n, dim), to energies, (n,).
        source: The dataset.
        seed: Seed of the exact samples.

    Returns:
        Metrics of the density and of exact samples, and the number of exact samples.

    Raises:
        UserError: If the energy has no normalizing constant.
    """
    density = normalize_values_on_grid(energies, source.grid())
    if problem := density.problem(_MAX_LOG_Z_ERROR):
        raise UserError(f"The energy is not a density: {problem}")
    target_density = target(source, density.grid)
    assert target_density is not None
    values = density_metrics(target_density, density.log_density, density.grid)
    scores = [Score(metric, values[metric]) for metric in _DENSITY_METRICS]
    scores.append(Score("log_z", density.log_z))
    scores.append(Score("log_z_error", density.log_z_error))
    model_key, target_key = jr.split(jr.key(seed))
    x = exact_samples(density, _NUM_EXACT_SAMPLES, model_key)
    y = source.draw(_NUM_EXACT_SAMPLES, target_key)
    for score in score_samples(x, y, source, sample_metrics(source)):
        scores.append(score._replace(metric=f"{score.metric}_exact"))
    return scores, _NUM_EXACT_SAMPLES


def score_samples(
    x: ArrayLike,
    y: ArrayLike,
    source: DataSource,
    metrics: Mapping[str, SampleMetric],
) -> list[Score]:
    """Evaluate samples against target samples.

    Args:
        x: Samples of the model, (n, dim).
        y: Target samples.
        source: The data source, from which null ranges are measured.
        metrics: Sample metrics by name, of `source`.
    """
    x, y = read_samples(x, y)
    ranges = null_ranges(source, min(len(x), len(y)), list(metrics))
    return [Score(name, metric(x, y), ranges[name]) for name, metric in metrics.items()]
