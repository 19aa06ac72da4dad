"""What can be proven of any method before it is compared: the checks of `ebmark check METHOD`."""

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import MLP, Confined, FourierMLP, Network, Quadratic, new_energy
from ebmark.methods import METHODS, AbstractBaseline, AbstractMethod, Recipe
from ebmark.metrics import density_metrics, target
from ebmark.partition_function import normalize_on_grid
from ebmark.training.loop import train
from ebmark.training.snapshots import Fit

_VARIANCE = 1.7  # of the Gaussian; where the energy is also told a noise level, 1
_NEAR = 0.06  # of the Gaussian's precision, after 600 updates
_COUNTED = 0.35  # of network evaluations: what is not the network, XLA counts too


class Check(NamedTuple):
    """What was looked at, what was found, what is wanted, and whether it is so."""

    what: str
    found: str
    wanted: str
    passed: bool


def checks(name: str) -> Iterator[Check]:
    """Health, repeatability, the stated cost and the known optimum on a Gaussian."""
    recipe = METHODS[name]
    yield from short_run(recipe)
    if not isinstance(recipe.method, AbstractBaseline):  # which has no network
        yield network_evaluations(recipe.method)
        yield from gaussian(recipe)


def quality(name: str, dataset: str) -> Check:
    """KL(data || model) of the default recipe on a built-in law of 10,000 points, one seed."""
    found = quality_of(METHODS[name], dataset)
    what = f"KL on {dataset}, nats (one seed, {found['seconds']})"
    kl = found.get("kl", math.nan)
    return Check(what, found["divergence_reason"] or f"{kl:.4f}", "finite", math.isfinite(kl))


def quality_of(recipe: Recipe, dataset: str) -> dict:
    """One seed of a recipe on a law in the plane: its density metrics, seconds and trouble."""
    law = SyntheticDataset(dataset)
    x, _ = law.split(10_000, 1, jr.key(0))
    units = Standardizer.fit(x)
    z, inputs = units.transform(x), recipe.method.num_extra_inputs
    network = new_energy(dataclasses.asdict(Network()), z, jr.key(1), num_extra_inputs=inputs)
    fit = train(recipe, network, jnp.asarray(z, jnp.float32), key=jr.key(2))
    found = {"seconds": fit_seconds(fit), "divergence_reason": fit.divergence_reason}
    if fit.divergence_reason is None:
        density = normalize_on_grid(fit.energy, law.grid(), units)
        found |= density_metrics(target(law, density.grid), density.log_density, density.grid)
    return found


def fit_seconds(fit: Fit) -> str:
    """The CPU seconds of training in words."""
    return f"{fit.snapshots[-1].cpu_seconds:.1f} CPU s" if fit.snapshots else "stopped"


def short_run(recipe: Recipe) -> Iterator[Check]:
    """250 updates on half-moons, twice. The compiled loop itself refuses a state that changes."""
    method = recipe.method
    x = SyntheticDataset("half_moons").draw(400, jr.key(0))
    data = jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)
    network = Confined(
        FourierMLP(2 + method.num_extra_inputs, num_features=8, width=8, key=jr.key(1))
    )
    short = dataclasses.replace(recipe, num_updates=min(recipe.num_updates, 250), batch_size=32)
    one, two = (train(short, network, data, key=jr.key(2)) for _ in range(2))
    finite = one.divergence_reason is None and _finite(
        (one.snapshots[-1].trainable, one.state, one.losses)
    )
    found = one.divergence_reason or ("healthy" if finite else "numbers that are not finite")
    yield Check("250 updates on half-moons", found, "healthy", finite)
    if not finite:
        return
    same = all(
        np.array_equal(a, b) for a, b in zip(_leaves(one.energy), _leaves(two.energy), strict=True)
    )
    yield Check(
        "the same key again", "the same" if same else "another", "the same, bit by bit", same
    )
    start = method.build_trainable(network, data, jr.split(jr.key(2), 3)[0])
    if short.num_updates:
        pairs = zip(_leaves(start), _leaves(one.snapshots[-1].trainable), strict=True)
        moved = any(not np.array_equal(a, b) for a, b in pairs)
        yield Check("parameters", "move" if moved else "stand still", "move", moved)
    last = one.snapshots[-1]
    own = method.sample(last.trainable, one.state, 20, jr.key(3))
    if own is not None:
        good = own.shape == (20, 2) and _finite(own)
        yield Check("its own sampler", f"shape {own.shape}", "20 finite points", good)
    said = method.diagnostics(last.trainable, one.state, data, jr.key(4))
    for metric, value in said.items():
        yield Check(f"diagnostic {metric}", f"{float(value):.4g}", "finite", _finite(value))


def gaussian(recipe: Recipe) -> Iterator[Check]:
    r"""$E(x) = \tfrac12 \lambda |x|^2$ on $N(0, s^2 I)$: 600 updates from three times the truth.

    What is wanted is the method's own `gaussian_precision`: $1 / s^2$ but for known biases.
    """
    method = recipe.method
    variance = 1.0 if method.num_extra_inputs else _VARIANCE
    data = math.sqrt(variance) * _white()
    short = dataclasses.replace(
        recipe, updates=min(recipe.num_updates, 600), batch=1_024, learning_rate=0.02, ema=0.98
    )
    start = Quadratic(jnp.array(3 / variance), jnp.zeros(2 + method.num_extra_inputs))
    fit = train(short, start, data, key=jr.key(0))
    what = f"precision learned from N(0, {variance:g} I)"
    if fit.divergence_reason is not None:
        yield Check(what, fit.divergence_reason, "healthy", False)
        return
    wanted = method.gaussian_precision(variance, fit.state)
    if wanted is None:
        return
    found = float(jnp.trace(jax.hessian(fit.energy)(jnp.zeros(2)))) / 2
    near = abs(found - wanted) <= _NEAR * abs(wanted)
    yield Check(what, f"{found:.4f}", f"{wanted:.4f} to {100 * _NEAR:.0f} %", near)


@functools.cache
def _white():
    """40,000 points whose mean is 0 and whose covariance is I exactly."""
    x = np.random.default_rng(0).normal(size=(40_000, 2))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T
    return jnp.asarray(x, jnp.float32)


def network_evaluations(method: AbstractMethod) -> Check:
    """The stated network evaluations against what XLA counts, for a wide perceptron.

    A loop's body is counted once, so a chain has one step here; a test counts its steps.
    """
    inputs = 2 + method.num_extra_inputs
    energy, batch = MLP(inputs, width=256, depth=3, key=jr.key(1)), jnp.ones((128, 2))
    if hasattr(method, "num_critic"):  # of the study's network's size: so is the energy
        energy = FourierMLP(inputs, key=jr.key(1))
        method = dataclasses.replace(method, num_critic=1)
    one = operations(lambda e, x: jax.vmap(e)(x), energy, jnp.ones((128, inputs)))
    if hasattr(method, "num_steps"):
        method = dataclasses.replace(method, num_steps=1)
    if hasattr(method, "num_grid_points"):  # the network, not the grid's own sums
        method = dataclasses.replace(method, nodes=16)
    state = jax.jit(method.init)(jr.normal(jr.key(0), (300, 2)), jr.key(2))
    trainable = method.build_trainable(energy, batch, jr.key(3))

    def update(trainable, state, key):
        both = eqx.filter_grad(lambda e: method.loss(e, batch, state, key), has_aux=True)
        return both(trainable)  # the state too: what makes it costs as well

    found = 128 * operations(update, trainable, state, jr.key(4)) / one
    said = method.network_evaluations(128, 2)
    good = abs(said - found) <= _COUNTED * abs(found)
    wanted = f"{found / 128:.1f} as XLA counts, to {100 * _COUNTED:.0f} %"
    return Check("network evaluations a datum", f"{said / 128:.1f}", wanted, good)


def operations(function, *arguments) -> float:
    """The floating-point operations that XLA counts in a compiled function."""
    compiled = eqx.filter_jit(function).lower(*arguments).compile()
    return compiled.compiled.cost_analysis()["flops"]


def _leaves(tree):
    return jax.tree.leaves(eqx.filter(tree, eqx.is_array))


def _finite(tree) -> bool:
    return all(np.isfinite(leaf).all() for leaf in _leaves(tree))
