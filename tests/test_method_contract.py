"""The contract of every method in the registry; a new line there is tested with no new code.

Random tests have fixed seeds; their tolerances are at least four standard errors.
"""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.energies import MLP, Confined, FourierMLP, Quadratic
from ebmark.methods import METHODS, DenoisingScoreMatching, MaximumLikelihood
from ebmark.methods._anchor import AbstractAnchor
from ebmark.train import train

VARIANCE = 1.7

# what a method learns on N(0, 1.7 I) where it is not the data's own precision: of its final state
OPTIMA = {
    "cd": lambda state: of_langevin(state.step_size),
    "pcd": lambda state: of_langevin(state.step_size),
    "dsm": lambda state: 1 / (VARIANCE + 0.25),
}
# the method that is asked, where the default would not do here
ASKED = {"dsm": DenoisingScoreMatching(sigma=0.5)}


def of_langevin(h):
    """Where the chain's stationary variance s^2 / (1 - h / 2 s^2) is the data's."""
    return (1 - math.sqrt(1 - 2 * h / VARIANCE)) / h


@pytest.fixture(scope="module")
def gaussian():
    """40,000 points of N(0, 1.7 I), whitened to exactly that covariance and mean 0."""
    x = np.random.default_rng(0).normal(size=(40_000, 2))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T
    return jnp.asarray(math.sqrt(VARIANCE) * x, jnp.float32)


def finite(tree):
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


@pytest.mark.parametrize("name", METHODS)
def test_a_short_run_is_healthy_and_moves_what_it_trains(name, gaussian):
    """The compiled loop itself refuses a state whose structure, shapes or types change."""
    recipe, key = METHODS[name], jr.key(0)
    method, data = recipe.method, gaussian[:400] / math.sqrt(VARIANCE)
    network = Confined(FourierMLP(2 + method.extra_inputs, num_features=8, width=8, key=key))
    short = dataclasses.replace(recipe, updates=min(recipe.updates, 250), batch=32)
    fit = train(short, network, data, key=jr.key(1))
    assert fit.trouble is None
    last = fit.snapshots[-1]
    assert finite((last.trainable, fit.state)) and np.isfinite(fit.losses).all()
    assert last.energy(data[0]).shape == () and np.isfinite(last.energy(data[0]))
    if short.updates:
        before = method.wrap(network, data, jr.split(jr.key(1), 3)[0])
        pairs = zip(
            *(
                jax.tree.leaves(eqx.filter(t, eqx.is_inexact_array))
                for t in (before, last.trainable)
            ),
            strict=True,
        )
        assert any(not np.array_equal(a, b) for a, b in pairs)
        assert method.evaluations(64, 2) > 64
    own = method.sample(last.trainable, fit.state, 20, jr.key(2))
    assert own is None or (own.shape == (20, 2) and np.isfinite(own).all())
    said = method.diagnostics(last.trainable, fit.state, data, jr.key(3))
    assert all(np.isfinite(float(value)) for value in said.values())


TRAINED = [n for n, r in METHODS.items() if r.updates and not isinstance(r.method, AbstractAnchor)]
GRADUAL = [n for n in TRAINED if not METHODS[n].method.extra_inputs]


@pytest.mark.parametrize(
    "name",
    # two networks in one program compile for half a minute
    [pytest.param(n, marks=pytest.mark.full) if n == "fce" else n for n in GRADUAL],
)
def test_every_method_learns_the_precision_of_a_gaussian(name, gaussian):
    """From three times the truth to within 6 % of its own optimum in 600 updates."""
    recipe = METHODS[name]
    short = dataclasses.replace(
        recipe,
        method=ASKED.get(name, recipe.method),
        updates=600,
        batch=1_024,
        learning_rate=0.02,
        ema=0.98,
    )
    fit = train(short, Quadratic(jnp.array(3 / VARIANCE), jnp.zeros(2)), gaussian, key=jr.key(0))
    optimum = OPTIMA.get(name, lambda state: 1 / VARIANCE)(fit.state)
    assert fit.trouble is None
    precision = float(jnp.trace(jax.hessian(fit.energy)(jnp.zeros(2)))) / 2
    assert precision == pytest.approx(float(optimum), rel=0.06)


def operations(function, *arguments):
    """What XLA counts; a loop's body once."""
    compiled = eqx.filter_jit(function).lower(*arguments).compile()
    return compiled.compiled.cost_analysis()["flops"]


@pytest.mark.parametrize("name", TRAINED)
def test_evaluations_are_those_that_xla_counts_to_35_per_cent(name):
    """In forward passes of a wide perceptron, where all else is nothing."""
    method = METHODS[name].method
    energy = MLP(2 + method.extra_inputs, width=256, depth=3, key=jr.key(1))
    batch, inputs = jnp.ones((128, 2)), jnp.ones((128, 2 + method.extra_inputs))
    one = operations(lambda e, x: jax.vmap(e)(x), energy, inputs)
    if hasattr(method, "num_steps"):  # a chain's steps are gradients in x, counted apart
        more = dataclasses.replace(method, num_steps=11).evaluations(128, 2)
        method = dataclasses.replace(method, num_steps=1)
        step = operations(lambda e, x: jax.vmap(jax.grad(e))(x), energy, inputs) / one
        assert more - method.evaluations(128, 2) == pytest.approx(10 * 128 * step, rel=0.35)
    if isinstance(method, MaximumLikelihood):
        method = MaximumLikelihood(nodes=16)
    state = jax.jit(method.init)(jr.normal(jr.key(0), (300, 2)), jr.key(2))
    trainable = method.wrap(energy, batch, jr.key(3))

    def update(trainable, state, key):
        both = eqx.filter_grad(lambda e: method.loss(e, batch, state, key), has_aux=True)
        return both(trainable)  # the state too: what makes it costs as well

    counted = operations(update, trainable, state, jr.key(4)) / one
    assert method.evaluations(128, 2) == pytest.approx(128 * counted, rel=0.35)
