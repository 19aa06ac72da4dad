"""Ranges of hyperparameters: wrong values are rejected at construction."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import pytest

from ebmark.errors import UserError
from ebmark.methods import (
    METHODS,
    ContrastiveDivergence,
    DenoisingScoreMatching,
    Interval,
    PersistentContrastiveDivergence,
    Recipe,
)
from ebmark.methods.external import EXTERNAL_METHODS
from ebmark.training import recipes

RECIPES = {**METHODS, **EXTERNAL_METHODS}
DSM = DenoisingScoreMatching()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DenoisingScoreMatching(sigma=-1.0), "'sigma' must be > 0, got -1.0."),
        (lambda: DenoisingScoreMatching(sigma=math.nan), "'sigma' must be > 0, got nan."),
        (
            lambda: ContrastiveDivergence(num_steps=-3),
            "'num_steps' must be an integer >= 1, got -3.",
        ),
        (
            lambda: ContrastiveDivergence(num_steps=1.5),
            "'num_steps' must be an integer >= 1, got 1.5.",
        ),
        (
            lambda: PersistentContrastiveDivergence(reinit_prob=2.0),
            "'reinit_prob' must be >= 0 and <= 1, got 2.0.",
        ),
        (lambda: Recipe(method=DSM, batch_size=0), "'batch_size' must be an integer >= 1, got 0."),
        (lambda: Recipe(method=DSM, ema_decay=1.5), "'ema_decay' must be >= 0 and <= 1, got 1.5."),
    ],
)
def test_value_out_of_range_is_rejected(make, message, unchecked_shapes):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_infinite_value_is_rejected():
    with pytest.raises(ValueError, match="'weight' must be a finite number, got inf"):
        Interval().check("weight", math.inf)


@pytest.mark.parametrize("name", RECIPES)
def test_every_number_has_a_range(name):
    method = RECIPES[name].method
    for field in dataclasses.fields(method):
        value = getattr(method, field.name)
        assert field.name in method.limits or isinstance(value, bool | str), field.name


@pytest.mark.parametrize("name", RECIPES)
def test_limits_name_fields_only(name):
    method = RECIPES[name].method
    assert set(method.limits) <= {field.name for field in dataclasses.fields(method)}


def test_limits_apply_to_study_files():
    with pytest.raises(UserError, match="'sigma' must be > 0"):
        recipes.with_changes("dsm", {"method": {"sigma": 0.0}})


def test_traced_values_are_not_checked(unchecked_shapes):
    """Recipes are trained under vmap, where hyperparameters are traced."""

    @jax.jit
    def double(sigma):
        method = DenoisingScoreMatching(sigma=sigma)
        return 2 * method.sigma

    assert float(double(jnp.array(-1.0))) == -2.0
    stacked = jax.tree.map(lambda a: jnp.stack([jnp.asarray(a)] * 2), METHODS["nce"])
    doubled = jax.vmap(lambda recipe: 2 * recipe.method.scale)(stacked)
    assert doubled.shape == (2,)
