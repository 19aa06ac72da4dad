"""The training of one run: its data, its random streams and what it learns."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets import DataSource, load_source
from ebmark.datasets.preprocessing import Units, as_float32, fit_units
from ebmark.energies import Energy, Key, new_energy
from ebmark.methods import Recipe
from ebmark.training import recipes
from ebmark.training.early_stopping import train_with_early_stopping
from ebmark.training.model import Model
from ebmark.training.snapshots import Fit

Progress = Callable[[str, float], None]  # a stage of the run, and the fraction of it done
_STREAMS = ("data", "energy", "training", "start", "chains", "exact", "native")


@dataclasses.dataclass(frozen=True)
class Trained:
    """A finished training: the run's spec and random streams, its data, and what it learned.

    `train_x` and `test_x` are in data units, `train_z` is standardized.
    """

    spec: dict[str, Any]
    keys: dict[str, Key]
    recipe: Recipe
    source: DataSource
    standardizer: Units
    train_x: Float[np.ndarray, "train dim"]
    test_x: Float[np.ndarray, "test dim"]
    train_z: Float[Array, "train dim"]
    fit: Fit

    @property
    def last_step(self) -> int:
        """The updates after which the last snapshot was taken."""
        return self.fit.snapshots[-1].step

    @property
    def num_metric_samples(self) -> int:
        """How many samples each sample metric compares with as many test points."""
        return min(self.spec["num_metric_samples"], len(self.test_x))

    @property
    def model(self) -> Model | None:
        """The model file's content; None where training diverged before the first snapshot."""
        if not self.fit.snapshots:
            return None
        spec = self.spec | {"num_train": len(self.train_x)}
        return Model(self.fit.energy, self.standardizer, spec, None)


@dataclasses.dataclass(frozen=True)
class Untrained:
    """What a training starts from; `train_x` and `test_x` are in data units."""

    spec: dict[str, Any]
    keys: dict[str, Key]
    recipe: Recipe
    source: DataSource
    standardizer: Units
    train_x: Float[np.ndarray, "train dim"]
    test_x: Float[np.ndarray, "test dim"]
    energy: Energy

    @property
    def train_z(self) -> Float[Array, "train dim"]:
        """The training points, standardized."""
        return jnp.asarray(as_float32(self.standardizer, self.train_x))


def prepare_training(folder: Path, spec: dict[str, Any]) -> Untrained:
    """Draw the data and the initial energy of a run.

    Args:
        folder: the study's folder, which holds user data.
        spec: the run, as plain data.
    """
    keys = seed_keys(spec["seed"])
    source = load_source(spec, folder)
    train_x, test_x = source.split(spec["num_train"], spec["num_samples"], keys["data"])
    standardizer = fit_units(train_x)
    recipe = recipes.with_changes(spec["method"], spec["training"])
    energy = new_energy(
        spec["energy"],
        standardizer.transform(train_x),
        keys["energy"],
        num_extra_inputs=recipe.method.num_extra_inputs,
    )
    return Untrained(spec, keys, recipe, source, standardizer, train_x, test_x, energy)


def train_run(
    folder: Path,
    spec: dict[str, Any],
    progress: Progress,
    checkpoint_path: Path | None = None,
) -> Trained:
    """Draw the data of a run and train its recipe on them.

    Args:
        folder: the study's folder, which holds user data.
        spec: the run, as plain data.
        progress: called with a stage's name and the fraction of it done.
        checkpoint_path: where a long training is saved, and resumed from; None to save nothing.
    """
    start = prepare_training(folder, spec)
    train_x, _, train_z, fit = train_with_early_stopping(
        start.recipe,
        start.energy,
        start.train_x,
        start.standardizer,
        start.source.training_part(start.train_x).grid,
        spec["num_snapshots"],
        early=spec.get("early_stopping", False),
        choice_key=start.keys["choice"],
        choosing=lambda: progress("early stopping", 0.0),
        key=start.keys["training"],
        checkpoint_path=checkpoint_path,
        progress=lambda step, num_updates: progress("training", step / num_updates),
    )
    return Trained(
        spec,
        start.keys,
        start.recipe,
        start.source,
        start.standardizer,
        train_x,
        start.test_x,
        train_z,
        fit,
    )


def seed_keys(seed: int) -> dict[str, Key]:
    """Return the random streams of a seed by name.

    All methods of a dataset and seed share the data, the initial energy, the chains' starting
    points and their noise. The stream `training` is used by each method in its own way.
    """
    keys: dict[str, Key] = dict(zip(_STREAMS, jr.split(jr.key(seed), len(_STREAMS)), strict=True))
    # far from the indices by which keys are split
    keys["choice"] = jr.fold_in(keys["data"], 2**31 - 1)
    return keys
