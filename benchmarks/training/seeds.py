"""Cost of ten seeds relative to one: sequential, as in a study, and vectorized by vmap."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.random as jr

from benchmarks.training.steps import draw_points
from ebmark.energies import Network, new_energy
from ebmark.methods import METHODS
from ebmark.training.loop import train
from ebmark.training.side_by_side import Seed, train_side_by_side

NUM_SEEDS = 10


def seeds() -> dict[str, Any]:
    """Measure NCE with its default recipe: all of `train`, with its program read from disk."""
    data = draw_points("half_moons")
    recipe = METHODS["nce"]
    energies = [new_energy(vars(Network()), data, jr.key(seed)) for seed in range(NUM_SEEDS)]

    def train_sequentially(num_seeds: int) -> None:
        for seed in range(num_seeds):
            train(recipe, energies[seed], data, key=jr.key(seed))

    # The first training writes the compiled program to disk.
    train_sequentially(1)

    def train_together() -> None:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{seed}.ckpt" for seed in range(NUM_SEEDS)]
            together = [
                Seed(energy, data, jr.key(seed), path)
                for seed, (energy, path) in enumerate(zip(energies, paths, strict=True))
            ]
            assert train_side_by_side(recipe, together, [recipe.num_updates])

    variants = {
        "1 seed": lambda: train_sequentially(1),
        "10 seeds, sequential": lambda: train_sequentially(NUM_SEEDS),
        "10 seeds, vmap": train_together,
    }
    seconds = {name: [_seconds_of_new_process(work)] for name, work in variants.items()}
    return {"unit": "s", "seconds": seconds}


def _seconds_of_new_process(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the work in a process that has no program in memory."""
    jax.clear_caches()
    start = time.process_time()
    work()
    return time.process_time() - start
