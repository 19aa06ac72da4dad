"""The contract of every method in the registry; a new line there is tested with no new code."""

import dataclasses

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from ebmark.energies import MLP
from ebmark.methods import METHODS
from ebmark.training.checks import checks, operations, short_run

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
)  # a family each
CORE = ("cd", "pcd", "dsm", "nce", "mle")  # of the study; the others' checks are long together


def long(name):
    return pytest.param(name, marks=pytest.mark.full)


@pytest.mark.parametrize("name", [name if name in QUICK else long(name) for name in METHODS])
def test_short_run_is_healthy(name):
    made = list(short_run(METHODS[name]))
    assert len(made) >= 2
    assert not [check for check in made if not check.passed]


@pytest.mark.parametrize("name", [name if name in CORE else long(name) for name in METHODS])
def test_all_checks_pass(name):
    """Health, repeatability, the optimum on a Gaussian, the stated cost: `ebmark check`."""
    made = list(checks(name))
    assert not [check for check in made if not check.passed]


@pytest.mark.parametrize("name", ["cd", "pcd"])
def test_chain_step_costs_one_gradient(name):
    method = METHODS[name].method
    energy, x = MLP(2, width=256, depth=3, key=jr.key(1)), jnp.ones((128, 2))
    one, many = (
        dataclasses.replace(method, num_steps=k).network_evaluations(128, 2) for k in (1, 11)
    )
    forward = operations(lambda e, x: jax.vmap(e)(x), energy, x)
    step = operations(lambda e, x: jax.vmap(jax.grad(e))(x), energy, x) / forward
    assert (many - one) / 10 == pytest.approx(128 * step, rel=0.35)
