"""What was tried on a Langevin step, each way beside the step as it is, in turn.

    python -m benchmarks.tried              # the perceptron 2-128-128-1, 256 chains, one thread
    python -m benchmarks.tried blocks       # 10,000 chains, all at once and in blocks
    python -m benchmarks.tried flags        # XLA's flags, a process each

docs/performance.md says what came of it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks._clock import in_turn, ratio, timed
from ebmark.energies import MLP, Confined, FourierMLP
from ebmark.samplers import Langevin, run_chains
from ebmark.system import threads

os.environ.update(threads.single(dict(os.environ)))  # before anything counts the processors

CHAINS, STEPS, STEP, REPEATS = 256, 100, 1e-3, 15
FLAGS = (
    "",  # with those of ebmark/threads.py
    "--xla_cpu_prefer_vector_width=256",
    "--xla_cpu_enable_fast_math=true --xla_cpu_fast_math_honor_division=false",
    "--xla_cpu_opt_preset=CPU_OPT_PRESET_FAST_RUNTIME",
    "--xla_cpu_use_xnnpack=false",
    "--xla_cpu_experimental_ynn_fusion_type=+eltwise",
    "--xla_cpu_experimental_ynn_fusion_type=-dot",
)

Step = Callable[[jax.Array, jax.Array], jax.Array]  # chains and a key to chains


def langevin(gradients: Callable[[jax.Array], jax.Array], draw=jr.normal) -> Step:
    """A step with these gradients of all rows."""

    def step(x, key):
        return x - STEP * gradients(x) + np.sqrt(2 * STEP) * draw(key, x.shape)

    return step


def scanned(step: Step, unroll: int = 1) -> Callable:
    """All steps as one program."""

    def run(x, key):
        body = lambda x, key: (step(x, key), None)  # noqa: E731
        return jax.lax.scan(body, x, jr.split(key, STEPS), unroll=unroll)[0]

    return jax.jit(run)


def blocks(step: Step, rows: int) -> Step:
    """The same, a block of chains after the other."""

    def one(x, key):
        parts, keys = x.reshape(-1, rows, x.shape[1]), jr.split(key, x.shape[0] // rows)
        return jax.lax.map(lambda part: step(*part), (parts, keys)).reshape(x.shape)

    return one


def silu_and_slope(z, tanh=jnp.tanh):
    """The activation and its derivative, from one tanh."""
    t = tanh(0.5 * z)
    half = 0.5 * (1 + t)
    return z * half, half + 0.25 * z * (1 - t * t)


def by_hand(energy: MLP, *, product=jnp.matmul, outer=False, turned=False, tanh=jnp.tanh):
    """The gradient of the perceptron written out: two square products, nothing computed twice."""
    one, two, last = energy.layers.layers
    transposed = jnp.array(two.weight.T)  # kept beside the matrix

    def gradients(x):
        if outer:
            z = sum(x[:, i, None] * one.weight[:, i] for i in range(x.shape[1])) + one.bias
        else:
            z = x @ one.weight.T + one.bias
        h, slope = silu_and_slope(z, tanh)
        z = product(h, transposed if turned else two.weight.T) + two.bias
        g = silu_and_slope(z, tanh)[1] * last.weight[0]
        g = product(g, two.weight) * slope
        if outer:
            return jnp.stack([g @ one.weight[:, i] for i in range(x.shape[1])], axis=1)
        return g @ one.weight

    return gradients


def in_bfloat16(a, b):
    """A product of numbers of 8 bits, summed in float32."""
    return jnp.matmul(
        a.astype(jnp.bfloat16), b.astype(jnp.bfloat16), preferred_element_type=jnp.float32
    )


def short_tanh(z):
    """A rational tanh of lower degree, exact to 3e-4 (the continued fraction, clipped)."""
    z = jnp.clip(z, -4.97, 4.97)
    s = z * z
    return z * (135135 + s * (17325 + s * (378 + s))) / (135135 + s * (62370 + s * (3150 + 28 * s)))


def box_muller(key, shape):
    """Normal deviates from uniform ones by an angle and a length."""
    u, v = jr.uniform(key, (2, shape[0]), minval=1e-12)
    length, angle = jnp.sqrt(-2 * jnp.log(u)), 2 * np.pi * v
    return jnp.stack([length * jnp.cos(angle), length * jnp.sin(angle)], axis=1)


def by_the_processor(key, shape):
    """Normal deviates of XLA's own generator (`rbg`)."""
    return jr.normal(jr.wrap_key_data(jnp.tile(jr.key_data(key), 2), impl="rbg"), shape)


def ways() -> dict[str, Callable]:
    """Every way by name; the first is the step as it is."""
    energy = MLP(2, width=128, key=jr.key(6))
    gradients, hand = jax.vmap(jax.grad(energy)), partial(by_hand, energy)

    def plainly(z):
        return z * jax.nn.sigmoid(z)

    swapped = energy.layers.__class__(2, "scalar", 128, 2, plainly, key=jr.key(6))
    ours = jax.jit(lambda x, key: run_chains(Langevin(STEP), energy, x, STEPS, key).x)
    zeros = lambda key, shape: jnp.zeros(shape)  # noqa: E731
    square = energy.layers.layers[1].weight

    def products(x, key):
        h = jnp.tile(x, (1, 64))
        return jax.lax.fori_loop(0, STEPS, lambda _, h: (h @ square.T) @ square, h)

    def products16(x, key):
        h = jnp.tile(x, (1, 64))
        body = lambda _, h: in_bfloat16(in_bfloat16(h, square.T), square)  # noqa: E731
        return jax.lax.fori_loop(0, STEPS, body, h)

    return {
        "as it is": ours,
        "its two square products alone": jax.jit(products),
        "these in bfloat16": jax.jit(products16),
        "no noise": scanned(langevin(gradients, zeros)),
        "noise by Box and Muller": scanned(langevin(gradients, box_muller)),
        "noise by XLA's generator": scanned(langevin(gradients, by_the_processor)),
        "z sigmoid(z), differentiated by JAX": scanned(langevin(jax.vmap(jax.grad(swapped)))),
        "gradient by hand": scanned(langevin(hand())),
        "by hand, a tanh of lower degree": scanned(langevin(hand(tanh=short_tanh))),
        "by hand, outer products for the first layer": scanned(langevin(hand(outer=True))),
        "by hand, transposed weights kept": scanned(langevin(hand(turned=True))),
        "by hand, products in bfloat16": scanned(langevin(hand(product=in_bfloat16))),
        "loop unrolled twice": scanned(langevin(gradients), unroll=2),
        "loop unrolled four times": scanned(langevin(gradients), unroll=4),
        "blocks of 64 chains": scanned(blocks(langevin(gradients), 64)),
        "blocks of 128 chains": scanned(blocks(langevin(gradients), 128)),
    }


def measured(chosen: dict[str, Callable], repeats: int) -> dict[str, list[float]]:
    x, key = jr.normal(jr.key(2), (CHAINS, 2)), jr.key(3)
    tasks = {
        name: timed(lambda run=run: jax.block_until_ready(run(x, key)))
        for name, run in chosen.items()
    }
    return in_turn(tasks, repeats)


def in_blocks() -> None:
    """10,000 chains, `run_chains` as it is and with other blocks."""
    from ebmark.samplers import _base

    energy, key, steps = MLP(2, width=128, key=jr.key(6)), jr.key(3), 5
    x = jr.normal(jr.key(2), (10_000, 2))
    tasks = {}
    for rows in (_base._BLOCK, 250, 500, 2_000, 10_000):
        _base._BLOCK = rows
        run = jax.jit(lambda x, key: run_chains(Langevin(STEP), energy, x, steps, key).x)
        jax.clear_caches()
        run = run.lower(x, key).compile()
        tasks[f"blocks of {rows:,}"] = timed(lambda run=run: jax.block_until_ready(run(x, key)))
    table(in_turn(tasks, 7), steps * len(x) / CHAINS)


def table(found: dict[str, list[float]], loops: float) -> None:
    """A row a way: the median, and the share of the first way's."""
    base = next(iter(found.values()))
    print("| way | us | of the first |\n|---|---:|---:|")
    for name, seconds in found.items():
        share, low, high = ratio(seconds, base)
        median = np.median(seconds) / loops * 1e6
        print(f"| {name} | {median:.0f} | {share:.2f} ({low:.2f} to {high:.2f}) |")


def by_flags() -> None:
    """The step as it is and the study's network, in a process for each flag, two rounds."""
    found: dict[str, dict[str, list[float]]] = {flag: {} for flag in FLAGS}
    for _ in range(2):
        for flag in FLAGS:
            environment = os.environ | {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {flag}"}
            command = [sys.executable, "-m", "benchmarks.tried", "once"]
            said = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
            for name, seconds in json.loads(said.splitlines()[-1]).items():
                found[flag].setdefault(name, []).extend(seconds)
    print("| flags | MLP 128-128, us | the study's network, us |\n|---|---:|---:|")
    for flag, rows in found.items():
        cells = [f"{np.median(rows[name]) / STEPS * 1e6:.0f}" for name in ("plain", "study")]
        print(f"| {flag or 'none'} | {' | '.join(cells)} |")


def once() -> None:
    energies = {
        "plain": MLP(2, width=128, key=jr.key(6)),
        "study": Confined(FourierMLP(2, key=jr.key(6))),
    }
    chosen = {
        name: jax.jit(lambda x, key, e=e: run_chains(Langevin(STEP), e, x, STEPS, key).x)
        for name, e in energies.items()
    }
    print(json.dumps(measured(chosen, REPEATS)))


def main() -> None:
    ways_of_timing = {"once": once, "flags": by_flags, "blocks": in_blocks}
    if sys.argv[1:]:
        return ways_of_timing[sys.argv[1]]()
    table(measured(ways(), REPEATS), STEPS)


if __name__ == "__main__":
    main()
