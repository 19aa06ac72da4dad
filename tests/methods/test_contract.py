"""The contract of every registered method: a new line in `METHODS` is tested automatically."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers.costs import full_unless

from ebmark.energies import MLP, Network, new_energy
from ebmark.methods import METHODS
from ebmark.training import loop
from ebmark.training.checks import checks, operations, short_run

# A chain, a loss without chains, and a method that trains nothing.
HEALTHY = ("cd", "nce", "kde")
# One method per family.
QUICK = (
    "cd",
    "pcd",
    "dsm",
    "diffclf",
    "ksd",
    "ed",
    "nce",
    "cnce",
    "mle",
    "gaussian",
    "kde",
)
CORE = ("dsm", "mle")


@pytest.mark.parametrize("name", full_unless(HEALTHY.__contains__, METHODS))
def test_short_run_is_healthy(name):
    results = list(short_run(METHODS[name]))
    assert len(results) >= 2
    assert not [check for check in results if not check.passed]


@pytest.mark.parametrize("name", full_unless(CORE.__contains__, METHODS))
def test_all_checks_pass(name):
    """Health, repeatability, the optimum on a Gaussian, the stated cost: `ebmark check`."""
    assert not [check for check in checks(name) if not check.passed]


@pytest.mark.parametrize("name", full_unless(QUICK.__contains__, METHODS))
def test_updates_keep_types_so_that_they_are_compiled_once(name):
    recipe = METHODS[name]
    method = recipe.method
    data = jnp.linspace(-1, 1, 128).reshape(64, 2)
    network = Network(width=8, num_features=4).resolve(2)
    energy = new_energy(network, data, jr.key(0), num_extra_inputs=method.num_extra_inputs)
    params, static = eqx.partition(
        method.build_trainable(energy, data, jr.key(1)), eqx.is_inexact_array
    )
    start = eqx.filter_eval_shape(loop._start, params, recipe, data, jr.key(2))
    end, _ = eqx.filter_eval_shape(
        loop._advance, start, static, recipe, data, jr.key(3), jnp.array(0)
    )
    types = [[(a.dtype, a.weak_type) for a in jax.tree.leaves(carry)] for carry in (start, end)]
    assert types[0] == types[1]


@pytest.mark.parametrize("name", ["cd", "pcd"])
def test_chain_step_costs_one_gradient(name):
    method = METHODS[name].method
    energy = MLP(2, width=256, depth=3, key=jr.key(1))
    x = jnp.ones((128, 2))
    cost_of_1 = dataclasses.replace(method, num_steps=1).network_evaluations(128, 2)
    cost_of_11 = dataclasses.replace(method, num_steps=11).network_evaluations(128, 2)
    forward = operations(lambda e, x: jax.vmap(e)(x), energy, x)
    step = operations(lambda e, x: jax.vmap(jax.grad(e))(x), energy, x) / forward
    assert (cost_of_11 - cost_of_1) / 10 == pytest.approx(128 * step, rel=0.35)
