"""Speed of a GPU: `python -m benchmarks.system.gpu` writes gpu.json, on a machine with a GPU.

Elapsed seconds of compiled code, on the GPU and on one thread of the same machine, each in its own
process. A part that fails records its error; the others are measured.
"""

import dataclasses
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks._clock import median_seconds
from ebmark.system import flags, threads

RESULTS = Path(__file__).parents[1] / "results"
SEEDS = {"gpu": (1, 10, 100), "cpu": (1, 10)}
PRECISIONS = {"gpu": ("default", "highest"), "cpu": ("default",)}
# One process each, the most informative first.
PARTS = {
    "loops of 256 rows": lambda platform: loops(platform, 256, "highest"),
    "loops of 65,536 rows": lambda platform: loops(platform, 65_536, "highest"),
    "seeds by vmap": lambda platform: seeds(platform),
    "digest": lambda platform: digests(platform),
    "digest, repeated": lambda platform: digests(platform),
    "loops of 65,536 rows in TF32": lambda platform: loops(platform, 65_536, "default"),
    "agreement": lambda platform: agreement(platform),
}
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


def seeds(platform: str) -> dict[int, float]:
    """Return the microseconds per update of NCE, by the number of seeds trained by vmap."""
    import jax.random as jr

    from benchmarks.training.seeds import vectorize
    from benchmarks.training.steps import draw_points
    from ebmark.methods import METHODS

    recipe = dataclasses.replace(METHODS["nce"], num_updates=1_000)
    microseconds = {}
    for num_seeds in SEEDS[platform]:
        data = draw_points("half_moons")
        start, finish = vectorize(recipe, data, jr.split(jr.key(0), num_seeds))
        carry = start()
        # The first call compiles.
        finish(carry)
        began = time.perf_counter()
        finish(carry)
        microseconds[num_seeds] = 1e6 * (time.perf_counter() - began) / recipe.num_updates
    return microseconds


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


def main() -> int:
    """Run the command, or one part in the process of a platform; the exit status."""
    flags.pin_flags()
    if len(sys.argv) == 3 and sys.argv[2] in PRECISIONS:
        _print_part(*sys.argv[1:])
        return 0
    from ebmark.store.provenance import device, versions
    from ebmark.system.writing import write_whole

    out = Path(os.environ.get("OUT", RESULTS)) / "gpu.json"
    made: dict[str, Any] = {"processor": device(), "versions": versions(), "gpu": {}, "cpu": {}}

    def measure(platform: str) -> None:
        for part in sys.argv[1:] or PARTS:
            made[platform][part] = _run_part(part, platform)
            print(f"{part}, {platform}: {json.dumps(made[platform][part])}", flush=True)
            write_whole(out, json.dumps(made, indent=1) + "\n")

    # Side by side: one uses one thread of the processor, the other the GPU and another thread.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(measure, PRECISIONS))
    return 0


def _print_part(part: str, platform: str) -> None:
    """Measure a part on the devices of this process and print the result as JSON."""
    import jax

    devices = jax.devices()
    began = time.perf_counter()
    assert devices[0].platform == platform, f"expected a {platform}, found {devices}"
    result = PARTS[part](platform)
    seconds = round(time.perf_counter() - began, 1)
    print(json.dumps({"device": devices[0].device_kind, "seconds": seconds, "result": result}))


def _run_part(part: str, platform: str) -> dict[str, Any]:
    """Measure a part in a new process; return its result or the last line of its error."""
    environment = threads.single(dict(os.environ))
    if platform == "cpu":
        environment["JAX_PLATFORMS"] = "cpu"
    command = [sys.executable, "-m", "benchmarks.system.gpu", part, platform]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ended.returncode:
        return {"error": ended.stderr.splitlines()[-1:]}
    return json.loads(ended.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
