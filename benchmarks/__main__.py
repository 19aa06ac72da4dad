"""Measure ebmark against torchebm and ebmkit; earlier measurements are kept.

    python -m benchmarks                                what is not measured yet, table, figure
    python -m benchmarks step/cd-20 default_recipes     measure these benchmarks again
    python -m benchmarks --remake                       only the table and the figure

Requires the extra `external`. Other load on the machine widens the ranges.
"""

import argparse
import datetime
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ebmark.system import flags, threads

# Before any library counts the processors.
os.environ.update(threads.single(dict(os.environ)))
flags.pin_flags()

OUT = Path(__file__).parent / "results"


def benchmarks() -> dict[str, Callable[[], dict[str, Any]]]:
    """Return every benchmark by name, in the order of the table."""
    from benchmarks.metrics import scoring
    from benchmarks.samplers import langevin
    from benchmarks.training import seeds, steps

    return {
        **{f"step/{case}": partial(steps.step, case, repeats=5) for case in steps.CASES},
        "default_recipes": partial(steps.default_recipes, repeats=3),
        "langevin": partial(langevin.langevin, repeats=2),
        "seeds": seeds.seeds,
        "mmd/2000": partial(scoring.mmd, 2_000, repeats=5),
        "log_z": partial(scoring.log_z, repeats=3),
        "w2/2000": partial(scoring.transport, 2_000, repeats=5),
        "w2/10000": partial(scoring.transport, 10_000, repeats=1),
    }


def main() -> int:
    """Run the command; the exit status."""
    known = benchmarks()
    arguments = _parse_arguments(known)

    from benchmarks.report.pages import write

    OUT.mkdir(exist_ok=True)
    path = OUT / "measured.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    if not arguments.remake:
        names = arguments.benchmarks or [name for name in known if name not in measured]
        _measure({name: known[name] for name in names}, measured, path)
    write(OUT, {name: measured[name] for name in known if name in measured})
    print(f"{OUT / 'table.md'}, {OUT / 'figure.png'}")
    return 0


def _parse_arguments(known: dict[str, Any]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("benchmarks", nargs="*", help="measure these again, such as step/dsm")
    parser.add_argument("--remake", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.benchmarks) - set(known))
    if unknown:
        parser.error(f"unknown benchmark {', '.join(unknown)}. Choose from {', '.join(known)}.")
    return arguments


def _measure(
    chosen: dict[str, Callable[[], dict[str, Any]]], measured: dict[str, Any], path: Path
) -> None:
    """Run the chosen benchmarks and write `measured` after each of them."""
    try:
        import torch
    except ImportError:
        sys.exit(
            "python -m benchmarks requires the extra 'external'. "
            "Install it with: .venv/bin/uv pip install -e '.[external]'"
        )
    from ebmark.store.provenance import code_hash, device, versions
    from ebmark.system.writing import write_whole

    torch.set_num_threads(1)
    threads.keep_compiled_programs()
    for name, benchmark in chosen.items():
        print(f"measuring {name}", file=sys.stderr, flush=True)
        result = benchmark()
        result["made"] = {
            "date": datetime.date.today().isoformat(),
            "device": device(),
            "load": round(os.getloadavg()[0], 1),
            "code_hash": code_hash(),
            "versions": versions("torch", "torchebm", "ebmkit"),
        }
        measured[name] = result
        write_whole(path, json.dumps(measured, indent=1))


if __name__ == "__main__":
    sys.exit(main())
