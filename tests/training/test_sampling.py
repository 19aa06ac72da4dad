"""Chains of a model: as many steps as asked for, and diagnostics of short ones."""

import math

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers.costs import full_unless

from ebmark.cli._sample import describe_chains
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Quadratic
from ebmark.samplers import SAMPLERS, Langevin
from ebmark.training import sampling
from ebmark.training.model import Model

MODEL = Model(
    Quadratic(jnp.array(1.0), jnp.zeros(2)),
    Standardizer(np.zeros(2), np.ones(2)),
    {"langevin": {"steps": 200, "step_size": 0.1}},
)


def decay(energy, state, noise):
    """A noiseless step that halves the point, in place of Langevin's."""
    return state._replace(x=state.x / 2)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 6, 7, 99, 100])
def test_chain_makes_as_many_steps_as_asked(steps, monkeypatch):
    monkeypatch.setattr(Langevin, "move", lambda self, *args: decay(*args))
    points, diagnostics = sampling.sample_chains(MODEL, "langevin", 3, steps, jr.key(0))
    start = np.asarray(jr.normal(jr.split(jr.key(0), 4)[0], (3, 2)), np.float64)
    np.testing.assert_allclose(points * 2.0**steps, start, rtol=1e-5)
    assert diagnostics.num_kept == steps
    assert math.isnan(diagnostics.rhat) == (steps < sampling.MIN_KEPT)
    assert ("too short" in describe_chains(diagnostics)) == (steps < sampling.MIN_KEPT)


@pytest.mark.parametrize(
    "steps", full_unless({199, 200}.__contains__, [101, 199, 200, 399, 400, 1_234])
)
def test_burn_in_and_kept_steps_add_up(steps, monkeypatch):
    made = []
    run, trace = sampling.run_chains, sampling.trace_chains

    def count_run(*args):
        made.append(args[3])
        return run(*args)

    def count_trace(*args, every):
        made.append(args[3] * every)
        return trace(*args, every=every)

    monkeypatch.setattr(sampling, "run_chains", count_run)
    monkeypatch.setattr(sampling, "trace_chains", count_trace)
    sampling.sample_chains(MODEL, "langevin", 2, steps, jr.key(0))
    assert sum(made) == steps


@pytest.mark.full
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_and_hundred_steps_differ(sampler):
    one, hundred = (sampling.sample_chains(MODEL, sampler, 40, n, jr.key(0))[0] for n in (1, 100))
    assert not np.isclose(one, hundred).any()
