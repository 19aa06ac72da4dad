"""The floor of the hot loops: their time beside that of their matrix products alone, in one run.

python -m benchmarks.limits        # one thread: see docs/performance.md
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

from benchmarks._clock import median
from ebmark.energies import MLP, Confined, FourierMLP
from ebmark.methods import METHODS, ContrastiveDivergence
from ebmark.metrics import wasserstein
from ebmark.samplers import Langevin, run_chains
from ebmark.system import threads
from ebmark.training.loop import train

os.environ.update(threads.single(dict(os.environ)))  # before anything counts the processors

_BATCH, _LOOPS, _REPEATS, _UPDATES = 256, 100, 10, 500

_median = functools.partial(median, repeats=_REPEATS, clock=time.process_time)  # CPU seconds


def product(width: int) -> float:
    """CPU seconds of one product of a batch with a square matrix of this width."""
    matrix = jnp.linalg.qr(jr.normal(jr.key(0), (width, width)))[0]  # keeps lengths: no infinities
    rows = jr.normal(jr.key(1), (_BATCH, width))
    loop = jax.jit(lambda m, h: jax.lax.fori_loop(0, 2 * _LOOPS, lambda _, h: h @ m, h))
    return _median(loop, matrix, rows) / (2 * _LOOPS)


def gradient_product(width: int) -> float:
    """CPU seconds of the product that gives the gradient in a square matrix: over the batch."""
    cotangents, rows = jr.normal(jr.key(0), (2, _BATCH, width))

    def body(_, carry):
        found, c = carry
        c = c.at[0, 0].set(1e-9 * found[0, 0])  # so that no turn can be left out
        return jax.lax.dot_general(c, rows, (((0,), (0,)), ((), ()))), c

    start = jnp.zeros((width, width))
    loop = jax.jit(lambda c: jax.lax.fori_loop(0, _LOOPS, body, (start, c))[0])
    return _median(loop, cotangents) / _LOOPS


def langevin(energy) -> float:
    """CPU seconds of a Langevin step of a batch of chains."""
    x = jr.normal(jr.key(2), (_BATCH, 2))
    run = eqx.filter_jit(lambda e, x, key: run_chains(Langevin(1e-3), e, x, _LOOPS, key).x)
    return _median(run, energy, x, jr.key(3)) / _LOOPS


def update(recipe, energy) -> float:
    """CPU seconds of one update, the optimizer included."""
    recipe = dataclasses.replace(recipe, num_updates=_UPDATES, batch_size=_BATCH)
    data = jr.normal(jr.key(4), (10_000, 2))
    return train(recipe, energy, data, key=jr.key(5)).snapshots[-1].cpu_seconds / _UPDATES


def main():
    plain = MLP(2, width=128, key=jr.key(6))
    study = Confined(FourierMLP(2, key=jr.key(6)))
    cd = dataclasses.replace(
        METHODS["cd"], method=ContrastiveDivergence(num_steps=20, adjusted=False)
    )
    wide, narrow = product(128), product(64)
    rows = [  # what, seconds, the products of which it cannot be rid
        ("gradient in a 128 x 128 matrix", gradient_product(128), wide),
        ("Langevin step, MLP 128-128", langevin(plain), 2 * wide),
        ("Langevin step, the study's network", langevin(study), 4 * narrow),
        ("CD-20 update, MLP 128-128", update(cd, plain), (20 * 2 + 6) * wide),
        ("DSM update, MLP 128-128", update(METHODS["dsm"], plain), 6 * wide),
        ("NCE update, MLP 128-128", update(METHODS["nce"], plain), 6 * wide),
    ]
    print("| what, 256 points | us | its products alone | share of the limit |\n|---|---|---|---|")
    for what, seconds, limit in rows:
        print(f"| {what} | {seconds * 1e6:.0f} | {limit * 1e6:.0f} | {limit / seconds:.0%} |")
    x, y = np.random.default_rng(0).normal(size=(2, 2_000, 2))
    for order in (1, 2):
        seconds = _median(lambda order=order: wasserstein(x, y, order=order))
        print(f"| exact W{order} of 2,000 points | {seconds * 1e6:.0f} | | |")


if __name__ == "__main__":
    main()
