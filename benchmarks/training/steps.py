"""Milliseconds per update: equal network, data, batch size and settings in all libraries."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from benchmarks._clock import Task, make_task, measure_in_turn
from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import MLP, Energy, Network, new_energy
from ebmark.methods import (
    ContrastiveDivergence,
    DenoisingScoreMatching,
    NoiseContrastiveEstimation,
    PersistentContrastiveDivergence,
    Recipe,
)
from ebmark.methods.external import EXTERNAL_METHODS
from ebmark.training.loop import train
from ebmark.training.recipes import RECIPES

STEP_SIZE = 0.001
SIGMA = 0.1
NUM_STEPS = 20

# Of each case: ebmark's method, the settings that make the external methods equal to it, and the
# number of updates in one measurement.
CASES: dict[str, tuple[Any, dict[str, Any], int]] = {
    "cd-20": (
        ContrastiveDivergence(num_steps=NUM_STEPS, step_size=STEP_SIZE, adjusted=False),
        {"num_steps": NUM_STEPS, "step_size": STEP_SIZE},
        100,
    ),
    "pcd-20": (
        PersistentContrastiveDivergence(
            num_steps=NUM_STEPS, step_size=STEP_SIZE, num_chains=8_192, adjusted=False
        ),
        {"num_steps": NUM_STEPS, "step_size": STEP_SIZE},
        100,
    ),
    "dsm": (DenoisingScoreMatching(sigma=SIGMA), {"sigma": SIGMA}, 500),
    "nce": (NoiseContrastiveEstimation(ratio=1), {"ratio": 1}, 500),
}

# Number of updates in one measurement of each default recipe.
DEFAULT_RECIPE_UPDATES = {
    "cd": 250,
    "pcd": 250,
    "dsm": 500,
    "nce": 500,
    "torchebm/cd": 60,
    "torchebm/pcd": 60,
    "torchebm/dsm": 300,
    "ebmkit/cd": 25,
    "ebmkit/pcd": 25,
    "ebmkit/dsm": 300,
    "ebmkit/nce": 300,
}


def step(case: str, repeats: int) -> dict[str, Any]:
    """Measure an update of an MLP 2-128-128-1 (SiLU) with batch size 256 in each library."""
    method, settings, num_updates = CASES[case]
    data = draw_points("eight_gaussians")
    recipe = Recipe(method=method, num_updates=num_updates)
    tasks = {"ebmark": train_task(recipe, plain_mlp(), data)}
    for library in ("torchebm", "ebmkit"):
        name = f"{library}/{case.split('-')[0]}"
        if name in EXTERNAL_METHODS:
            default = EXTERNAL_METHODS[name]
            equal_method = dataclasses.replace(default.method, **settings)
            recipe = dataclasses.replace(default, method=equal_method, ema_decay=0.0)
            tasks[library] = external_task(recipe, data, num_updates)
    seconds = measure_in_turn(tasks, repeats)
    return _per_update(seconds, dict.fromkeys(seconds, num_updates))


def default_recipes(repeats: int) -> dict[str, Any]:
    """Measure an update of each method with its library's default recipe and network."""
    data = draw_points("half_moons")
    tasks = {}
    for name, num_updates in DEFAULT_RECIPE_UPDATES.items():
        recipe = dataclasses.replace(RECIPES[name], num_updates=num_updates)
        if name in EXTERNAL_METHODS:
            tasks[name] = external_task(recipe, data, num_updates)
        else:
            network = new_energy(dataclasses.asdict(Network()), data, jr.key(1))
            tasks[name] = train_task(recipe, network, data)
    return _per_update(measure_in_turn(tasks, repeats), DEFAULT_RECIPE_UPDATES)


def _per_update(seconds: dict[str, list[float]], num_updates: dict[str, int]) -> dict[str, Any]:
    milliseconds = {
        name: [1e3 * value / num_updates[name] for value in values]
        for name, values in seconds.items()
    }
    return {"unit": "ms per update", "seconds": milliseconds}


def draw_points(dataset: str) -> Float[Array, "n 2"]:
    """Return 10,000 standardized points of a dataset."""
    x = SyntheticDataset(dataset).draw(10_000, jr.key(0))
    return jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)


def plain_mlp() -> MLP:
    """Return the network of the external libraries' examples, an MLP 2-128-128-1."""
    return MLP(2, width=128, depth=2, key=jr.key(1))


def train_task(recipe: Recipe, energy: Energy, data: Float[Array, "n 2"]) -> Task:
    """Return the task of a training in ebmark, without compilation."""
    return lambda: train(recipe, energy, data, key=jr.key(2)).snapshots[-1].cpu_seconds


def external_task(recipe: Recipe, data: Float[Array, "n 2"], num_updates: int) -> Task:
    """Return the task of an external library's own training loop, without its setup."""
    import torch

    torch.manual_seed(0)
    _, advance = recipe.method.prepare(recipe, torch.tensor(np.asarray(data)))
    return make_task(lambda: advance(num_updates))
