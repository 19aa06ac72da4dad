"""Speed of a GPU: `python -m benchmarks.system.gpu` writes gpu.json, on a machine with a GPU.

Elapsed seconds of compiled code, on the GPU and on one thread of the same machine, each in its own
process, and the whole study `toy` on the GPU and on two cores. A part that fails records its error;
the others are measured. It takes about ten minutes.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.system import _gpu_parts as parts
from ebmark.system import flags, threads

RESULTS = Path(__file__).parents[1] / "results"
PLATFORMS = ("gpu", "cpu")
# One process each, the most informative first.
PARTS = {
    "seeds side by side, nce": lambda platform: parts.seeds(platform, "nce"),
    "seeds side by side, cd": lambda platform: parts.seeds(platform, "cd"),
    "100,000 chains": lambda platform: parts.chains(platform),
    "loops of 256 rows": lambda platform: parts.loops(platform, 256, "highest"),
    "loops of 65,536 rows": lambda platform: parts.loops(platform, 65_536, "highest"),
    "study": lambda platform: parts.study(platform),
    "digest": lambda platform: parts.digests(platform),
    "digest, repeated": lambda platform: parts.digests(platform),
    "loops of 65,536 rows in TF32": lambda platform: parts.loops(platform, 65_536, "default"),
    "agreement": lambda platform: parts.agreement(platform),
}


def main() -> int:
    """Run the command, or one part in the process of a platform; the exit status."""
    flags.pin_flags()
    if len(sys.argv) == 3 and sys.argv[2] in PLATFORMS:
        _print_part(*sys.argv[1:])
        return 0
    from ebmark.store.provenance import device, versions
    from ebmark.system.writing import write_whole

    out = Path(os.environ.get("OUT", RESULTS)) / "gpu.json"
    made: dict[str, Any] = {"processor": device(), "versions": versions(), "gpu": {}, "cpu": {}}

    def measure(platform: str, names: Iterable[str]) -> None:
        for name in names:
            made[platform][name] = _run_part(name, platform)
            print(f"{name}, {platform}: {json.dumps(made[platform][name])}", flush=True)
            write_whole(out, json.dumps(made, indent=1) + "\n")

    # Side by side: the GPU with one part at a time, one thread of the CPU, and two for its study.
    names = sys.argv[1:] or list(PARTS)
    on_two_cores = [name for name in names if name == "study"]
    on_one_thread = [name for name in names if name != "study"]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(measure, ("gpu", "cpu", "cpu"), (names, on_one_thread, on_two_cores)))
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
    platforms = "cpu" if platform == "cpu" else "cuda,cpu"
    environment = threads.single(os.environ | {"JAX_PLATFORMS": platforms})
    environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    command = [sys.executable, "-m", "benchmarks.system.gpu", part, platform]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ended.returncode:
        return {"error": ended.stderr.splitlines()[-1:]}
    return json.loads(ended.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
