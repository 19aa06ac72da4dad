"""Growth of time and memory: `python -m benchmarks.system.scaling [AXIS ...]`.

Without an axis all are measured; those not named keep their earlier figures.
Each axis is measured in its own process, from its smallest value to its largest; the peak memory
is the high-water mark of the process after each value. CPU seconds on one thread, the minimum of
three, of compiled code.
"""

import dataclasses
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
# axis -> what is measured, and the values of the axis
AXES = {
    "updates": ("all updates of NCE", [10**k for k in range(2, 5)]),
    "batch": ("one update of NCE", [16, 64, 256, 1024, 4096]),
    "points": ("one update of NCE, data on the device", [10**k for k in range(3, 8)]),
    "points, step": ("local scale of the data, for the step of CD", [10**k for k in range(3, 8)]),
    "dimension": ("one update of NCE", [2, 8, 32, 128, 512, 1024]),
    "chains": ("one Langevin step of all chains", [10**k for k in range(2, 7)]),
    "width": ("one update of NCE", [16, 64, 256, 1024]),
    "seeds": ("100 updates of NCE per seed, sequential", [1, 4, 16]),
    "pairs, sliced W2": ("sliced W2 of two samples", [1_000, 10_000, 100_000]),
    "pairs, minibatch W2": ("minibatch W2 of two samples", [1_000, 5_000, 10_000]),
    "pairs, energy": ("energy distance of two samples", [1_000, 4_000, 16_000]),
    "pairs, MMD": ("MMD of two samples", [1_000, 4_000, 16_000]),
    "pairs, Sinkhorn": ("on-the-fly Sinkhorn divergence of two samples", [1_000, 2_000, 6_000]),
}


def programs() -> dict[str, Callable[[int], tuple[Callable[[], object], int]]]:
    """Return, for each axis, a function from a value to a program and its number of units."""
    import jax
    import jax.numpy as jnp
    import jax.random as jr
    import numpy as np

    from ebmark import metrics
    from ebmark.datasets import local_scale
    from ebmark.energies import Confined, FourierMLP
    from ebmark.methods import METHODS
    from ebmark.samplers import Langevin, run_chains
    from ebmark.training import updates as compiled

    def draw_points(n, dim=2):
        rng = np.random.default_rng(0)
        return jnp.asarray(rng.standard_normal((n, dim), np.float32))

    def new_network(dim=2, width=64):
        return Confined(FourierMLP(dim, width=width, key=jr.key(1)))

    def updates(data, energy, number, seed=0, batch_size=256):
        import equinox as eqx

        recipe = dataclasses.replace(METHODS["nce"], batch_size=batch_size)
        trainable = recipe.method.build_trainable(energy, data, jr.key(seed))
        params, static = eqx.partition(trainable, eqx.is_inexact_array)
        carry = compiled.start(params, recipe, data, jr.key(seed))

        def run():
            stop = jnp.array(number)
            jax.block_until_ready(compiled.advance(carry, static, recipe, data, jr.key(9), stop))

        return run

    def chains(n):
        x = draw_points(n)
        run_chains(Langevin(0.001), new_network(), x, 10, jr.key(0)).x.block_until_ready()

    def compare(metric, n):
        x, y = np.random.default_rng(0).normal(size=(2, n, 2))
        return functools.partial(metric, x, y), 1

    def seeds(n):
        runs = [updates(draw_points(1_000), new_network(), 100, seed) for seed in range(n)]
        return lambda: [run() for run in runs]

    compiled_scale = jax.jit(local_scale)

    def measure_scale(z):
        compiled_scale(z, jr.key(0)).block_until_ready()

    return {
        "updates": lambda n: (updates(draw_points(2_000), new_network(), n), 1),
        "batch": lambda b: (updates(draw_points(8_000), new_network(), 50, batch_size=b), 50),
        "points": lambda n: (updates(draw_points(n), new_network(), 100), 100),
        "points, step": lambda n: (functools.partial(measure_scale, draw_points(n)), 1),
        "dimension": lambda d: (updates(draw_points(2_000, d), new_network(d), 50), 50),
        "chains": lambda n: (functools.partial(chains, n), 10),
        "width": lambda w: (updates(draw_points(2_000), new_network(width=w), 20), 20),
        "seeds": lambda n: (seeds(n), 1),
        "pairs, sliced W2": lambda n: compare(metrics.sliced_wasserstein, n),
        "pairs, minibatch W2": lambda n: compare(metrics.minibatch_wasserstein, n),
        "pairs, energy": lambda n: compare(metrics.energy_distance, n),
        "pairs, MMD": lambda n: compare(metrics.mmd, n),
        "pairs, Sinkhorn": lambda n: compare(metrics.sinkhorn_on_the_fly, n),
    }


def measure(axis: str) -> list[dict[str, float]]:
    """Return seconds and peak memory at each value of the axis; run in its own process."""
    import resource

    build = programs()[axis]
    rows = []
    for value in AXES[axis][1]:
        program, num_units = build(value)
        # The first call compiles.
        program()
        seconds = []
        while len(seconds) < 3 and sum(seconds) < 3:
            start = time.process_time()
            program()
            seconds.append(time.process_time() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({"value": value, "seconds": min(seconds) / num_units, "peak_mib": peak})
    return rows


def exponent(rows: list[dict[str, float]], key: str) -> float:
    """Return the slope between the last two values on logarithms, where constants matter least."""
    import numpy as np

    first, last = rows[-2:]
    growth = np.log(max(last[key], 1e-9) / max(first[key], 1e-9))
    return float(growth / np.log(last["value"] / first["value"]))


def save_figure(measured: dict[str, list[dict[str, float]]]) -> None:
    """Draw seconds and memory of all axes to scaling.png."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), constrained_layout=True)
    for axis, rows in measured.items():
        values = [row["value"] for row in rows]
        label = f"{axis} (slope {exponent(rows, 'seconds'):.2f})"
        axes[0].loglog(values, [row["seconds"] for row in rows], "o-", label=label)
        axes[1].loglog(values, [row["peak_mib"] for row in rows], "o-", label=axis)
    axes[0].set(xlabel="value of the axis", ylabel="CPU seconds, one thread")
    axes[1].set(xlabel="value of the axis", ylabel="peak memory of the process, MiB")
    axes[0].legend(fontsize=7)
    figure.savefig(RESULTS / "scaling.png", dpi=130)


def write_page(measured: dict[str, list[dict[str, float]]], machine: str) -> str:
    """Return the Markdown of scaling.md."""
    lines = [
        "# Growth of time and memory",
        "",
        f"`python -m benchmarks.system.scaling` on {machine}, one thread, under other load.",
        "Slope: between the last two values, on logarithms. A process that has only imported",
        "ebmark and JAX uses about 300 MiB. Not measured on a GPU or above 10,000,000 points.",
        "",
        "![scaling](scaling.png)",
        "",
        "| axis | what is measured | from, to | CPU seconds | slope | peak MiB |",
        "|---|---|---|---|---|---|",
    ]
    for axis, rows in measured.items():
        first, last = rows[0], rows[-1]
        lines.append(
            f"| {axis} | {AXES[axis][0]} | {first['value']:,} to {last['value']:,} "
            f"| {first['seconds']:.2g} to {last['seconds']:.2g} "
            f"| {exponent(rows, 'seconds'):.2f} "
            f"| {first['peak_mib']:.0f} to {last['peak_mib']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure all axes, or print one as JSON in its process; the exit status."""
    from ebmark.system.flags import pin_flags

    pin_flags()
    if sys.argv[1:2] == ["--print"]:
        print(json.dumps(measure(sys.argv[2])))
        return 0
    from ebmark.store.provenance import device
    from ebmark.system.threads import single

    path = RESULTS / "scaling.json"
    measured: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for axis in sys.argv[1:] or AXES:
        command = [sys.executable, "-m", "benchmarks.system.scaling", "--print", axis]
        ended = subprocess.run(command, env=single(dict(os.environ)), capture_output=True)
        if ended.returncode:
            print(ended.stderr.decode(), file=sys.stderr)
            return 1
        measured[axis] = json.loads(ended.stdout.splitlines()[-1])
        print(axis, measured[axis], file=sys.stderr, flush=True)
        path.write_text(json.dumps(measured, indent=1) + "\n")
    measured = {axis: measured[axis] for axis in AXES if axis in measured}
    (RESULTS / "scaling.md").write_text(write_page(measured, device()))
    save_figure(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
