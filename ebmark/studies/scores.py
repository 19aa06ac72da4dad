"""What every stage of a run's evaluation shares: its scores, and those of any sample.

Each stage takes a `Trained` and returns `Scores`. Samples are in data units, energies in nats.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.energies import Key
from ebmark.metrics import sample_metrics
from ebmark.partition_function import GridDensity
from ebmark.studies.trained import Progress, Trained

_MAX_KEPT = 10_000  # training points that a run stores
Row = tuple[int, str, float]  # step, metric, value
Samples = Float[np.ndarray, "_ dim"]


class Scores(NamedTuple):
    """What stages measured: rows, arrays to keep, and why the run diverged, if it did."""

    rows: list[Row]
    arrays: dict[str, np.ndarray]
    divergence_reason: str | None = None
    density: GridDensity | None = None  # of the last snapshot; None for d > 2

    def join(self, other: "Scores") -> "Scores":
        """Return these scores followed by others; the first reason and density are kept."""
        return Scores(
            self.rows + other.rows,
            self.arrays | other.arrays,
            self.divergence_reason or other.divergence_reason,
            self.density or other.density,
        )


NO_SCORES = Scores([], {})


def training_scores(trained: Trained) -> Scores:
    """Return the cost of training up to each snapshot, the data and the losses."""
    fit = trained.fit
    recipe = trained.recipe
    per_update = recipe.method.network_evaluations(recipe.batch_size, trained.source.dim)
    # early stopping has a snapshot at each planned step, also after the end of the training
    num_made = recipe.num_updates if fit.best_step is None else len(fit.losses)
    rows: list[Row] = []
    for snapshot in fit.snapshots:
        rows += [
            (snapshot.step, "train_seconds", snapshot.seconds),
            (snapshot.step, "train_cpu_seconds", snapshot.cpu_seconds),
            (snapshot.step, "network_evaluations", per_update * min(snapshot.step, num_made)),
        ]
    if fit.best_step is not None:
        rows.append((recipe.num_updates, "best_step", fit.best_step))
    rows.append((recipe.num_updates, "compile_seconds", fit.compile_seconds))
    arrays = {"train": trained.train_x[:_MAX_KEPT], "test": trained.test_x, "losses": fit.losses}
    return Scores(rows, arrays, fit.divergence_reason)


def as_rows(step: int, values: Mapping[str, float]) -> list[Row]:
    return [(step, metric, value) for metric, value in values.items()]


def sample_values(trained: Trained, x: Samples, kind: str) -> dict[str, float]:
    """Return every sample metric between the samples and the test points."""
    num = trained.num_metric_samples
    metrics = sample_metrics(trained.source)
    return {f"{name}_{kind}": f(x[:num], trained.test_x[:num]) for name, f in metrics.items()}


def sampling_error(
    trained: Trained, langevin: Samples, exact: Samples, pair: tuple[Samples, Samples]
) -> dict[str, float]:
    """Return W1 between Langevin and exact samples of one energy, and its null value.

    The null value is W1 between a `pair` of exact samples of that energy. The null range of the
    target does not apply, as a broader distribution has a larger one. A difference of distances to
    the target is negative where unconverged chains lie closer to the target than the model does.
    """
    w1 = sample_metrics(trained.source)["w1"]
    return {"w1_sampling_error": w1(langevin, exact), "w1_sampling_error_null": w1(*pair)}


def native_scores(trained: Trained, scores: Scores, progress: Progress) -> Scores:
    """Return the method's diagnostics, and the metrics of its native sampler if it has one."""
    del scores, progress
    snapshot = trained.fit.snapshots[-1]
    sample_key, diagnostics_key = jr.split(trained.keys["native"])
    diagnose = eqx.filter_jit(trained.recipe.method.diagnostics)
    diagnostics = diagnose(snapshot.trainable, trained.fit.state, trained.train_z, diagnostics_key)
    rows = as_rows(snapshot.step, {name: float(value) for name, value in diagnostics.items()})
    draws = draw_native(trained, trained.spec["num_samples"], sample_key)
    if draws is None:
        return Scores(rows, {})
    x = trained.standardizer.inverse_transform(np.asarray(draws))
    rows += as_rows(snapshot.step, sample_values(trained, x, "native"))
    return Scores(rows, {"native": x})


def draw_native(trained: Trained, num: int, key: Key) -> Float[Array, "n dim"] | None:
    """Draw standardized samples by the method's native sampler; None if it has none."""
    draw = eqx.filter_jit(trained.recipe.method.sample)
    return draw(trained.fit.snapshots[-1].trainable, trained.fit.state, num, key)


def mark_diverged(trained: Trained, scores: Scores) -> Scores:
    """Drop what was measured at the last update, and give every final metric the value NaN."""
    last = trained.recipe.num_updates
    rows = [row for row in scores.rows if row[0] < last]
    rows += [(last, metric, math.nan) for metric in _final_metrics(trained.source)]
    return scores._replace(rows=rows)


def _final_metrics(source: DataSource) -> list[str]:
    """Return the metrics that a diverged run has no value of."""
    has_grid = source.dim <= 2
    has_target = isinstance(source, SyntheticDataset)
    names: list[str] = []
    if has_target:
        names += ["kl", "fisher_divergence"]
    if has_target and has_grid:
        names += ["tv", "kl_off_support", "kl_mode_weights", "kl_within_mode", "mode_weight_tv"]
    if has_target or has_grid:
        names.append("nll")
    kinds = ("langevin", "exact" if has_grid else "smc")
    names += [f"{metric}_{kind}" for metric in sample_metrics(source) for kind in kinds]
    return [*names, "w1_sampling_error"]
