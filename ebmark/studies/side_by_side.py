"""Runs of a study whose seeds are trained side by side, in one program."""

import time
from pathlib import Path
from typing import Any

from ebmark.store.locks import acquire_lock
from ebmark.studies.spec import run_id
from ebmark.studies.trained import Progress, Untrained, prepare_training
from ebmark.training.side_by_side import Seed, train_side_by_side
from ebmark.training.snapshots import evenly

_RETRY_SECONDS = 0.2  # until a worker looks again whether another one has trained its seed


def train_with_other_seeds(
    folder: Path, spec: dict[str, Any], checkpoint_path: Path, progress: Progress
) -> None:
    """Write the finished checkpoints of a run and of the other seeds of its program.

    The runs take them up, in any worker. Where another worker trains the program, wait for it.
    Without `seeds_per_program` in the spec, do nothing.

    Args:
        folder: the study's folder.
        spec: the run, as plain data.
        checkpoint_path: the checkpoint of this run.
        progress: called with a stage's name and the fraction of it done.
    """
    if "seeds_per_program" not in spec:
        return
    program = run_id({name: value for name, value in spec.items() if name != "seed"})
    num_seeds = spec["seeds_per_program"]
    first = spec["seed"] - spec["seed"] % num_seeds
    while not checkpoint_path.exists():
        with acquire_lock(folder, f"{program}-{first}") as lock:
            if lock is None:
                progress("waiting for the other seeds", 0.0)
                time.sleep(_RETRY_SECONDS)
            elif not checkpoint_path.exists():
                specs = [spec | {"seed": first + i} for i in range(num_seeds)]
                # a checkpoint that cannot be written leaves each run to be trained alone
                if not _train(folder, specs, progress) or not checkpoint_path.exists():
                    return


def _train(folder: Path, specs: list[dict[str, Any]], progress: Progress) -> bool:
    """Train the runs in one program; return False if each has to be trained alone."""
    starts = [prepare_training(folder, spec) for spec in specs]
    recipe = starts[0].recipe
    return train_side_by_side(
        recipe,
        [_seed(folder, start) for start in starts],
        evenly(recipe.num_updates, specs[0]["num_snapshots"]),
        lambda step, num_updates: progress("training", step / num_updates),
    )


def _seed(folder: Path, start: Untrained) -> Seed:
    path = folder / "runs" / f"{run_id(start.spec)}.ckpt"
    return Seed(start.energy, start.train_z, start.keys["training"], path)
