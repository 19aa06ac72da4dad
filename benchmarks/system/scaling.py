"""How time and memory grow: `python -m benchmarks.system.scaling`.

Each axis is measured in a process of its own, from its smallest value to its largest; the peak
memory is the process's own high-water mark after each value. Seconds are of CPU, one thread, the
least of three, of compiled code.
"""

import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"
DEPENDS = {  # axis -> what is measured, and its values
    "points": ("an update of NCE, the data on the device", [10**k for k in range(3, 8)]),
    "points, step": ("the data's local scale, for CD's step", [10**k for k in range(3, 8)]),
    "dimension": ("an update of NCE", [2, 8, 32, 128, 512, 1024]),
    "chains": ("a Langevin step of all chains", [10**k for k in range(2, 7)]),
    "width": ("an update of NCE", [16, 64, 256, 1024]),
    "seeds": ("100 updates of NCE, a seed after the other", [1, 4, 16]),
    "pairs, sliced W2": ("sliced W2 of n points and n", [1_000, 10_000, 100_000]),
    "pairs, minibatch W2": ("minibatch W2 of n points and n", [1_000, 5_000, 10_000]),
    "pairs, energy": ("energy distance of n points and n", [1_000, 4_000, 16_000]),
    "pairs, MMD": ("MMD of n points and n", [1_000, 4_000, 16_000]),
    "pairs, Sinkhorn": ("Sinkhorn on the fly of n points and n", [1_000, 2_000, 6_000]),
}


def measure(axis: str) -> list[dict]:
    """Seconds and peak memory at each value; run in a process of its own."""
    import resource

    import jax
    import jax.numpy as jnp
    import jax.random as jr
    import numpy as np

    from ebmark import metrics
    from ebmark.datasets import local_scale
    from ebmark.energies import Confined, FourierMLP
    from ebmark.methods import METHODS
    from ebmark.samplers import Langevin, run_chains
    from ebmark.training import loop as training

    def points(n, dim=2):
        rng = np.random.default_rng(0)
        return jnp.asarray(rng.standard_normal((n, dim), np.float32))

    def network(dim=2, width=64):
        return Confined(FourierMLP(dim, width=width, key=jr.key(1)))

    def updates(data, energy, number, seed=0):
        import equinox as eqx

        recipe = METHODS["nce"]
        wrapped = recipe.method.build_trainable(energy, data, jr.key(seed))
        params, static = eqx.partition(wrapped, eqx.is_inexact_array)
        carry = training._start(params, recipe, data, jr.key(seed))

        def run():
            stop = jnp.array(number)
            jax.block_until_ready(training._advance(carry, static, recipe, data, jr.key(9), stop))

        return run

    def chains(n):
        run_chains(Langevin(0.001), network(), points(n), 10, jr.key(0)).x.block_until_ready()

    def pairs(metric, n):
        x, y = np.random.default_rng(0).normal(size=(2, n, 2))
        return functools.partial(metric, x, y)

    def seeds(n):
        runs = [updates(points(1_000), network(), 100, seed) for seed in range(n)]
        return lambda: [run() for run in runs]

    scale = jax.jit(local_scale)
    programs = {  # a program, and how many units of what is measured it holds
        "points": lambda n: (updates(points(n), network(), 100), 100),
        "points, step": lambda n: (
            functools.partial(lambda z: scale(z, jr.key(0)).block_until_ready(), points(n)),
            1,
        ),
        "dimension": lambda d: (updates(points(2_000, d), network(d), 50), 50),
        "chains": lambda n: (functools.partial(chains, n), 10),
        "width": lambda w: (updates(points(2_000), network(width=w), 20), 20),
        "seeds": lambda n: (seeds(n), 1),
        "pairs, sliced W2": lambda n: (pairs(metrics.sliced_wasserstein, n), 1),
        "pairs, minibatch W2": lambda n: (pairs(metrics.minibatch_wasserstein, n), 1),
        "pairs, energy": lambda n: (pairs(metrics.energy_distance, n), 1),
        "pairs, MMD": lambda n: (pairs(metrics.mmd, n), 1),
        "pairs, Sinkhorn": lambda n: (pairs(metrics.sinkhorn_on_the_fly, n), 1),
    }
    found = []
    for value in DEPENDS[axis][1]:
        program, units = programs[axis](value)
        program()  # compiles
        spent = []
        while len(spent) < 3 and sum(spent) < 3:
            clock = time.process_time()
            program()
            spent.append(time.process_time() - clock)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found.append({"value": value, "seconds": min(spent) / units, "peak_mib": peak})
    return found


def exponent(rows: list[dict], key: str, base: float = 0.0) -> float:
    """The slope between the last two values, on logarithms: what is fixed has faded by then."""
    import numpy as np

    (x0, y0), (x1, y1) = ((row["value"], max(row[key] - base, 1e-9)) for row in rows[-2:])
    return float(np.log(y1 / y0) / np.log(x1 / x0))


def figure(found: dict) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels, axes = plt.subplots(1, 2, figsize=(11, 4.6), constrained_layout=True)
    for axis, rows in found.items():
        values = [row["value"] for row in rows]
        label = f"{axis} (slope {exponent(rows, 'seconds'):.2f})"
        axes[0].loglog(values, [row["seconds"] for row in rows], "o-", label=label)
        axes[1].loglog(values, [row["peak_mib"] for row in rows], "o-", label=axis)
    axes[0].set(xlabel="value of the axis", ylabel="CPU seconds, one thread")
    axes[1].set(xlabel="value of the axis", ylabel="peak memory of the process, MiB")
    axes[0].legend(fontsize=7)
    panels.savefig(RESULTS / "scaling.png", dpi=130)


def table(found: dict, machine: str) -> str:
    lines = [
        "# How time and memory grow",
        "",
        f"`python -m benchmarks.system.scaling` on {machine}, one thread, other work beside it.",
        "The slope is that between the last two values. A process that has only imported ebmark",
        "and JAX holds some 300 MiB. Not measured on a GPU, nor beyond 10,000,000 points.",
        "",
        "![scale](scaling.png)",
        "",
        "| axis | what is measured | from, to | CPU seconds | slope | peak MiB |",
        "|---|---|---|---|---|---|",
    ]
    for axis, rows in found.items():
        first, last = rows[0], rows[-1]
        lines.append(
            f"| {axis} | {DEPENDS[axis][0]} | {first['value']:,} to {last['value']:,} "
            f"| {first['seconds']:.2g} to {last['seconds']:.2g} "
            f"| {exponent(rows, 'seconds'):.2f} "
            f"| {first['peak_mib']:.0f} to {last['peak_mib']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
        return 0
    from ebmark.store.provenance import device
    from ebmark.system.threads import single

    found = {}
    for axis in DEPENDS:
        command = [sys.executable, __file__, axis]
        ended = subprocess.run(command, env=single(dict(os.environ)), capture_output=True)
        if ended.returncode:
            print(ended.stderr.decode(), file=sys.stderr)
            return 1
        found[axis] = json.loads(ended.stdout.splitlines()[-1])
        print(axis, found[axis], file=sys.stderr, flush=True)
        (RESULTS / "scaling.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "scaling.md").write_text(table(found, device()))
    figure(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
