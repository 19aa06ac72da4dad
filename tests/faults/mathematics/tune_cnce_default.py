"""A user tunes cnce: what the search is told of the default recipe must be what that recipe was trained with."""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optuna

from ebmark.studies.tuning import search
from ebmark.training import recipes
from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.studies.study import Study, validated
from ebmark.studies.tuning.tune import Effort, search_spec

NAME = "tune_cnce_default"
WANT = "no width told of it but the one it was trained with: the search is told none, or nothing of this trial, or the trial has that width"
LAW = "eight_gaussians"
AXIS = "method.width"


def end(fault, said):
    """The one line, and the exit status."""
    print(f"FAULT {NAME}: got {fault}, want {WANT}" if fault else f"ok {NAME}: {said}")
    sys.exit(bool(fault))


trained = []  # the recipe of each trial
told = {}  # the score of a trial -> what the estimator (TPE) is told that it had


def no_training(folder, spec):
    """In place of a training: the trial's number is its score."""
    trained.append(spec["training"])
    return float(len(trained))


def ask(study, *args, _ask=optuna.study.Study.ask, **more):
    """Note what the estimator knows whenever it is asked for the next point."""
    for trial in study.get_trials(deepcopy=False):
        if trial.value is not None:
            told[trial.value] = dict(trial.params)
    return _ask(study, *args, **more)


search.evaluate_objective = no_training
optuna.study.Study.ask = ask
study = validated(Study(methods=("cnce",), datasets=(LAW,)))
spec = search_spec(study, SyntheticDataset(LAW), "cnce", Effort(trials=4, seeds=1))
with tempfile.TemporaryDirectory(prefix="fault-") as place:
    (Path(place) / "runs").mkdir()
    search.run_search(Path(place), "search", spec, lambda what, share: None)
if not told:
    end("a search that never asked its estimator", "")

# The widths that a recipe moves the data by, from the narrowest to the widest, as its training has them.
points = SyntheticDataset(LAW).draw(2_000, jr.key(0))
z = jnp.asarray(Standardizer.fit(points).transform(points), jnp.float32)
fault = None
said = []
for score, params in sorted(told.items()):
    width = params.get(AXIS)
    if width is None:
        said.append(f"trial {score:.0f}: no width is told")
        continue
    recipe = recipes.with_changes("cnce", trained[int(score) - 1])
    widths = np.array([float(one) for one in jax.tree.leaves(recipe.method.init(z, jr.key(1)))])
    line = f"trial {score:.0f} told to have width {width:.3g}, trained with {widths.min():.3g} to {widths.max():.3g}"
    said.append(line)
    # The law's own scale and its estimate from points differ a little.
    if widths.min() < width / 1.5 or widths.max() > width * 1.5:
        fault = fault or line
end(fault, "; ".join(said))
