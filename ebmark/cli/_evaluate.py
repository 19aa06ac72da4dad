"""What `ebmark evaluate` does."""

from pathlib import Path

import jax.random as jr

from ebmark.cli._common import _MOST_COMPARED, _say, checked_seed
from ebmark.cli.terminal_tables import print_scores
from ebmark.cli.user_energy import load_energy
from ebmark.datasets import DATASETS, DataSource, SyntheticDataset, UserDataset
from ebmark.datasets.tables import read_points
from ebmark.errors import UserError, unknown
from ebmark.metrics import (
    MANY_POINTS,
    OF_MANY_POINTS,
    SAMPLE_METRICS,
    additional_metrics,
    sample_metrics,
)
from ebmark.metrics.scores import score_energy, score_samples


def evaluate_energy(where: str, *, dataset: str | None, seed: int) -> int:
    """`ebmark evaluate --energy FILE.py:FUNCTION`."""
    if dataset is None:
        raise UserError("--energy wants --dataset: the law that the energy should be of")
    if dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    law = SyntheticDataset(dataset)
    if law.dim > 2:
        raise UserError(
            f"--energy integrates on a grid, in 1 or 2 dimensions; {dataset} has {law.dim}: "
            "give samples instead"
        )
    scores, num = score_energy(load_energy(where, law.dim), law, seed)
    print_scores(scores, f"{where} against {dataset}: by quadrature, and {num} exact samples")
    return 0


def evaluate_samples(
    path: Path,
    *,
    target_samples: Path | None,
    dataset: str | None,
    seed: int,
    all_metrics: bool = False,
    max_samples: int = _MOST_COMPARED,
) -> int:
    """`ebmark evaluate`."""
    if max_samples < 10:
        raise UserError(f"--max-samples must be at least 10, not {max_samples}")
    if (target_samples is None) == (dataset is None):
        raise UserError(
            "Specify the target: pass exactly one of --target-samples FILE and --dataset NAME."
        )
    if dataset is not None and dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    samples = read_points(path)
    _say(samples.notes)
    key = jr.key(checked_seed(seed))
    truth_key, sample_key = jr.split(key)
    source: DataSource
    if dataset is not None:
        source = SyntheticDataset(dataset)
        limit = max_samples
    else:
        points = read_points(target_samples)
        _say(points.notes)
        source = UserDataset(target_samples.stem, points.x)
        limit = min(max_samples, len(points.x) // 2)
    if samples.x.shape[1] != source.dim:
        raise UserError(f"{path}: has {samples.x.shape[1]} columns, and the truth has {source.dim}")
    num = min(limit, len(samples.x))
    drawn = UserDataset("samples", samples.x).draw(num, sample_key)
    if num == max_samples < len(samples.x):
        _say([f"{len(samples.x)} points given, {num} of them compared: --max-samples N for more"])
    metrics = (
        SAMPLE_METRICS
        | sample_metrics(source)
        | (additional_metrics(source) if all_metrics else {})
    )
    if num > MANY_POINTS:
        metrics = dict(OF_MANY_POINTS.get(name, (name, f)) for name, f in metrics.items())
    scores = score_samples(drawn, source.draw(num, truth_key), source, metrics)
    print_scores(scores, f"{path.name} against {source.name}, {num} points of each")
    return 0
