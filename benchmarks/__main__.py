"""Measure ebmark against torchebm and ebmkit; a part that was measured is kept.

    python -m benchmarks                    what is not measured yet, then table and figure
    python -m benchmarks step/cd-20 own     these parts, again
    python -m benchmarks --remake           only the table and the figure

It needs the extra `peers`; a machine that does little else gives narrower ranges.
"""

import argparse
import datetime
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ebmark.system import threads

os.environ.update(threads.single(dict(os.environ)))  # before anything counts the processors

OUT = Path(__file__).parent / "results"


def parts() -> dict[str, Callable[[], dict]]:
    """Every part by name."""
    from benchmarks.metrics import scoring
    from benchmarks.samplers import langevin
    from benchmarks.training import seeds, steps

    return {
        **{f"step/{case}": partial(steps.step, case, repeats=5) for case in steps.CASES},
        "own": partial(steps.own, repeats=3),
        "langevin": partial(langevin.langevin, repeats=2),
        "seeds": seeds.seeds,
        "mmd/2000": partial(scoring.mmd, 2_000, repeats=5),
        "log_z": partial(scoring.log_z, repeats=3),
        "w2/2000": partial(scoring.transport, 2_000, repeats=5),
        "w2/10000": partial(scoring.transport, 10_000, repeats=1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", help="measure these again, such as step/dsm")
    parser.add_argument("--remake", action="store_true", help="measure nothing")
    given = parser.parse_args()

    from benchmarks.report.pages import write
    from ebmark.store.provenance import code_hash, device, versions
    from ebmark.system.writing import write_whole

    known = parts()
    if unknown := set(given.parts) - set(known):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    OUT.mkdir(exist_ok=True)
    path = OUT / "measured.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    if not given.remake:
        import torch

        torch.set_num_threads(1)
        threads.keep_compiled_programs()
        for name in given.parts or [name for name in known if name not in measured]:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            measured[name] = known[name]() | {
                "made": {
                    "date": datetime.date.today().isoformat(),
                    "device": device(),
                    "load": round(os.getloadavg()[0], 1),  # what else went on: it slows all
                    "source": code_hash(),
                    "versions": versions("torch", "torchebm", "ebmkit"),
                }
            }
            write_whole(path, json.dumps(measured, indent=1))
    write(OUT, {name: measured[name] for name in known if name in measured})
    print(f"{OUT / 'table.md'}, {OUT / 'figure.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
