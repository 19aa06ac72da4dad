"""The contract of every method in the registry; a new line there is tested with no new code."""

import dataclasses

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from ebmark.checks import checks, operations
from ebmark.energies import MLP
from ebmark.methods import METHODS


@pytest.mark.parametrize("name", METHODS)
def test_every_check_of_every_method_passes(name):
    """Health, repeatability, the optimum on a Gaussian, the stated cost: `ebmark check`."""
    made = list(checks(name))
    assert len(made) >= 2
    assert not [check for check in made if not check.passed]


STEPPING = [name for name, recipe in METHODS.items() if hasattr(recipe.method, "num_steps")]


@pytest.mark.parametrize("name", STEPPING)
def test_a_chains_steps_cost_what_a_gradient_in_x_does(name):
    method = METHODS[name].method
    inputs = 2 + method.extra_inputs
    energy, x = MLP(inputs, width=256, depth=3, key=jr.key(1)), jnp.ones((128, inputs))
    one, many = (dataclasses.replace(method, num_steps=k).evaluations(128, 2) for k in (1, 11))
    forward = operations(lambda e, x: jax.vmap(e)(x), energy, x)
    step = operations(lambda e, x: jax.vmap(jax.grad(e))(x), energy, x) / forward
    assert (many - one) / 10 == pytest.approx(128 * step, rel=0.35)
