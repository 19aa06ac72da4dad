"""Early stopping selects the snapshot with the lowest NLL of held-out points."""

import dataclasses
import math

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import Grid, SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Confined, FourierMLP, Quadratic
from ebmark.methods import METHODS
from ebmark.studies.scores import training_scores
from ebmark.studies.trained import Trained
from ebmark.training.early_stopping import (
    has_overfitted,
    held_out_nll,
    select_best,
    snapshot_steps,
    split_validation,
    train_with_early_stopping,
)
from ebmark.training.loop import train
from ebmark.training.snapshots import Fit, Snapshot


def fitted(steps, divergence_reason=None):
    """A fit whose energies are its steps."""
    snapshots = [Snapshot(step, step, step, step, step / 10, step / 5) for step in steps]
    return Fit(snapshots, np.zeros(steps[-1]), divergence_reason, 0.0)


def test_snapshot_steps_are_halvings_and_even():
    assert snapshot_steps(640, 4) == [1, 2, 5, 10, 20, 40, 80, 160, 320, 480, 640]
    assert snapshot_steps(3, 8) == [1, 2, 3]


def test_split_validation_is_a_partition():
    x = np.arange(200.0).reshape(100, 2)
    train_x, held_out = split_validation(x, jr.key(0))
    assert len(held_out) == 10
    assert sorted(map(tuple, np.concatenate([train_x, held_out]))) == sorted(map(tuple, x))


def test_select_best_is_cumulative():
    best = select_best(fitted([1, 2, 4, 8]), [3.0, 1.0, math.inf, 2.0], [1, 2, 4, 8])
    assert [s.energy for s in best.snapshots] == [1, 2, 2, 2]
    assert [s.step for s in best.snapshots] == [1, 2, 4, 8]
    assert [s.cpu_seconds for s in best.snapshots] == [0.2, 0.4, 0.8, 1.6]
    assert best.best_step == 2 and "after 2 of 8 updates" in best.stopped


def test_cost_is_that_of_the_updates_made():
    """A training that ends after 4 of 16 planned updates costs 4."""
    fit = select_best(fitted([1, 2, 4]), [2.0, 1.0, 3.0], [1, 2, 4, 8, 16])
    x = np.zeros((2, 2))
    source, units = SyntheticDataset("half_moons"), Standardizer(np.zeros(2), np.ones(2))
    trained = Trained({}, {}, METHODS["dsm"], source, units, x, x, jnp.asarray(x), fit)
    rows = training_scores(trained).rows
    costs = [cost for _, metric, cost in rows if metric == "network_evaluations"]
    assert costs == [costs[0] * factor for factor in (1, 2, 4, 4, 4)]


def test_select_best_keeps_best_before_divergence():
    best = select_best(fitted([1, 2], "the loss is not finite"), [1.0, 5.0], [1, 2, 4])
    assert best.divergence_reason is None and "the loss is not finite" in best.stopped
    assert [(s.step, s.energy) for s in best.snapshots] == [(1, 1), (2, 1), (4, 1)]


def test_select_best_without_finite_score():
    fit = fitted([1, 2], "diverged")
    assert select_best(fit, [math.inf, math.inf], [1, 2, 4]) is fit


def test_select_best_of_ended_training_says_so():
    best = select_best(fitted([1, 2]), [1.0, 5.0], [1, 2, 4])
    assert best.stopped.endswith("after 1 of 4 updates; training ended after 2.")
    assert [(s.step, s.energy) for s in best.snapshots] == [(1, 1), (2, 1), (4, 1)]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([2.0, 2.6, 2.7, 2.8], True),
        ([2.0, 2.4, 2.7, 2.8], False),  # one is near
        ([2.0, 2.6, math.inf, math.inf], True),  # unresolved is the worst
        ([math.inf] * 4, False),  # there is no best one yet
        ([2.0, 2.6, 2.7], False),
        ([3.0, 2.0, 2.6, 2.7], False),
    ],
)
def test_overfitting_is_three_bad_snapshots(scores, expected):
    assert has_overfitted(dict(zip([1, 2, 4, 8], scores))) is expected


def test_training_ends_where_it_overfits():
    """A network of high frequencies on 60 Gaussian points."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    units = Standardizer.fit(x)
    recipe = dataclasses.replace(METHODS["nce"], num_updates=4_000, learning_rate=1e-2)
    network = Confined(FourierMLP(2, bandwidth=3.0, key=jr.key(5)))
    grid = Grid((-6.0, -6.0), (6.0, 6.0), 128)
    done = []
    fit = train_with_early_stopping(
        recipe,
        network,
        x,
        units,
        lambda: grid,
        8,
        early=True,
        choice_key=jr.key(0),
        key=jr.key(1),
        progress=lambda step, num: done.append((step, num)),
    )[-1]
    assert done[-1][0] == done[-1][1] < 4_000
    assert fit.best_step * 4 <= len(fit.losses) == done[-1][0]
    assert fit.snapshots[-1].step == 4_000 and fit.divergence_reason is None


@pytest.mark.parametrize("dim", [1, 2, pytest.param(3, marks=pytest.mark.full)])
def test_held_out_nll_is_in_data_units(dim):
    """By quadrature to 1e-4; by annealing to 0.2, 5 standard errors."""
    scale = np.arange(1.0, dim + 1)
    units = Standardizer(np.zeros(dim), scale)
    x = scale * np.asarray(jr.normal(jr.key(1), (400, dim)))
    grid = Grid(tuple(-8 * scale), tuple(8 * scale), 64)
    z = jnp.asarray(units.transform(x), jnp.float32)
    score = held_out_nll(x, units, grid, z, jr.key(2))(Quadratic(jnp.array(2.0), jnp.zeros(dim)))
    # NLL of N(0, scale^2 / 2)
    expected = np.mean(np.sum((x / scale) ** 2, axis=1)) + np.sum(np.log(scale * np.sqrt(np.pi)))
    assert score == pytest.approx(expected, abs=1e-4 if dim <= 2 else 0.2)


@pytest.mark.full
@pytest.mark.parametrize("method", ["ed", "nce", "cd"])
def test_early_stopping_prevents_overfitting(method):
    """100 points of half-moons: NLL of 2,000 test points under the selected and the last energy."""
    train_x, test_x = SyntheticDataset("half_moons").split(100, 2_000, jr.key(3))
    units = Standardizer.fit(train_x)
    grid = SyntheticDataset("half_moons").grid()
    fit_x, held_out = split_validation(train_x, jr.key(4))
    recipe = dataclasses.replace(METHODS[method], num_updates=2_000)
    if method == "cd":  # Metropolis-adjusted chains do not diverge
        unadjusted = dataclasses.replace(recipe.method, adjusted=False)
        recipe = dataclasses.replace(recipe, method=unadjusted)
    steps = snapshot_steps(recipe.num_updates, 8)
    z = jnp.asarray(units.transform(fit_x), jnp.float32)
    network = Confined(FourierMLP(2, key=jr.key(5)))
    fit = train(recipe, network, z, key=jr.key(6), snapshot_steps=steps)
    score = held_out_nll(held_out, units, grid, z, jr.key(7))
    selected = select_best(fit, [score(one.energy) for one in fit.snapshots], steps)
    test_nll = held_out_nll(test_x, units, grid, z, jr.key(7))
    entropy = 1.0076
    gaussian_nll = 2.2
    assert entropy < test_nll(selected.energy) < gaussian_nll
    assert selected.best_step < recipe.num_updates
    # CD diverges here, so that its last snapshot is an early one
    has_diverged = fit.divergence_reason is not None
    assert has_diverged == (method == "cd")
    assert has_diverged or test_nll(selected.energy) < test_nll(fit.energy) - 0.3
    assert selected.divergence_reason is None
    assert ("Training diverged" in selected.stopped) == has_diverged
