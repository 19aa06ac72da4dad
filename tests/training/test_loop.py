"""Training: resumption, chunks and snapshots do not change results, and divergence is reported."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers.costs import full_unless

from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Confined, FourierMLP, Quadratic
from ebmark.methods import METHODS, ContrastiveDivergence, Recipe
from ebmark.training import updates
from ebmark.training.checks import quality_of
from ebmark.training.loop import train
from ebmark.training.snapshots import evenly


@pytest.fixture(scope="module")
def data():
    x = SyntheticDataset("half_moons").draw(400, jr.key(0))
    return jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)


def energy():
    return Confined(FourierMLP(2, num_features=8, width=8, key=jr.key(1)))


def short(name: str, updates: int = 600) -> Recipe:
    return dataclasses.replace(METHODS[name], num_updates=updates, batch_size=32)


def same(a, b) -> bool:
    leaves = zip(*(jax.tree.leaves(eqx.filter(t, eqx.is_array)) for t in (a, b)), strict=True)
    return all(np.array_equal(x, y) for x, y in leaves)


def energies(fit):
    return [(snapshot.step, snapshot.energy) for snapshot in fit.snapshots]


class Interrupted(Exception):
    """Raised by `progress` to interrupt a training."""


@pytest.mark.parametrize("name", full_unless("dsm".__eq__, ["dsm", "pcd", "nce", "cd"]))
@pytest.mark.parametrize("when", [250, pytest.param(450, marks=pytest.mark.full)])
def test_resumed_run_is_bit_identical(data, tmp_path, name, when):
    uninterrupted = train(short(name), energy(), data, key=jr.key(2), snapshot_steps=evenly(600, 4))

    def interrupt(step, updates):
        if step >= when:
            raise Interrupted

    options = {
        "key": jr.key(2),
        "snapshot_steps": evenly(600, 4),
        "checkpoint_path": tmp_path / "run",
        "save_every": 0,
    }
    with pytest.raises(Interrupted):
        train(short(name), energy(), data, progress=interrupt, **options)
    steps = []
    resumed = train(
        short(name), energy(), data, progress=lambda step, _: steps.append(step), **options
    )
    assert min(steps) > when - 250 and min(steps) > 250  # it resumed from the checkpoint
    assert same(energies(uninterrupted), energies(resumed))
    assert same(uninterrupted.state, resumed.state)
    assert np.array_equal(uninterrupted.losses, resumed.losses)


@pytest.mark.full
def test_checkpoint_of_another_key_is_ignored(data, tmp_path):
    checkpoint_path = tmp_path / "run"
    train(
        short("nce", 300),
        energy(),
        data,
        key=jr.key(2),
        checkpoint_path=checkpoint_path,
        save_every=0,
    )
    steps = []
    train(
        short("nce", 300),
        energy(),
        data,
        key=jr.key(3),
        checkpoint_path=checkpoint_path,
        progress=lambda step, _: steps.append(step),
    )
    assert steps[0] == 250


@pytest.mark.slow
def test_checkpoint_of_another_energy_is_ignored(data, tmp_path):
    """The same network with other weights; all else, including the key, is equal."""
    checkpoint_path = tmp_path / "run"
    train(
        short("nce", 300),
        energy(),
        data,
        key=jr.key(2),
        checkpoint_path=checkpoint_path,
        save_every=0,
    )
    other = Confined(FourierMLP(2, num_features=8, width=8, key=jr.key(7)))
    options = {"key": jr.key(2)}
    fit = train(short("nce", 300), other, data, checkpoint_path=checkpoint_path, **options)
    assert same(fit.energy, train(short("nce", 300), other, data, **options).energy)


@pytest.mark.full
def test_diverged_run_is_not_resumed_as_healthy(data, tmp_path):
    """Divergence in the last chunk, after which no further check is made."""
    recipe = dataclasses.replace(short("dsm", 200), learning_rate=1e30)
    options = {"key": jr.key(2), "checkpoint_path": tmp_path / "run", "save_every": 0}
    first = train(recipe, energy(), data, **options)
    second = train(recipe, energy(), data, **options)
    assert first.divergence_reason is not None
    assert second.divergence_reason == first.divergence_reason


def test_chunk_boundaries_do_not_change_results(data, monkeypatch):
    coarse = train(short("dsm", 300), energy(), data, key=jr.key(2))
    fine = train(short("dsm", 300), energy(), data, key=jr.key(2), snapshot_steps=evenly(300, 7))
    assert same(coarse.energy, fine.energy) and np.array_equal(coarse.losses, fine.losses)
    assert [s.step for s in fine.snapshots] == [43, 86, 129, 171, 214, 257, 300]


def test_key_changes_the_run(data):
    first = train(short("nce", 100), energy(), data, key=jr.key(1))
    second = train(short("nce", 100), energy(), data, key=jr.key(2))
    assert not same(first.energy, second.energy)


@pytest.mark.full
@pytest.mark.parametrize("step_size", [0.1, 0.3])
def test_too_large_step_size_stops_training(step_size):
    x = SyntheticDataset("eight_gaussians").draw(1_000, jr.key(0))
    z = jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)
    method = ContrastiveDivergence(step_size=step_size, adjusted=False)
    recipe = dataclasses.replace(METHODS["cd"], method=method)
    fit = train(
        recipe,
        Confined(FourierMLP(2, key=jr.key(1))),
        z,
        key=jr.key(2),
        snapshot_steps=evenly(recipe.num_updates, 12),
    )
    assert fit.divergence_reason is not None
    assert "step_size" in fit.divergence_reason and f"{step_size}" in fit.divergence_reason
    assert "adjusted" in fit.divergence_reason
    assert len(fit.losses) <= 500
    assert all(snapshot.step < len(fit.losses) for snapshot in fit.snapshots)


@pytest.mark.full
@pytest.mark.parametrize("name", ["cd", "pcd"])
def test_only_adjusted_chains_learn_sharp_edges(name):
    """Unadjusted, the energy steepens at the edges until every step size is too large."""
    for adjusted in (True, False):
        method = dataclasses.replace(METHODS[name].method, adjusted=adjusted)
        recipe = dataclasses.replace(METHODS[name], method=method)
        assert (quality_of(recipe, "checkerboard")["divergence_reason"] is None) is adjusted


@pytest.mark.slow
def test_zero_acceptance_is_divergence(data):
    recipe = dataclasses.replace(METHODS["cd"], method=ContrastiveDivergence(step_size=1e12))
    fit = train(dataclasses.replace(recipe, num_updates=500), energy(), data, key=jr.key(2))
    assert (
        "no move of the chains was accepted" in fit.divergence_reason
        and "1e+12" in fit.divergence_reason
    )


def test_too_large_learning_rate_is_reported(data):
    recipe = dataclasses.replace(short("dsm"), learning_rate=1e30)
    fit = train(recipe, energy(), data, key=jr.key(2), snapshot_steps=evenly(600, 3))
    assert fit.divergence_reason is not None and "learning_rate" in fit.divergence_reason
    assert len(fit.losses) == 200 and fit.snapshots == []


def test_train_rejects_nan_data(data):
    with pytest.raises(ValueError, match="must be finite, got nan in row 4, column 1"):
        train(short("nce"), energy(), data.at[3].set(jnp.nan), key=jr.key(2))


@pytest.mark.full
def test_average_is_exponential_moving_average(data):
    """Three updates by hand: the decay is min(ema_decay, (1 + t) / (10 + t))."""
    start = Quadratic(jnp.array(2.0), jnp.zeros(2))
    recipe = dataclasses.replace(short("dsm", 3), ema_decay=0.15)
    params, static = eqx.partition(start, eqx.is_inexact_array)
    carry = updates.start(params, recipe, data, jr.key(0))
    average = 2.0
    for step in range(3):
        carry, _ = updates.advance(carry, static, recipe, data, jr.key(5), jnp.array(step + 1))
        decay = min(0.15, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * float(carry.params.precision)
        assert float(carry.average.precision) == pytest.approx(average, rel=1e-6)


def test_training_seconds_exclude_compilation(data):
    fit = train(short("nce", 100), energy(), data, key=jr.key(2), snapshot_steps=[50])
    assert 0 < fit.snapshots[0].seconds <= fit.snapshots[1].seconds < fit.compile_seconds + 5


@pytest.mark.full
def test_snapshot_holds_method_state(data):
    """The state of energy matching counts updates; `Fit.state` is that of the last snapshot."""
    fit = train(short("em", 60), energy(), data, key=jr.key(2), snapshot_steps=[20])
    assert [int(snapshot.state.update) for snapshot in fit.snapshots] == [20, 60]
    assert int(fit.state.update) == 60


@pytest.mark.full
def test_one_program_serves_all_numbers_of_recipe(data):
    """A search over numbers compiles once; counts and choices have their own program."""
    method = dataclasses.replace(METHODS["dsm"].method, sigma=0.2)
    recipe = dataclasses.replace(short("dsm", 30), method=method)
    train(recipe, energy(), data, key=jr.key(2))
    programs = updates.advance._cached._cache_size()
    finer = dataclasses.replace(method, sigma=0.1, relative_scale=0.3)
    other = dict(method=finer, learning_rate=1e-4, max_grad_norm=0.5, ema_decay=0.9, num_updates=40)
    fit = train(dataclasses.replace(recipe, **other), energy(), data, key=jr.key(2))
    assert len(fit.losses) == 40 and float(fit.state.sigma) == pytest.approx(0.1)
    assert updates.advance._cached._cache_size() == programs
    train(dataclasses.replace(recipe, batch_size=16), energy(), data, key=jr.key(2))
    assert updates.advance._cached._cache_size() == programs + 1


def test_train_rejects_method_as_recipe(unchecked_shapes, data):
    with pytest.raises(TypeError, match="'recipe' must be a Recipe, got ContrastiveDivergence"):
        train(METHODS["cd"].method, energy(), data, key=jr.key(2))


@pytest.mark.parametrize("shape", [(400,), (0, 2), (4, 2, 2)])
def test_train_rejects_data_of_wrong_shape(shape, unchecked_shapes):
    with pytest.raises(ValueError, match="'data' must have shape"):
        train(short("dsm"), energy(), jnp.zeros(shape), key=jr.key(2))
