"""Seeds trained side by side: the same trainings as one by one, up to rounding."""

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
from ebmark.energies import Confined, FourierMLP
from ebmark.methods import METHODS
from ebmark.training.loop import train
from ebmark.training.side_by_side import Seed, train_side_by_side

NUM_SEEDS = 2
STEPS = [10, 20]


def make_seeds(folder, num_extra_inputs=0):
    for seed in range(NUM_SEEDS):
        x = SyntheticDataset("half_moons").draw(300, jr.key(seed))
        data = jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)
        network = FourierMLP(2 + num_extra_inputs, num_features=8, width=8, key=jr.key(seed + 10))
        yield Seed(Confined(network), data, jr.key(seed + 20), folder / f"{seed}.ckpt")


def short(name):
    return dataclasses.replace(METHODS[name], num_updates=STEPS[-1], batch_size=16)


def continue_training(recipe, seed):
    calls = []
    fit = train(
        recipe,
        seed.energy,
        seed.data,
        key=seed.key,
        snapshot_steps=STEPS,
        checkpoint_path=seed.checkpoint_path,
        progress=lambda step, num_updates: calls.append(step),
    )
    return fit, calls


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    full_unless("nce".__eq__, [name for name in METHODS if METHODS[name].num_updates]),
)
def test_seeds_train_as_alone(name, tmp_path):
    recipe = short(name)
    seeds = list(make_seeds(tmp_path, recipe.method.num_extra_inputs))
    if not train_side_by_side(recipe, seeds, STEPS):
        assert name in METHODS and not list(tmp_path.iterdir())
        return
    x = jr.normal(jr.key(5), (20, 2))
    for seed in seeds:
        fit, calls = continue_training(recipe, seed)
        assert not calls, "a finished checkpoint must be taken up without an update"
        seed.checkpoint_path.unlink()
        alone, _ = continue_training(recipe, seed)
        assert [s.step for s in fit.snapshots] == [s.step for s in alone.snapshots] == STEPS
        np.testing.assert_allclose(fit.losses, alone.losses, rtol=2e-3, atol=2e-3)
        for one, other in zip(fit.snapshots, alone.snapshots):
            values = [np.asarray(jax.vmap(s.energy)(x)) for s in (one, other)]
            # Adam moves the constant of an energy, where its gradient is zero, by rounding errors
            centered = [value - value.mean() for value in values]
            # the density of a flow amplifies them where it is small
            np.testing.assert_allclose(*centered, rtol=3e-2 if name == "flow" else 1e-2, atol=1e-2)
        assert fit.compile_seconds > 0 and fit.snapshots[-1].seconds > 0


@pytest.mark.slow
def test_seed_that_diverges_ends_alone(tmp_path):
    recipe = short("dsm")
    seeds = list(make_seeds(tmp_path))
    huge = jax.tree.map(lambda leaf: leaf * 1e30, eqx.filter(seeds[1].energy, eqx.is_array))
    energy = eqx.combine(huge, seeds[1].energy)
    seeds[1] = seeds[1]._replace(energy=energy)
    assert train_side_by_side(recipe, seeds, STEPS)
    fits = [continue_training(recipe, seed)[0] for seed in seeds]
    assert [fit.divergence_reason is None for fit in fits] == [True, False]
