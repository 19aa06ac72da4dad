"""Checks of a method against known results: what `ebmark check METHOD` runs."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PyTree

from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import MLP, FourierMLP, Key, Network, Quadratic, State, new_energy
from ebmark.methods import METHODS, AbstractBaseline, AbstractMethod, Recipe
from ebmark.metrics import density_metrics, target
from ebmark.partition_function import normalize_on_grid
from ebmark.training.divergence import is_finite
from ebmark.training.loop import train
from ebmark.training.snapshots import Fit

# of the Gaussian data; 1 for energies with a noise level as input
_VARIANCE = 1.7
# relative error of the Gaussian's precision after 600 updates
_MAX_PRECISION_ERROR = 0.06
# KL of exact maximum likelihood, nats: geometric means of 20 seeds (results/comparison)
_ORACLE_KL = {"eight_gaussians": 0.0086, "half_moons": 0.0064}
# relative error of the network evaluations; XLA counts operations outside the network as well
_MAX_COST_ERROR = 0.35


class Check(NamedTuple):
    """One check: its name, the result, the expected result, and whether it passed."""

    name: str
    result: str
    expected: str
    passed: bool


def checks(name: str) -> Iterator[Check]:
    """Check health, reproducibility, the stated cost and the optimum on a Gaussian.

    Args:
        name: a method of `METHODS`.

    Yields:
        The checks, as they are made.
    """
    recipe = METHODS[name]
    yield from short_run(recipe)
    # baselines have no network
    if not isinstance(recipe.method, AbstractBaseline):
        yield network_evaluations(recipe.method)
        yield from gaussian(recipe)


def quality(name: str, dataset: str, own: str | None = None) -> Check:
    """Check that KL(target || model) of the default recipe is below that of a Gaussian.

    The oracle's KL is given beside it (10,000 points, one seed).
    """
    scores = quality_of(METHODS[name], dataset, own)
    title = f"KL on {dataset}, nats (one seed, {scores['seconds']})"
    gaussian_kl = quality_of(METHODS["gaussian"], dataset)["kl"]
    expected = f"below {gaussian_kl:.4g}, that of a Gaussian (oracle: {_ORACLE_KL[dataset]:.2g})"
    if scores["divergence_reason"]:
        return Check(title, scores["divergence_reason"], expected, False)
    kl = scores["kl"]
    is_better = kl < gaussian_kl or name == "gaussian"
    return Check(
        title, f"{kl:.4f}{'' if is_better else ', worse than a Gaussian'}", expected, is_better
    )


def quality_of(recipe: Recipe, dataset: str, own: str | None = None) -> dict[str, Any]:
    """Train a recipe with one seed on a 1-D or 2-D dataset and evaluate its density.

    Args:
        recipe: what to train.
        dataset: name of a built-in dataset; 10,000 points of it are drawn.
        own: name of a registered network, in place of the default one.

    Returns:
        `seconds`, `divergence_reason`, and unless it diverged the density metrics.
    """
    source = SyntheticDataset(dataset)
    x, _ = source.split(10_000, 1, jr.key(0))
    units = Standardizer.fit(x)
    z = units.transform(x)
    num_extra_inputs = recipe.method.num_extra_inputs
    settings = Network(own=own).resolve(2)
    network = new_energy(settings, z, jr.key(1), num_extra_inputs=num_extra_inputs)
    fit = train(recipe, network, jnp.asarray(z, jnp.float32), key=jr.key(2))
    scores: dict[str, Any] = {
        "seconds": fit_seconds(fit),
        "divergence_reason": fit.divergence_reason,
    }
    if fit.divergence_reason is None:
        density = normalize_on_grid(fit.energy, source.grid(), units)
        if problem := density.problem():
            return scores | {"divergence_reason": problem}
        on_grid = target(source, density.grid)
        assert on_grid is not None
        scores.update(density_metrics(on_grid, density.log_density, density.grid))
    return scores


def fit_seconds(fit: Fit) -> str:
    """Format the CPU seconds of training."""
    return f"{fit.snapshots[-1].cpu_seconds:.1f} CPU s" if fit.snapshots else "stopped"


def short_run(recipe: Recipe) -> Iterator[Check]:
    """Check 250 updates on half-moons, made twice.

    The compiled loop itself rejects a method whose state changes its structure.
    """
    method = recipe.method
    x = SyntheticDataset("half_moons").draw(400, jr.key(0))
    data = jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32)
    settings = Network(num_features=8, width=8, wall_width=0).resolve(2)
    network = new_energy(settings, x, jr.key(1), num_extra_inputs=method.num_extra_inputs)
    short = dataclasses.replace(recipe, num_updates=min(recipe.num_updates, 250), batch_size=32)
    fit = train(short, network, data, key=jr.key(2))
    repeated = train(short, network, data, key=jr.key(2))
    is_healthy = fit.divergence_reason is None and is_finite(
        (fit.snapshots[-1].trainable, fit.state, fit.losses)
    )
    result = fit.divergence_reason or ("healthy" if is_healthy else "non-finite numbers")
    yield Check("250 updates on half-moons", result, "healthy", is_healthy)
    if not is_healthy:
        return
    is_same = _are_equal(fit.energy, repeated.energy)
    result = "identical" if is_same else "different"
    yield Check("same key, second run", result, "identical, bit for bit", is_same)
    last = fit.snapshots[-1]
    start = method.build_trainable(network, data, jr.split(jr.key(2), 3)[0])
    if short.num_updates:
        has_moved = not _are_equal(start, last.trainable)
        yield Check("parameters", "move" if has_moved else "do not move", "move", has_moved)
    native = eqx.filter_jit(method.sample)(last.trainable, fit.state, 20, jr.key(3))
    if native is not None:
        is_valid = native.shape == (20, 2) and is_finite(native)
        yield Check("native sampler", f"shape {native.shape}", "20 finite points", is_valid)
    diagnose = eqx.filter_jit(method.diagnostics)
    diagnostics = diagnose(last.trainable, fit.state, data, jr.key(4))
    for metric, value in diagnostics.items():
        yield Check(f"diagnostic {metric}", f"{float(value):.4g}", "finite", is_finite(value))


def gaussian(recipe: Recipe) -> Iterator[Check]:
    r"""Check the precision that a method learns from Gaussian data.

    $E(x) = \tfrac12 \lambda |x|^2$ is trained on $N(0, s^2 I)$ with 600 updates, from three times
    the target's precision. The expected value is the method's `gaussian_precision`, which is
    $1 / s^2$ except for known biases.
    """
    method = recipe.method
    variance = 1.0 if method.num_extra_inputs else _VARIANCE
    data = math.sqrt(variance) * _white_points()
    short = dataclasses.replace(
        recipe,
        num_updates=min(recipe.num_updates, 600),
        batch_size=1_024,
        learning_rate=0.02,
        ema_decay=0.98,
    )
    start = Quadratic(jnp.array(3 / variance), jnp.zeros(2 + method.num_extra_inputs))
    fit = train(short, start, data, key=jr.key(0))
    title = f"precision learned from N(0, {variance:g} I)"
    if fit.divergence_reason is not None:
        yield Check(title, fit.divergence_reason, "healthy", False)
        return
    expected = method.gaussian_precision(variance, fit.state)
    if expected is None:
        return
    precision = float(jnp.trace(jax.jit(jax.hessian(fit.energy))(jnp.zeros(2)))) / 2
    is_close = abs(precision - expected) <= _MAX_PRECISION_ERROR * abs(expected)
    tolerance = f"{expected:.4f} within {100 * _MAX_PRECISION_ERROR:.0f}%"
    yield Check(title, f"{precision:.4f}", tolerance, is_close)


@functools.cache
def _white_points() -> Float[Array, "n 2"]:
    """Return 40,000 points with mean 0 and covariance I exactly."""
    x = np.random.default_rng(0).normal(size=(40_000, 2))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T
    return jnp.asarray(x, jnp.float32)


def network_evaluations(method: AbstractMethod) -> Check:
    """Check the stated network evaluations against the operations that XLA counts.

    The network is a wide MLP. XLA counts the body of a loop once, so chains get one step here.
    """
    num_inputs = 2 + method.num_extra_inputs
    batch = jnp.ones((128, 2))
    make = functools.partial(MLP, width=256, depth=3)
    if hasattr(method, "num_critic"):
        # the critic has the size of the study's network, so the energy gets it, too
        make = FourierMLP
    energy = eqx.filter_jit(make)(num_inputs, key=jr.key(1))
    forward = operations(lambda e, x: jax.vmap(e)(x), energy, jnp.ones((128, num_inputs)))
    # the smallest counts, so that sums outside the network do not matter
    counts = {"num_critic": 1, "num_steps": 1, "num_grid_points": 16}
    small = {name: count for name, count in counts.items() if hasattr(method, name)}
    method = dataclasses.replace(method, **small)
    state = jax.jit(method.init)(jr.normal(jr.key(0), (300, 2)), jr.key(2))
    trainable = method.build_trainable(energy, batch, jr.key(3))

    def update(trainable: PyTree, state: State, key: Key) -> tuple[PyTree, State]:
        # the new state is returned as well, because its computation has a cost
        gradient = eqx.filter_grad(lambda e: method.loss(e, batch, state, key), has_aux=True)
        return gradient(trainable)

    counted = 128 * operations(update, trainable, state, jr.key(4)) / forward
    stated = method.network_evaluations(128, 2)
    is_close = abs(stated - counted) <= _MAX_COST_ERROR * abs(counted)
    expected = f"{counted / 128:.1f} as XLA counts, within {100 * _MAX_COST_ERROR:.0f}%"
    return Check("network evaluations per data point", f"{stated / 128:.1f}", expected, is_close)


def operations(function: Callable, *arguments: PyTree) -> float:
    """Return the floating-point operations that XLA counts in a compiled function."""
    program: Any = eqx.filter_jit(function)
    compiled = program.lower(*arguments).compile()
    return compiled.compiled.cost_analysis()["flops"]


def _leaves(tree: PyTree) -> list[Array]:
    return jax.tree.leaves(eqx.filter(tree, eqx.is_array))


def _are_equal(a: PyTree, b: PyTree) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(_leaves(a), _leaves(b), strict=True))
