"""The contract of every registered method: a new line in `METHODS` is tested automatically."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers.costs import full_unless

from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import fit_units
from ebmark.energies import MLP, Network, new_energy
from ebmark.methods import METHODS
from ebmark.partition_function import QUICK, estimate_log_z, evaluate
from ebmark.training import loop, recipes, updates
from ebmark.training.checks import checks, operations, short_run

# The others take 5 to 20 CPU seconds each.
HEALTHY = ("nce",)
# One method per family.
FAST = (
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

# Methods of the default studies.
CORE = ("cd", "pcd", "dsm", "nce", "mle")


@pytest.mark.parametrize("name", full_unless(HEALTHY.__contains__, METHODS))
def test_short_run_is_healthy(name):
    results = list(short_run(METHODS[name]))
    assert len(results) >= 2
    assert not [check for check in results if not check.passed]


@pytest.mark.slow
@pytest.mark.parametrize("name", full_unless(CORE.__contains__, METHODS))
def test_all_checks_pass(name):
    """Health, repeatability, the optimum on a Gaussian, the stated cost: `ebmark check`."""
    assert not [check for check in checks(name) if not check.passed]


@pytest.mark.slow
@pytest.mark.parametrize("name", full_unless(FAST.__contains__, METHODS))
def test_updates_keep_types_so_that_they_are_compiled_once(name):
    recipe = METHODS[name]
    method = recipe.method
    data = jnp.linspace(-1, 1, 128).reshape(64, 2)
    network = Network(width=8, num_features=4).resolve(2)
    energy = new_energy(network, data, jr.key(0), num_extra_inputs=method.num_extra_inputs)
    params, static = eqx.partition(
        method.build_trainable(energy, data, jr.key(1)), eqx.is_inexact_array
    )
    start = eqx.filter_eval_shape(updates.start, params, recipe, data, jr.key(2))
    end, _ = eqx.filter_eval_shape(
        updates.advance, start, static, recipe, data, jr.key(3), jnp.array(0)
    )
    types = [[(a.dtype, a.weak_type) for a in jax.tree.leaves(carry)] for carry in (start, end)]
    assert types[0] == types[1]


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in METHODS if name != "mle"])
def test_method_trains_in_64_dimensions(name):
    """Every method but the oracle, whose Z is a quadrature, ends with an energy and a log Z."""
    recipe = recipes.with_changes(name, {}, dim=64)
    recipe = dataclasses.replace(recipe, num_updates=min(recipe.num_updates, 20), batch_size=32)
    z = fit_units(x := SyntheticDataset("digits_64").draw(1_000, jr.key(0))).transform(x)
    network = Network(width=8).resolve(64)
    num_extra_inputs = recipe.method.num_extra_inputs
    energy = new_energy(network, z, jr.key(1), num_extra_inputs=num_extra_inputs)
    fit = loop.train(recipe, energy, z, key=jr.key(2))
    assert fit.divergence_reason is None
    estimate = estimate_log_z(fit.energy, z, jr.key(3), effort=QUICK._replace(num_particles=32))
    assert np.isfinite(evaluate(fit.energy, z)).all() and np.isfinite(estimate.value)


@pytest.mark.slow
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
