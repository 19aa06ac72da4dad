"""Seconds an update: the same network, data, batch and settings in all three libraries."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks._clock import Task, in_turn, timed
from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import MLP, Network, new_energy
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

STEP, SIGMA, CHAIN = 0.001, 0.1, 20
# ebmark's method; the settings that make the rivals' equal to it; updates in one measurement
CASES: dict[str, tuple[Any, dict[str, Any], int]] = {
    "cd-20": (
        ContrastiveDivergence(num_steps=CHAIN, step_size=STEP, adjusted=False),
        {"num_steps": CHAIN, "step_size": STEP},
        100,
    ),
    "pcd-20": (
        PersistentContrastiveDivergence(
            num_steps=CHAIN, step_size=STEP, num_chains=8_192, adjusted=False
        ),
        {"num_steps": CHAIN, "step_size": STEP},
        100,
    ),
    "dsm": (DenoisingScoreMatching(sigma=SIGMA), {"sigma": SIGMA}, 500),
    "nce": (NoiseContrastiveEstimation(ratio=1), {"ratio": 1}, 500),
}


def step(case: str, repeats: int) -> dict[str, Any]:
    """Milliseconds an update of the perceptron 2-128-128-1, silu, batch 256."""
    method, settings, updates = CASES[case]
    data, name = points("eight_gaussians"), case.split("-")[0]
    tasks = {"ebmark": ours(Recipe(method=method, num_updates=updates), plain(), data)}
    for library in ("torchebm", "ebmkit"):
        if f"{library}/{name}" in EXTERNAL_METHODS:
            recipe = EXTERNAL_METHODS[f"{library}/{name}"]
            recipe = dataclasses.replace(
                recipe, method=dataclasses.replace(recipe.method, **settings), ema_decay=0.0
            )
            tasks[library] = theirs(recipe, data, updates)
    seconds = in_turn(tasks, repeats)
    return {
        "unit": "ms an update",
        "seconds": {who: [1e3 * s / updates for s in found] for who, found in seconds.items()},
    }


# ebmark's methods beside each library's, as each is documented; updates in one measurement
OWN = {
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


def own(repeats: int) -> dict[str, Any]:
    """Milliseconds an update of each method at its library's own recipe and network."""
    data, tasks = points("half_moons"), {}
    for name, updates in OWN.items():
        recipe = dataclasses.replace(RECIPES[name], num_updates=updates)
        if name in EXTERNAL_METHODS:
            tasks[name] = theirs(recipe, data, updates)
        else:
            network = new_energy(dataclasses.asdict(Network()), data, jr.key(1))
            tasks[name] = ours(recipe, network, data)
    seconds = in_turn(tasks, repeats)
    return {
        "unit": "ms an update",
        "seconds": {who: [1e3 * s / OWN[who] for s in found] for who, found in seconds.items()},
    }


def points(dataset: str):
    """10,000 points of a law, standardised."""
    x = SyntheticDataset(dataset).draw(10_000, jr.key(0))
    return jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)


def plain() -> MLP:
    """The network of the rivals' examples."""
    return MLP(2, width=128, depth=2, key=jr.key(1))


def ours(recipe: Recipe, energy, data) -> Task:
    """A run's seconds of training; compilation is counted apart."""
    return lambda: train(recipe, energy, data, key=jr.key(2)).snapshots[-1].cpu_seconds


def theirs(recipe: Recipe, data, updates: int) -> Task:
    """A rival's own loop, already set up."""
    import torch

    torch.manual_seed(0)
    _, advance = recipe.method.prepare(recipe, torch.tensor(np.asarray(data)))
    return timed(lambda: advance(updates))
