"""Lower bounds of the hot loops: their time relative to that of their matrix products alone.

python -m benchmarks.system.limits        # one thread: see docs/system/performance.md
"""

import dataclasses
import functools
import os
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks._clock import median_seconds
from ebmark.energies import MLP, Confined, Energy, FourierMLP
from ebmark.methods import METHODS, ContrastiveDivergence, Recipe
from ebmark.metrics import wasserstein
from ebmark.samplers import Langevin, run_chains
from ebmark.system import flags, threads
from ebmark.training.loop import train

# Before any library counts the processors.
os.environ.update(threads.single(dict(os.environ)))

_BATCH_SIZE = 256
_NUM_LOOPS = 100
_NUM_UPDATES = 500

_cpu_seconds = functools.partial(median_seconds, repeats=10, clock=time.process_time)


def product(width: int) -> float:
    """Return the CPU seconds of the product of a batch and a square matrix of this width."""
    # An orthogonal matrix keeps the lengths of the rows, so that no product overflows.
    matrix = jnp.linalg.qr(jr.normal(jr.key(0), (width, width)))[0]
    rows = jr.normal(jr.key(1), (_BATCH_SIZE, width))
    num_products = 2 * _NUM_LOOPS
    loop = jax.jit(lambda m, h: jax.lax.fori_loop(0, num_products, lambda _, h: h @ m, h))
    return _cpu_seconds(loop, matrix, rows) / num_products


def gradient_product(width: int) -> float:
    """Return the CPU seconds of the gradient in a square matrix: a product over the batch."""
    cotangents, rows = jr.normal(jr.key(0), (2, _BATCH_SIZE, width))

    def body(_, carry):
        gradient, c = carry
        # Each product depends on the one before, so that the compiler cannot drop any.
        c = c.at[0, 0].set(1e-9 * gradient[0, 0])
        return jax.lax.dot_general(c, rows, (((0,), (0,)), ((), ()))), c

    start = jnp.zeros((width, width))
    loop = jax.jit(lambda c: jax.lax.fori_loop(0, _NUM_LOOPS, body, (start, c))[0])
    return _cpu_seconds(loop, cotangents) / _NUM_LOOPS


def langevin(energy: Energy) -> float:
    """Return the CPU seconds of one Langevin step of a batch of chains."""
    x = jr.normal(jr.key(2), (_BATCH_SIZE, 2))
    run = eqx.filter_jit(lambda e, x, key: run_chains(Langevin(1e-3), e, x, _NUM_LOOPS, key).x)
    return _cpu_seconds(run, energy, x, jr.key(3)) / _NUM_LOOPS


def update(recipe: Recipe, energy: Energy) -> float:
    """Return the CPU seconds of one update, the optimizer included."""
    recipe = dataclasses.replace(recipe, num_updates=_NUM_UPDATES, batch_size=_BATCH_SIZE)
    data = jr.normal(jr.key(4), (10_000, 2))
    fit = train(recipe, energy, data, key=jr.key(5))
    return fit.snapshots[-1].cpu_seconds / _NUM_UPDATES


def main() -> None:
    """Print the table."""
    flags.pin_flags()
    plain = MLP(2, width=128, key=jr.key(6))
    study = Confined(FourierMLP(2, key=jr.key(6)))
    cd_method = ContrastiveDivergence(num_steps=20, adjusted=False)
    cd = dataclasses.replace(METHODS["cd"], method=cd_method)
    wide = product(128)
    narrow = product(64)
    # Of each loop: its name, its seconds, and the seconds of its matrix products.
    rows = [
        ("gradient in a 128 x 128 matrix", gradient_product(128), wide),
        ("Langevin step, MLP 128-128", langevin(plain), 2 * wide),
        ("Langevin step, the study's network", langevin(study), 4 * narrow),
        ("CD-20 update, MLP 128-128", update(cd, plain), (20 * 2 + 6) * wide),
        ("DSM update, MLP 128-128", update(METHODS["dsm"], plain), 6 * wide),
        ("NCE update, MLP 128-128", update(METHODS["nce"], plain), 6 * wide),
    ]
    print("| loop, 256 points | us | matrix products only | fraction |\n|---|---|---|---|")
    for name, seconds, bound in rows:
        print(f"| {name} | {seconds * 1e6:.0f} | {bound * 1e6:.0f} | {bound / seconds:.0%} |")
    x, y = np.random.default_rng(0).normal(size=(2, 2_000, 2))
    for order in (1, 2):
        seconds = _cpu_seconds(lambda order=order: wasserstein(x, y, order=order))
        print(f"| exact W{order} of 2,000 points | {seconds * 1e6:.0f} | | |")


if __name__ == "__main__":
    main()
