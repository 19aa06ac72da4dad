"""One run: trained, sampled, evaluated and written. Every engine executes runs by this function."""

import math
import time
from pathlib import Path
from typing import Any

from ebmark.studies.density_scores import (
    annealed_scores,
    density_scores,
    exact_scores,
    final_objective,
)
from ebmark.studies.langevin_scores import langevin_scores
from ebmark.studies.run_folder import as_result, write_run
from ebmark.studies.scores import mark_diverged, native_scores, training_scores
from ebmark.studies.side_by_side import train_with_other_seeds
from ebmark.studies.trained import Progress, train_run
from ebmark.system.devices import full_matmul_precision


def _ignore(stage: str, fraction: float) -> None:
    """Report no progress."""


@full_matmul_precision
def execute_run(
    folder: Path, name: str, spec: dict[str, Any], progress: Progress = _ignore
) -> None:
    """Execute one run (train, sample, evaluate) and write its results atomically.

    A long training is saved as `runs/NAME.ckpt` and resumes from there after an interruption.

    Args:
        folder: the study's folder; the results appear in `runs/NAME`.
        name: the run's id, `run_id(spec)`.
        spec: the run, as plain data.
        progress: called with a stage's name and the fraction of it done.

    Raises:
        UserError: if user data are damaged or a file cannot be written.
    """
    start = time.perf_counter()
    checkpoint_path = folder / "runs" / f"{name}.ckpt"
    train_with_other_seeds(folder, spec, checkpoint_path, progress)
    trained = train_run(folder, spec, progress, checkpoint_path)
    scores = training_scores(trained)
    scores = scores.join(density_scores(trained, progress))
    for stage in (langevin_scores, exact_scores, annealed_scores, native_scores):
        if scores.divergence_reason is None:
            scores = scores.join(stage(trained, scores, progress))
    if scores.divergence_reason is not None:
        scores = mark_diverged(trained, scores)
    result = as_result(scores, trained.fit.stopped, time.perf_counter() - start)
    write_run(folder, name, spec, result, scores.arrays, trained.model)
    checkpoint_path.unlink(missing_ok=True)


@full_matmul_precision
def evaluate_objective(folder: Path, spec: dict[str, Any]) -> float:
    """Train a run and return only what a search minimizes, in nats; infinite if it diverged.

    This is KL(target || model), or the NLL of held-out points of user data.
    """
    trained = train_run(folder, spec, _ignore)
    if trained.fit.divergence_reason is not None:
        return math.inf
    objective = final_objective(trained)
    return objective if math.isfinite(objective) else math.inf
