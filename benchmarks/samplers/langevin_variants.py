"""Variants of a Langevin step, each measured in turn with the current step.

    python -m benchmarks.samplers.langevin_variants           # MLP 2-128-128-1, 256 chains
    python -m benchmarks.samplers.langevin_variants blocks    # 10,000 chains, several block sizes
    python -m benchmarks.samplers.langevin_variants flags     # XLA flags, one process each

All on one thread. docs/system/performance.md has the results.
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

from benchmarks._clock import make_task, measure_in_turn, ratio
from ebmark.energies import MLP, Confined, FourierMLP
from ebmark.samplers import Langevin, run_chains
from ebmark.system import flags, threads

# Before any library counts the processors.
os.environ.update(threads.single(dict(os.environ)))

NUM_CHAINS = 256
NUM_STEPS = 100
STEP_SIZE = 1e-3
REPEATS = 15
# In addition to those of ebmark/system/threads.py.
FLAGS = (
    "",
    "--xla_cpu_prefer_vector_width=256",
    "--xla_cpu_enable_fast_math=true --xla_cpu_fast_math_honor_division=false",
    "--xla_cpu_opt_preset=CPU_OPT_PRESET_FAST_RUNTIME",
    "--xla_cpu_use_xnnpack=false",
    "--xla_cpu_experimental_ynn_fusion_type=+eltwise",
    "--xla_cpu_experimental_ynn_fusion_type=-dot",
)

# Maps chains (n, 2) and a key to chains (n, 2).
Step = Callable[[jax.Array, jax.Array], jax.Array]


def make_step(
    gradients: Callable[[jax.Array], jax.Array], draw_noise: Callable = jr.normal
) -> Step:
    """Return a Langevin step with these gradients of all rows."""

    def step(x, key):
        noise = draw_noise(key, x.shape)
        return x - STEP_SIZE * gradients(x) + np.sqrt(2 * STEP_SIZE) * noise

    return step


def compile_steps(step: Step, unroll: int = 1) -> Callable:
    """Return all steps as one compiled program."""

    def run(x, key):
        def body(x, key):
            return step(x, key), None

        return jax.lax.scan(body, x, jr.split(key, NUM_STEPS), unroll=unroll)[0]

    return jax.jit(run)


def split_into_blocks(step: Step, num_rows: int) -> Step:
    """Return the step applied to one block of chains after the other."""

    def blocked_step(x, key):
        blocks = x.reshape(-1, num_rows, x.shape[1])
        keys = jr.split(key, x.shape[0] // num_rows)
        return jax.lax.map(lambda block: step(*block), (blocks, keys)).reshape(x.shape)

    return blocked_step


def silu_and_derivative(z: jax.Array, tanh: Callable = jnp.tanh) -> tuple[jax.Array, jax.Array]:
    """Return the activation and its derivative, from one tanh."""
    t = tanh(0.5 * z)
    half = 0.5 * (1 + t)
    return z * half, half + 0.25 * z * (1 - t * t)


def explicit_gradients(
    energy: MLP,
    *,
    product: Callable = jnp.matmul,
    has_outer_first_layer: bool = False,
    has_transposed_weights: bool = False,
    tanh: Callable = jnp.tanh,
) -> Callable[[jax.Array], jax.Array]:
    """Return the gradient of the MLP written out: two square products, nothing computed twice.

    Args:
        energy: the MLP with two hidden layers.
        product: the matrix product.
        has_outer_first_layer: compute the first layer by outer products.
        has_transposed_weights: store the transposed weights of the second layer.
        tanh: the hyperbolic tangent.
    """
    first, second, last = energy.layers.layers
    transposed = jnp.array(second.weight.T)

    def gradients(x):
        if has_outer_first_layer:
            columns = range(x.shape[1])
            z = sum(x[:, i, None] * first.weight[:, i] for i in columns) + first.bias
        else:
            z = x @ first.weight.T + first.bias
        h, derivative = silu_and_derivative(z, tanh)
        z = product(h, transposed if has_transposed_weights else second.weight.T) + second.bias
        g = silu_and_derivative(z, tanh)[1] * last.weight[0]
        g = product(g, second.weight) * derivative
        if has_outer_first_layer:
            return jnp.stack([g @ first.weight[:, i] for i in range(x.shape[1])], axis=1)
        return g @ first.weight

    return gradients


def bfloat16_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Multiply matrices rounded to bfloat16, with sums in float32."""
    return jnp.matmul(
        a.astype(jnp.bfloat16), b.astype(jnp.bfloat16), preferred_element_type=jnp.float32
    )


def rational_tanh(z: jax.Array) -> jax.Array:
    """Approximate tanh to 3e-4 by its continued fraction, clipped."""
    z = jnp.clip(z, -4.97, 4.97)
    s = z * z
    return z * (135135 + s * (17325 + s * (378 + s))) / (135135 + s * (62370 + s * (3150 + 28 * s)))


def box_muller(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Draw normal numbers from uniform ones by the Box-Muller transform."""
    u, v = jr.uniform(key, (2, shape[0]), minval=1e-12)
    length = jnp.sqrt(-2 * jnp.log(u))
    angle = 2 * np.pi * v
    return jnp.stack([length * jnp.cos(angle), length * jnp.sin(angle)], axis=1)


def xla_normal(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Draw normal numbers with XLA's own generator (`rbg`)."""
    return jr.normal(jr.wrap_key_data(jnp.tile(jr.key_data(key), 2), impl="rbg"), shape)


def zeros(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Return no noise."""
    return jnp.zeros(shape)


def variants() -> dict[str, Callable]:
    """Return every variant by name; the first is the current step."""
    energy = MLP(2, width=128, key=jr.key(6))
    gradients = jax.vmap(jax.grad(energy))
    explicit = partial(explicit_gradients, energy)

    def swish(z):
        return z * jax.nn.sigmoid(z)

    with_swish = energy.layers.__class__(2, "scalar", 128, 2, swish, key=jr.key(6))
    square = energy.layers.layers[1].weight

    def current(x, key):
        return run_chains(Langevin(STEP_SIZE), energy, x, NUM_STEPS, key).x

    def multiply(product):
        def run(x, key):
            h = jnp.tile(x, (1, 64))
            return jax.lax.fori_loop(
                0, NUM_STEPS, lambda _, h: product(product(h, square.T), square), h
            )

        return jax.jit(run)

    steps = {
        "no random numbers": make_step(gradients, zeros),
        "Box-Muller transform": make_step(gradients, box_muller),
        "XLA's generator (`rbg`)": make_step(gradients, xla_normal),
        "z sigmoid(z), differentiated by JAX": make_step(jax.vmap(jax.grad(with_swish))),
        "explicit gradient": make_step(explicit()),
        "explicit gradient, tanh of lower degree": make_step(explicit(tanh=rational_tanh)),
        "explicit gradient, outer products for the first layer": make_step(
            explicit(has_outer_first_layer=True)
        ),
        "explicit gradient, stored transposed weights": make_step(
            explicit(has_transposed_weights=True)
        ),
        "explicit gradient, products in bfloat16": make_step(explicit(product=bfloat16_product)),
        "blocks of 64 chains": split_into_blocks(make_step(gradients), 64),
        "blocks of 128 chains": split_into_blocks(make_step(gradients), 128),
    }
    return {
        "current step": jax.jit(current),
        "its two square products alone": multiply(jnp.matmul),
        "these in bfloat16": multiply(bfloat16_product),
        **{name: compile_steps(step) for name, step in steps.items()},
        "loop unrolled twice": compile_steps(make_step(gradients), unroll=2),
        "loop unrolled four times": compile_steps(make_step(gradients), unroll=4),
    }


def measure(programs: dict[str, Callable], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each program on 256 chains, in turn."""
    x = jr.normal(jr.key(2), (NUM_CHAINS, 2))
    key = jr.key(3)
    tasks = {
        name: make_task(lambda run=run: jax.block_until_ready(run(x, key)))
        for name, run in programs.items()
    }
    return measure_in_turn(tasks, repeats)


def measure_blocks() -> None:
    """Measure `run_chains` on 10,000 chains with the current and other block sizes."""
    from ebmark.samplers import _base

    energy = MLP(2, width=128, key=jr.key(6))
    key = jr.key(3)
    num_steps = 5
    x = jr.normal(jr.key(2), (10_000, 2))
    tasks = {}
    for num_rows in (_base._BLOCK, 250, 500, 2_000, 10_000):
        _base._BLOCK = num_rows
        run = jax.jit(lambda x, key: run_chains(Langevin(STEP_SIZE), energy, x, num_steps, key).x)
        jax.clear_caches()
        run = run.lower(x, key).compile()
        name = f"blocks of {num_rows:,}"
        tasks[name] = make_task(lambda run=run: jax.block_until_ready(run(x, key)))
    print_table(measure_in_turn(tasks, 7), num_steps * len(x) / NUM_CHAINS)


def print_table(seconds: dict[str, list[float]], num_loops: float) -> None:
    """Print the median time of each variant, and its ratio to the first one."""
    reference = next(iter(seconds.values()))
    print("| variant | us | relative to the first |\n|---|---:|---:|")
    for name, values in seconds.items():
        of_medians, low, high = ratio(values, reference)
        median = np.median(values) / num_loops * 1e6
        print(f"| {name} | {median:.0f} | {of_medians:.2f} ({low:.2f} to {high:.2f}) |")


def measure_flags() -> None:
    """Measure the current step and the study's network, two rounds with a process per flag."""
    seconds: dict[str, dict[str, list[float]]] = {flag: {} for flag in FLAGS}
    command = [sys.executable, "-m", "benchmarks.samplers.langevin_variants", "once"]
    for _ in range(2):
        for flag in FLAGS:
            environment = os.environ | {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {flag}"}
            ended = subprocess.run(command, env=environment, capture_output=True, check=True)
            for name, values in json.loads(ended.stdout.splitlines()[-1]).items():
                seconds[flag].setdefault(name, []).extend(values)
    print("| flags | MLP 128-128, us | the study's network, us |\n|---|---:|---:|")
    for flag, by_network in seconds.items():
        plain, study = (np.median(by_network[name]) / NUM_STEPS for name in ("plain", "study"))
        print(f"| {flag or 'none'} | {plain * 1e6:.0f} | {study * 1e6:.0f} |")


def measure_once() -> None:
    """Print the seconds of both networks as JSON: the process of one flag."""
    energies = {
        "plain": MLP(2, width=128, key=jr.key(6)),
        "study": Confined(FourierMLP(2, key=jr.key(6))),
    }

    def compile_chains(energy):
        return jax.jit(lambda x, key: run_chains(Langevin(STEP_SIZE), energy, x, NUM_STEPS, key).x)

    programs = {name: compile_chains(energy) for name, energy in energies.items()}
    print(json.dumps(measure(programs, REPEATS)))


def main() -> None:
    """Run the command."""
    flags.pin_flags()
    modes = {"once": measure_once, "flags": measure_flags, "blocks": measure_blocks}
    if sys.argv[1:]:
        modes[sys.argv[1]]()
    else:
        print_table(measure(variants(), REPEATS), NUM_STEPS)


if __name__ == "__main__":
    main()
