"""Early stopping keeps what unseen points find likeliest, and says what became of the rest."""

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
from ebmark.training.early_stopping import (
    held_out_nll,
    select_best,
    snapshot_steps,
    split_validation,
)
from ebmark.training.loop import train
from ebmark.training.snapshots import Fit, Snapshot


def fitted(steps, divergence_reason=None):
    """A fit whose energies are their steps."""
    snapshots = [Snapshot(step, step, step, step, step / 10, step / 5) for step in steps]
    return Fit(snapshots, np.zeros(steps[-1]), divergence_reason, 0.0)


def test_looks_are_early_and_even_and_the_last_is_the_end():
    assert snapshot_steps(640, 4) == [10, 20, 40, 80, 160, 320, 480, 640]
    assert snapshot_steps(3, 8) == [1, 2, 3]


def test_the_points_that_choose_are_a_tenth_and_none_is_trained_on():
    x = np.arange(200.0).reshape(100, 2)
    kept, chosen_by = split_validation(x, jr.key(0))
    assert len(chosen_by) == 10
    assert sorted(map(tuple, np.concatenate([kept, chosen_by]))) == sorted(map(tuple, x))


def test_each_look_holds_the_best_until_then_at_the_cost_until_then():
    scores = {1: 3.0, 2: 1.0, 4: math.inf, 8: 2.0}
    found = select_best(fitted([1, 2, 4, 8]), scores.get, [1, 2, 4, 8])
    assert [s.energy for s in found.snapshots] == [1, 2, 2, 2]
    assert [s.step for s in found.snapshots] == [1, 2, 4, 8]
    assert [s.cpu_seconds for s in found.snapshots] == [0.2, 0.4, 0.8, 1.6]
    assert found.best_step == 2 and "after 2 of 8 updates" in found.stopped


def test_a_training_that_diverges_later_keeps_its_best_and_says_so():
    found = select_best(fitted([1, 2], "the loss was not finite"), {1: 1.0, 2: 5.0}.get, [1, 2, 4])
    assert found.divergence_reason is None and "the loss was not finite" in found.stopped
    assert [(s.step, s.energy) for s in found.snapshots] == [(1, 1), (2, 1), (4, 1)]


def test_where_no_score_is_finite_nothing_is_chosen():
    fit = fitted([1, 2], "lost")
    assert select_best(fit, lambda energy: math.inf, [1, 2, 4]) is fit


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_score_is_the_likelihood_in_the_users_units(dim):
    """By quadrature to 1e-4; by annealing to .03 (5 sigma of 500 chains, fixed seed)."""
    scale = np.arange(1.0, dim + 1)
    units = Standardizer(np.zeros(dim), scale)
    x = scale * np.asarray(jr.normal(jr.key(1), (400, dim)))
    grid = Grid(tuple(-8 * scale), tuple(8 * scale), 64)
    score = held_out_nll(x, units, grid, jr.key(2))(Quadratic(jnp.array(2.0), jnp.zeros(dim)))
    # the density is N(0, scale^2 / 2)
    closed = np.mean(np.sum((x / scale) ** 2, axis=1)) + np.sum(np.log(scale * np.sqrt(np.pi)))
    assert score == pytest.approx(closed, abs=1e-4 if dim <= 2 else 0.03)


@pytest.mark.full
@pytest.mark.parametrize("method", ["ed", "nce", "cd"])
def test_few_points_are_not_learned_by_heart(method):
    """100 points of the moons: NLL of 2,000 fresh ones, of what is kept and of the last."""
    train_x, test_x = SyntheticDataset("half_moons").split(100, 2_000, jr.key(3))
    units, grid = Standardizer.fit(train_x), SyntheticDataset("half_moons").grid()
    fit_x, chosen_by = split_validation(train_x, jr.key(4))
    recipe = dataclasses.replace(METHODS[method], num_updates=2_000)
    if method == "cd":  # adjusted chains do not run away
        unadjusted = dataclasses.replace(recipe.method, adjusted=False)
        recipe = dataclasses.replace(recipe, method=unadjusted)
    looks = snapshot_steps(recipe.num_updates, 8)
    z = jnp.asarray(units.transform(fit_x), jnp.float32)
    whole = train(
        recipe, Confined(FourierMLP(2, key=jr.key(5))), z, key=jr.key(6), snapshot_steps=looks
    )
    kept = select_best(whole, held_out_nll(chosen_by, units, grid, jr.key(7)), looks)
    fresh = held_out_nll(test_x, units, grid, jr.key(7))
    entropy = 1.0076
    assert entropy < fresh(kept.energy) < 2.2  # where a Gaussian is
    diverged = (
        whole.divergence_reason is not None
    )  # as CD does here: then the last snapshot is an early one
    assert kept.best_step < recipe.num_updates
    assert diverged == (method == "cd")
    assert diverged or fresh(kept.energy) < fresh(whole.energy) - 0.3
    assert (
        kept.divergence_reason is None
        and ("later the training diverged" in kept.stopped) == diverged
    )
