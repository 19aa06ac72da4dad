"""The work of `ebmark evaluate`, behind the imports of JAX."""

from pathlib import Path

import jax.random as jr
import numpy as np

from ebmark.cli._common import print_notes
from ebmark.cli.terminal_tables import print_columns, print_scores, unit_of
from ebmark.cli.user_energy import load_energy
from ebmark.datasets import DATASETS, DataSource, SyntheticDataset, UserDataset
from ebmark.datasets.tables import Points, read_points
from ebmark.errors import UserError, unknown
from ebmark.metrics import (
    MANY_POINTS,
    SAMPLE_METRICS,
    SampleMetric,
    additional_metrics,
    metrics_of_many_points,
    sample_metrics,
)
from ebmark.metrics.columns import compare_columns
from ebmark.metrics.scores import score_energy, score_samples

_MIN_SAMPLES = 10


def evaluate_energy(where: str, *, dataset: str | None, seed: int) -> int:
    """Print the metrics of an energy function on a built-in dataset.

    Args:
        where: FILE.py:FUNCTION.
        dataset: name of the dataset, 1-D or 2-D.
        seed: seed of the samples that are compared.

    Returns:
        The exit status.
    """
    if dataset is None:
        raise UserError("--energy requires --dataset. Pass the dataset that the energy models.")
    if dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    target = SyntheticDataset(dataset)
    if target.dim > 2:
        raise UserError(
            f"--energy supports 1-D and 2-D datasets only, but '{dataset}' has {target.dim} "
            "dimensions. Pass samples instead."
        )
    scores, num_samples = score_energy(load_energy(where, target.dim), target, seed)
    title = f"{where} on {dataset}: by quadrature, and from {num_samples} exact samples"
    print_scores(scores, title, unit_of(target))
    return 0


def evaluate_samples(
    path: Path,
    *,
    target_samples: Path | None,
    dataset: str | None,
    seed: int,
    all_metrics: bool,
    max_samples: int,
) -> int:
    """Print the metrics of samples against those of a target, with null ranges.

    Args:
        path: a file of samples.
        target_samples: a file of samples of the target.
        dataset: name of a built-in dataset, the target if there is no such file.
        seed: seed of the subsets that are compared.
        all_metrics: also compute the slower metrics.
        max_samples: maximum number of samples of each kind.

    Returns:
        The exit status.
    """
    if max_samples < _MIN_SAMPLES:
        raise UserError(f"--max-samples must be at least {_MIN_SAMPLES}, not {max_samples}.")
    if (target_samples is None) == (dataset is None):
        raise UserError(
            "Specify the target: pass exactly one of --target-samples FILE and --dataset NAME."
        )
    if dataset is not None and dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    given = read_points(path, for_training=False)
    print_notes(given.notes)
    x, target, columns = _match(path, given, target_samples, dataset)
    target_key, sample_key = jr.split(jr.key(seed))
    num = min(max_samples, len(x))
    if isinstance(target, UserDataset):
        # the null range needs two disjoint subsets
        num = min(num, len(target.points) // 2)
    samples = UserDataset("samples", x).draw(num, sample_key)
    if num == max_samples < len(x):
        print_notes([f"{num} of {len(x)} samples are compared; increase --max-samples."])
    metrics = _choose_metrics(target, all_metrics, num)
    target_x = target.draw(num, target_key)
    scores = score_samples(samples, target_x, target, metrics)
    print_scores(scores, f"{path.name} vs. {target.name}, {num} samples each", unit_of(target))
    if isinstance(target, UserDataset):
        print_columns(compare_columns(samples, target_x, target, columns))
    return 0


def _match(
    path: Path, given: Points, target_samples: Path | None, dataset: str | None
) -> tuple[np.ndarray, DataSource, tuple[str, ...]]:
    """Return the samples with their columns in the order of the target's, and the target."""
    if target_samples is None:
        assert dataset is not None
        target = SyntheticDataset(dataset)
        if len(given.columns) != target.dim:
            raise UserError(
                f"{path}: has {len(given.columns)} columns, but the target has {target.dim}."
            )
        return given.x, target, given.columns
    points = read_points(target_samples)
    print_notes(points.notes)
    try:
        x = given.in_order_of(points)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return x, UserDataset(target_samples.stem, points.x), points.columns


def _choose_metrics(target: DataSource, all_metrics: bool, num: int) -> dict[str, SampleMetric]:
    """Return the metrics by name; some are replaced by faster ones if there are many samples."""
    metrics = SAMPLE_METRICS | sample_metrics(target)
    if all_metrics:
        metrics |= additional_metrics(target)
    if num > MANY_POINTS:
        replacements = metrics_of_many_points(target)
        metrics = dict(replacements.get(name, (name, f)) for name, f in metrics.items())
    return metrics
