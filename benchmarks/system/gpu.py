"""What a GPU gives: python -m benchmarks.gpu makes gpu.json, on a machine with one.

Wall seconds, of compiled code, the GPU beside one thread of the same machine's processor, each in a
process of its own. A part that ends in an error says so, and the others are measured nevertheless.
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

from benchmarks._clock import median
from ebmark.system import threads

RESULTS = Path(__file__).parents[1] / "results"
SEEDS = {"gpu": (1, 10, 100), "cpu": (1, 10)}
PRECISIONS = {"gpu": ("default", "highest"), "cpu": ("default",)}
PARTS = {  # in a process each, the first what one would most like to know
    "loops of 256 rows": lambda platform: loops(platform, 256, "highest"),
    "loops of 65,536 rows": lambda platform: loops(platform, 65_536, "highest"),
    "seeds at once": lambda platform: seeds(platform),
    "a run": lambda platform: repeat(platform),
    "the run again": lambda platform: repeat(platform),
    "loops of 65,536 rows in TF32": lambda platform: loops(platform, 65_536, "default"),
    "agreement": lambda platform: agreement(platform),
}
_median = functools.partial(median, repeats=5, clock=time.perf_counter)  # wall seconds


def loops(platform: str, rows: int, precision: str) -> dict[str, float]:
    """Microseconds of the hot loops by number of rows and by the products' precision."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jax.random as jr

    from benchmarks.training.steps import plain
    from ebmark.methods import METHODS, ContrastiveDivergence
    from ebmark.samplers import Langevin, run_chains
    from ebmark.training.loop import train

    jax.config.update("jax_default_matmul_precision", precision)
    turns = 100 if platform == "gpu" or rows < 5_000 else 10
    square = jnp.linalg.qr(jr.normal(jr.key(0), (128, 128)))[0]  # keeps lengths: no infinities
    products = jax.jit(lambda m, h: jax.lax.fori_loop(0, turns, lambda _, h: h @ m, h))
    found = {"a product": _median(products, square, jr.normal(jr.key(1), (rows, 128))) / turns}
    chains = eqx.filter_jit(lambda e, x, key: run_chains(Langevin(1e-3), e, x, turns, key).x)
    x = jr.normal(jr.key(2), (rows, 2))
    found["a Langevin step"] = _median(chains, plain(), x, jr.key(3)) / turns

    cd = ContrastiveDivergence(num_steps=20, step_size=1e-3, adjusted=False)
    recipes = {
        "a DSM update": METHODS["dsm"],
        "an NCE update": METHODS["nce"],
        "a CD-20 update": dataclasses.replace(METHODS["cd"], method=cd),
    }
    data = jr.normal(jr.key(4), (10_000, 2))
    for what, recipe in recipes.items():
        number = turns if "CD" in what else 5 * turns
        recipe = dataclasses.replace(recipe, num_updates=number, batch_size=rows)
        took = train(recipe, plain(), data, key=jr.key(5)).snapshots[-1].seconds
        found[what] = took / number
    return {what: 1e6 * seconds for what, seconds in found.items()}


def seeds(platform: str) -> dict:
    """Microseconds an update of NCE at the study's recipe, for so many seeds at once by vmap."""
    import jax.random as jr

    from benchmarks.training.seeds import at_once
    from benchmarks.training.steps import points
    from ebmark.methods import METHODS

    recipe = dataclasses.replace(METHODS["nce"], num_updates=1_000)
    found = {}
    for number in SEEDS[platform]:
        start, finish = at_once(recipe, points("half_moons"), jr.split(jr.key(0), number))
        finish(carry := start())  # compiles
        began = time.perf_counter()
        finish(carry)
        found[number] = 1e6 * (time.perf_counter() - began) / recipe.num_updates
    return found


def agreement(platform: str) -> dict:
    """KL of three methods by precision, and what the precision alone does to one energy."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jax.random as jr
    import numpy as np

    from benchmarks.training.steps import points
    from ebmark.energies import Network, new_energy
    from ebmark.methods import METHODS
    from ebmark.training.checks import quality_of
    from ebmark.training.loop import train

    found = {}
    for precision in PRECISIONS[platform]:
        jax.config.update("jax_default_matmul_precision", precision)
        found[precision] = {
            f"{name} on {law}": quality_of(METHODS[name], law)["kl"]
            for name in ("nce", "dsm", "mle")
            for law in ("eight_gaussians", "half_moons")
        }
    if platform == "cpu":
        return found
    jax.config.update("jax_default_matmul_precision", "highest")
    data = points("half_moons")
    network = new_energy(vars(Network()), data, jr.key(1))
    energy = train(METHODS["nce"], network, data, key=jr.key(2)).energy
    x = jr.normal(jr.key(3), (10_000, 2))
    both = eqx.filter_jit(lambda energy, x: jax.vmap(jax.value_and_grad(energy))(x))
    values = {}
    for precision in ("default", "highest"):
        jax.config.update("jax_default_matmul_precision", precision)
        values[precision] = jax.tree.map(np.asarray, both(energy, x))
    with jax.default_device(jax.devices("cpu")[0]):
        moved = jax.tree.map(
            lambda leaf: jnp.asarray(np.asarray(leaf)) if eqx.is_array(leaf) else leaf, energy
        )
        cpu = jax.tree.map(np.asarray, both(moved, jnp.asarray(np.asarray(x))))
    for precision, (energies, slopes) in values.items():
        found[precision]["nats off the processor's, rms"] = float(
            np.sqrt(np.mean((energies - cpu[0]) ** 2))
        )
        found[precision]["nats off the processor's, most"] = float(np.abs(energies - cpu[0]).max())
        found[precision]["slope off the processor's, relative"] = float(
            np.linalg.norm(slopes - cpu[1]) / np.linalg.norm(cpu[1])
        )
    return found


def repeat(platform: str) -> dict:
    """A digest of all numbers of a short training: the same in another process, or not."""
    import jax
    import numpy as np

    from benchmarks.training.steps import points
    from ebmark.energies import Network, new_energy
    from ebmark.methods import METHODS
    from ebmark.training.loop import train

    data, found = points("half_moons"), {}
    for name in ("cd", "dsm", "nce", "mle"):
        recipe = dataclasses.replace(METHODS[name], num_updates=1_000)
        network = new_energy(vars(Network()), data, jax.random.key(1))
        fit, digest = train(recipe, network, data, key=jax.random.key(2)), hashlib.sha256()
        for leaf in jax.tree.leaves(fit.energy):
            if isinstance(leaf, jax.Array):
                digest.update(np.asarray(leaf).tobytes())
        found[name] = digest.hexdigest()[:16]
    return found


def main() -> int:
    if len(sys.argv) == 3 and sys.argv[2] in PRECISIONS:
        import jax

        part, platform = sys.argv[1:]
        devices, began = jax.devices(), time.perf_counter()
        assert devices[0].platform == platform, f"asked for a {platform}, have {devices}"
        found = PARTS[part](platform)
        took = round(time.perf_counter() - began, 1)  # compilation and all
        print(json.dumps({"device": devices[0].device_kind, "seconds": took, "found": found}))
        return 0
    from ebmark.store.provenance import device, versions
    from ebmark.system.writing import write_whole

    out = Path(os.environ.get("OUT", RESULTS)) / "gpu.json"
    made: dict = {"processor": device(), "versions": versions(), "gpu": {}, "cpu": {}}

    def measure(platform: str) -> None:
        for part in sys.argv[1:] or PARTS:
            made[platform][part] = _in_a_process(part, platform)
            print(f"{part}, {platform}: {json.dumps(made[platform][part])}", flush=True)
            write_whole(out, json.dumps(made, indent=1) + "\n")

    with ThreadPoolExecutor(2) as pool:  # the two are apart: one thread, and the GPU with another
        list(pool.map(measure, made.keys() & PRECISIONS))
    return 0


def _in_a_process(part: str, platform: str) -> dict:
    """What a part found on a platform, or how it failed."""
    environment = threads.single(dict(os.environ))
    if platform == "cpu":
        environment["JAX_PLATFORMS"] = "cpu"
    command = [sys.executable, "-m", "benchmarks.gpu", part, platform]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ended.returncode:
        return {"error": ended.stderr.splitlines()[-1:]}
    return json.loads(ended.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
