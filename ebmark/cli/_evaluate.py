"""The work of `ebmark evaluate`, behind the imports of JAX."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax.random as jr
import numpy as np

from ebmark.cli._common import print_notes
from ebmark.cli._flags import name_flags
from ebmark.cli.terminal_tables import (
    Likelihood,
    print_columns,
    print_likelihoods,
    print_scores,
    unit_of,
)
from ebmark.datasets import DATASETS, DataSource, SyntheticDataset, UserDataset
from ebmark.datasets.tables import Points, read_points, read_table
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
from ebmark.metrics.own_energy import score_own_energy
from ebmark.metrics.scores import Score, score_samples
from ebmark.system.threads import keep_compiled_programs

if TYPE_CHECKING:
    from ebmark.estimator import EnergyModel


def evaluate_energy(where: str, *, dataset: str | None, seed: int) -> int:
    """Print the metrics of an energy function on a built-in dataset.

    Args:
        where: FILE.py:FUNCTION.
        dataset: name of the dataset; for d > 2 the function must be written in JAX.
        seed: seed of the samples that are compared.

    Returns:
        The exit status.
    """
    if dataset is None:
        raise UserError("--energy requires --dataset. Pass the dataset that the energy models.")
    if dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    target = SyntheticDataset(dataset)
    from ebmark.cli.user_energy import load_energy

    keep_compiled_programs()
    scores, num_samples = score_own_energy(load_energy(where, target.dim), target, seed)
    ways = ("quadrature", "exact samples") if target.dim <= 2 else ("annealing", "SMC samples")
    title = f"{where} on {dataset}: by {ways[0]}, and from {num_samples} {ways[1]}"
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
    if (target_samples is None) == (dataset is None):
        raise UserError(
            "Specify the target: pass exactly one of --target-samples FILE and --dataset NAME."
        )
    if dataset is not None and dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    given = read_points(path, for_training=False)
    print_notes(given.notes)
    x, target, columns = _match(path, given, target_samples, dataset)
    title = f"{path.name} vs. {target.name}"
    options = {"all_metrics": all_metrics, "max_samples": max_samples}
    _compare(x, target, columns, title, seed=seed, **options)
    return 0


def _compare(
    x: np.ndarray,
    target: DataSource,
    columns: tuple[str, ...],
    title: str,
    *,
    seed: int,
    all_metrics: bool,
    max_samples: int,
) -> None:
    """Print the metrics of samples, drawn at random if there are too many."""
    keep_compiled_programs()
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
    print_comparison(samples, target_x, target, metrics, f"{title}, {num} samples each", columns)


def print_comparison(
    x: np.ndarray,
    target_x: np.ndarray,
    target: DataSource,
    metrics: dict[str, SampleMetric],
    title: str,
    columns: Sequence[str],
    *,
    nll: float | None = None,
) -> None:
    """Print the metrics of samples with null ranges and, of user data, the columns.

    Args:
        x: the samples.
        target_x: samples of the target.
        target: the target, from which null ranges are computed.
        metrics: the metrics by name.
        title: the title of the table.
        columns: names of the columns.
        nll: negative log-likelihood of the target points in nats, printed first; None if unknown.
    """
    scores = [] if nll is None else [Score("nll", nll)]
    scores += score_samples(x, target_x, target, metrics)
    print_scores(scores, title, unit_of(target))
    if isinstance(target, UserDataset):
        print_columns(compare_columns(x, target_x, target, columns))


def evaluate_model(
    path: Path, model_path: Path, *, target_samples: Path | None, seed: int, **options: Any
) -> int:
    """Print the likelihood of a table's rows under a model and compare its samples with them.

    Args:
        path: the file of the table, with the columns that the model was fitted to.
        model_path: the model file.
        target_samples: a file of rows; if given, those of `path` are compared with them instead,
            by the columns of the model.
        seed: seed of the samples.
        options: `all_metrics` and `max_samples`, as for `evaluate_samples`.

    Returns:
        The exit status.
    """
    # the estimator loads scikit-learn
    from ebmark.estimator import load

    model = load(model_path)
    x = _encode(model, path)
    names = tuple(model.encoded_names)
    if target_samples is not None:
        target = UserDataset(target_samples.stem, _encode(model, target_samples))
        title = f"{path.name} vs. {target.name}"
    else:
        rows = model.decode(x)
        own = model.compare(rows, random_state=seed)[0]
        print_likelihoods(
            Likelihood(own.name, own.value, model.log_z_error_), (), f"{len(x):,} rows"
        )
        target = UserDataset(path.stem, x)
        num = min(options["max_samples"], len(x))
        x = model.encode(model.sample(num, random_state=seed))
        title = f"{model_path.name} vs. {target.name}"
    _compare(x, target, names, title, seed=seed, **options)
    return 0


def _encode(model: "EnergyModel", path: Path) -> np.ndarray:
    """Read the complete rows of a table, in the numbers of a model."""
    frame, notes = read_table(path, find_dropped=model.find_dropped)
    complete = frame.dropna()
    if len(complete) < len(frame):
        num = len(frame) - len(complete)
        notes = (*notes, f"{num} of {len(frame)} rows have missing values and are left out.")
    print_notes(notes)
    try:
        return model.encode(complete)
    except ValueError as error:
        raise UserError(f"{path}: {name_flags(str(error))}") from error


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
