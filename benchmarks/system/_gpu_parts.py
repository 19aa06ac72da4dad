"""What `benchmarks.system.gpu` measures, each part in a process of its own."""

import dataclasses
import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._clock import median_seconds

NUM_SEEDS = {"gpu": (1, 10, 100), "cpu": (1, 10)}
PRECISIONS = {"gpu": ("default", "highest"), "cpu": ("default",)}
_elapsed = functools.partial(median_seconds, repeats=5, clock=time.perf_counter)


def loops(platform: str, rows: int, precision: str) -> dict[str, float]:
    """Return the microseconds of each hot loop.

    Args:
        platform: "gpu" or "cpu".
        rows: the batch size, or the number of chains.
        precision: the precision of matrix products.
    """
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jax.random as jr

    from benchmarks.training.steps import plain_mlp
    from ebmark.methods import METHODS, ContrastiveDivergence
    from ebmark.samplers import Langevin, run_chains
    from ebmark.training.loop import train

    jax.config.update("jax_default_matmul_precision", precision)
    num_loops = 100 if platform == "gpu" or rows < 5_000 else 10
    # An orthogonal matrix keeps the lengths of the rows, so that no product overflows.
    square = jnp.linalg.qr(jr.normal(jr.key(0), (128, 128)))[0]
    products = jax.jit(lambda m, h: jax.lax.fori_loop(0, num_loops, lambda _, h: h @ m, h))
    chains = eqx.filter_jit(lambda e, x, key: run_chains(Langevin(1e-3), e, x, num_loops, key).x)
    h = jr.normal(jr.key(1), (rows, 128))
    x = jr.normal(jr.key(2), (rows, 2))
    seconds = {
        "matrix product": _elapsed(products, square, h) / num_loops,
        "Langevin step": _elapsed(chains, plain_mlp(), x, jr.key(3)) / num_loops,
    }
    cd = ContrastiveDivergence(num_steps=20, step_size=1e-3, adjusted=False)
    recipes = {
        "DSM update": METHODS["dsm"],
        "NCE update": METHODS["nce"],
        "CD-20 update": dataclasses.replace(METHODS["cd"], method=cd),
    }
    data = jr.normal(jr.key(4), (10_000, 2))
    for name, recipe in recipes.items():
        num_updates = num_loops if "CD" in name else 5 * num_loops
        recipe = dataclasses.replace(recipe, num_updates=num_updates, batch_size=rows)
        fit = train(recipe, plain_mlp(), data, key=jr.key(5))
        seconds[name] = fit.snapshots[-1].seconds / num_updates
    return {name: 1e6 * value for name, value in seconds.items()}


def seeds(platform: str, method: str) -> dict[str, dict[str, float]]:
    """Return the seconds of training seeds side by side, by their number: compilation, updates."""
    import jax.random as jr

    from benchmarks.training.steps import draw_points
    from ebmark.energies import Network, new_energy
    from ebmark.methods import METHODS
    from ebmark.training.loop import train
    from ebmark.training.side_by_side import Seed, train_side_by_side

    recipe = METHODS[method]
    data = draw_points("half_moons")
    energy = new_energy(vars(Network()), data, jr.key(0))
    # whatever both share is compiled before
    train(dataclasses.replace(recipe, num_updates=1), energy, data, key=jr.key(0))
    by_number = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in NUM_SEEDS[platform]:
            paths = [Path(folder) / f"{number}-{seed}.ckpt" for seed in range(number)]
            group = [Seed(energy, data, jr.key(seed), path) for seed, path in enumerate(paths)]
            began = time.perf_counter()
            assert train_side_by_side(recipe, group, [recipe.num_updates])
            by_number[str(number)] = {"all": time.perf_counter() - began}
            fit = train(recipe, energy, data, key=jr.key(0), checkpoint_path=paths[0])
            by_number[str(number)]["updates"] = number * fit.snapshots[-1].seconds
    return by_number


def chains(platform: str) -> dict[str, float]:
    """Return the seconds of 2,000 Langevin steps of 100,000 chains, and of their products alone.

    A step of the MLP 2-128-128-1 has two products with the 128 x 128 matrix, forward and backward.
    """
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jax.random as jr

    from benchmarks.training.steps import plain_mlp
    from ebmark.samplers import Langevin, run_chains

    num_chains, num_steps = (100_000, 2_000) if platform == "gpu" else (100_000, 20)
    jax.config.update("jax_default_matmul_precision", "highest")
    energy = plain_mlp()
    x = jr.normal(jr.key(0), (num_chains, 2))
    run = eqx.filter_jit(lambda e, x, key: run_chains(Langevin(1e-3), e, x, num_steps, key).x)
    seconds = median_seconds(run, energy, x, jr.key(1), repeats=3, clock=time.perf_counter)
    square = jnp.linalg.qr(jr.normal(jr.key(2), (128, 128)))[0]
    h = jr.normal(jr.key(3), (num_chains, 128))
    products = jax.jit(lambda m, h: jax.lax.fori_loop(0, num_steps, lambda _, h: h @ m, h))
    product_seconds = _elapsed(products, square, h)
    products_alone = 2 * product_seconds
    return {
        "seconds": seconds,
        "matrix products alone": products_alone,
        "fraction of their rate": products_alone / seconds,
        "TFLOP/s of the products": 1e-12 * num_steps * 2 * num_chains * 128**2 / product_seconds,
    }


def study(platform: str) -> dict[str, float]:
    """Return the elapsed seconds of `ebmark run toy`: 10 seeds a program, or on two cores."""
    options = {"gpu": ["--seeds-per-program", "10", "--jobs", "6"], "cpu": ["--jobs", "2"]}
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        environment["EBMARK_CACHE"] = f"{folder}/cache"
        out = ["--out", f"{folder}/toy", "--no-progress-bar"]
        command = [sys.executable, "-m", "ebmark", "run", "toy", *options[platform], *out]
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return {"seconds": time.perf_counter() - began}


def agreement(platform: str) -> dict[str, dict[str, float]]:
    """Return the KL of three methods by precision; on a GPU also its rounding errors."""
    import jax

    from ebmark.methods import METHODS
    from ebmark.training.checks import quality_of

    by_precision = {}
    for precision in PRECISIONS[platform]:
        jax.config.update("jax_default_matmul_precision", precision)
        by_precision[precision] = {
            f"{method} on {dataset}": quality_of(METHODS[method], dataset)["kl"]
            for method in ("nce", "dsm", "mle")
            for dataset in ("eight_gaussians", "half_moons")
        }
    if platform == "gpu":
        for precision, errors in rounding_errors().items():
            by_precision[precision].update(errors)
    return by_precision


def rounding_errors() -> dict[str, dict[str, float]]:
    """Return how far energies and gradients of one network are from those of the processor."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jax.random as jr
    import numpy as np

    from benchmarks.training.steps import draw_points
    from ebmark.energies import Network, new_energy
    from ebmark.methods import METHODS
    from ebmark.training.loop import train

    jax.config.update("jax_default_matmul_precision", "highest")
    data = draw_points("half_moons")
    network = new_energy(vars(Network()), data, jr.key(1))
    energy = train(METHODS["nce"], network, data, key=jr.key(2)).energy
    x = jr.normal(jr.key(3), (10_000, 2))

    @eqx.filter_jit
    def evaluate(energy, x):
        return jax.vmap(jax.value_and_grad(energy))(x)

    values = {}
    for precision in ("default", "highest"):
        jax.config.update("jax_default_matmul_precision", precision)
        values[precision] = jax.tree.map(np.asarray, evaluate(energy, x))
    with jax.default_device(jax.devices("cpu")[0]):
        host_energy = jax.tree.map(
            lambda leaf: jnp.asarray(np.asarray(leaf)) if eqx.is_array(leaf) else leaf, energy
        )
        host_x = jnp.asarray(np.asarray(x))
        host_energies, host_gradients = jax.tree.map(np.asarray, evaluate(host_energy, host_x))
    errors = {}
    for precision, (energies, gradients) in values.items():
        difference = energies - host_energies
        gradient_error = np.linalg.norm(gradients - host_gradients)
        errors[precision] = {
            "energy error, nats, rms": float(np.sqrt(np.mean(difference**2))),
            "energy error, nats, max": float(np.abs(difference).max()),
            "gradient error, relative": float(gradient_error / np.linalg.norm(host_gradients)),
        }
    return errors


def digests(platform: str) -> dict[str, str]:
    """Return a digest of all numbers of short trainings, to compare with another process."""
    import jax
    import numpy as np

    from benchmarks.training.steps import draw_points
    from ebmark.energies import Network, new_energy
    from ebmark.methods import METHODS
    from ebmark.training.loop import train

    data = draw_points("half_moons")
    by_method = {}
    for method in ("cd", "dsm", "nce", "mle"):
        recipe = dataclasses.replace(METHODS[method], num_updates=1_000)
        network = new_energy(vars(Network()), data, jax.random.key(1))
        fit = train(recipe, network, data, key=jax.random.key(2))
        digest = hashlib.sha256()
        for leaf in jax.tree.leaves(fit.energy):
            if isinstance(leaf, jax.Array):
                digest.update(np.asarray(leaf).tobytes())
        by_method[method] = digest.hexdigest()[:16]
    return by_method
