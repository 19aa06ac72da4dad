"""CPU seconds of whole commands, imports and compilation included: what people wait for.

python -m benchmarks.cli.waiting                        # all commands, medians of 5
python -m benchmarks.cli.waiting --cases fit report     # those whose name contains a word
python -m benchmarks.cli.waiting --repeats 3 --python OTHER    # also another installation

Every measurement is written to `benchmarks/results/waiting.json` at once, and is not repeated for
the same committed code. Commands without "cold" run once before, so that their compiled
programs are stored; the study of 80 runs is measured once, after one seed of it. With `--python`,
the installations alternate, and nothing is written.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ebmark.store.provenance import device, versions
from ebmark.system.writing import write_whole

RESULTS = Path(__file__).parents[1] / "results" / "waiting.json"

_STUDY = """\
title = "24 short runs"
datasets = ["eight_gaussians", "half_moons"]
methods = ["nce", "dsm", "gaussian"]
seeds = 4
num_updates = 50
num_snapshots = 1
num_samples = 500
num_metric_samples = 200
"""
_QUICK = "run toy --quick --methods cd dsm nce --datasets half_moons --seeds 2 --no-progress-bar"
_STUDY_OF_README = "run toy --jobs 1 --no-progress-bar"


class Case(NamedTuple):
    """A command, and its CPU seconds: those of the first version and the target.

    Attributes:
        command: the arguments of `ebmark`, or a statement of Python.
        first: seconds of the first version on two quiet cores; None if not measured.
        wanted: the target, set before the work.
    """

    command: str
    first: float | None
    wanted: float

    def arguments(self) -> list[str]:
        """Return the arguments of `python`."""
        if self.command.startswith("import "):
            return ["-c", self.command]
        return ["-m", "ebmark", *self.command.split()]


CASES = {
    "import ebmark": Case("import ebmark as eb", None, 0.05),
    "--help": Case("--help", 0.4, 0.35),
    "list": Case("list", 0.46, 0.4),
    "a misspelt name": Case("run --methods ncee", 4.6, 0.8),
    "fit of 272 x 2, cold": Case("fit two.csv --out two.ebm", 49, 15),
    "fit of 272 x 2": Case("fit two.csv --out two.ebm", 30, 6),
    "fit of 178 x 13, cold": Case("fit wine.csv --out wine.ebm", 69, 25),
    "fit of 178 x 13": Case("fit wine.csv --out wine.ebm", None, 12),
    "sample of 300 rows of 2": Case("sample two.ebm -n 300 --out new.csv", 7, 3),
    "sample of 300 rows of 13": Case("sample wine.ebm -n 300 --out new.csv", 14, 3),
    "score of 1,000 rows of 2": Case("score two.ebm many.csv --out scored.csv", None, 3),
    "evaluate 171 rows": Case("evaluate 171.csv --target-samples two.csv", 8, 3),
    "evaluate 171 rows, all metrics": Case(
        "evaluate 171.csv --target-samples two.csv --all-metrics", 22, 12
    ),
    "table of 24 runs": Case("table runs", 9, 1.5),
    "status of 24 runs": Case("status runs", None, 0.5),
    "report of 24 runs": Case("report runs", None, 8),
    "check nce": Case("check nce", 61, 20),
    "run --quick, 6 runs": Case(_QUICK, 330, 90),
    "run toy, 80 runs": Case(_STUDY_OF_README, 705, 480),
}
_COMMAND = re.compile(r"^(import ebmark|check nce|run --quick|run toy|--help|[a-z]{3,})\b")
# what other commands read -> how it is made
_MADE = {
    "two.ebm": CASES["fit of 272 x 2"].command,
    "wine.ebm": CASES["fit of 178 x 13"].command,
    "runs": "run runs.toml --out runs",
}


def write_inputs(folder: Path) -> None:
    """Write the tables and the study that the commands read."""
    from sklearn import datasets

    rng = np.random.default_rng(0)
    two = rng.normal(size=(272, 2)) * [1.0, 0.5] + 3 * rng.integers(2, size=(272, 1))
    wine = datasets.load_wine()
    tables = {
        "two": (two, ["a", "b"]),
        "171": (two[:171], ["a", "b"]),
        "many": (np.resize(two, (1_000, 2)), ["a", "b"]),
        "wine": (wine.data, [name.replace("/", "_") for name in wine.feature_names]),
    }
    for name, (rows, names) in tables.items():
        np.savetxt(folder / f"{name}.csv", rows, delimiter=",", header=",".join(names), comments="")
    (folder / "runs.toml").write_text(_STUDY)


def run(python: str, folder: Path, case: Case, *, is_cold: bool = False) -> float:
    """Run a command, and return the CPU seconds of it and of the processes that it started."""
    for name in case.command.split():
        is_output = f"--out {name}" in case.command
        if name in _MADE and not is_output and not (folder / name).exists():
            run(python, folder, Case(_MADE[name], None, 0))
    arguments = case.arguments()
    if case.command.startswith("run toy"):
        arguments += ["--out", tempfile.mkdtemp(dir=folder)]
    cache = tempfile.mkdtemp(dir=folder) if is_cold else str(folder / "cache")
    process = subprocess.Popen(
        [python, *arguments],
        cwd=folder,
        env=os.environ | {"EBMARK_CACHE": cache},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 2):
        raise RuntimeError(f"{case.command}: {errors}")
    return usage.ru_utime + usage.ru_stime


def measure(name: str, pythons: list[str], folders: list[Path], repeats: int) -> list[list[float]]:
    """Return the seconds of a command: one list per installation, which alternate."""
    is_cold = name.endswith("cold")
    seconds: list[list[float]] = [[] for _ in pythons]
    case = warm_up = CASES[name]
    if is_long(name):
        repeats, warm_up = 1, case._replace(command=f"{case.command} --seeds 1")
    for repeat in range(repeats + (not is_cold)):
        for python, folder, values in zip(pythons, folders, seconds, strict=True):
            spent = run(python, folder, case if repeat or is_cold else warm_up, is_cold=is_cold)
            if repeat or is_cold:
                values.append(round(spent, 3))
    return seconds


def is_long(name: str) -> bool:
    """Whether a command takes minutes and is measured once."""
    return CASES[name].command == _STUDY_OF_README


def read_results() -> dict[str, Any]:
    """Return the measurements so far by command; empty without any."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def _two_digits(seconds: float) -> str:
    return f"{float(f'{seconds:.2g}'):g}"


def as_markdown() -> str:
    """Return the table of the performance page."""
    results = read_results()
    lines = ["| command | first version | now | target |", "|---|---:|---:|---:|"]
    for name, case in CASES.items():
        measured = _two_digits(results[name]["median"]) if name in results else "-"
        first = "-" if case.first is None else f"{case.first:g}"
        title = _COMMAND.sub(r"`\1`", name)
        lines.append(f"| {title} | {first} | {measured} | {case.wanted:g} |")
    if results:
        loads = [one["load"] for one in results.values()]
        repeats = min(len(one["seconds"]) for name, one in results.items() if not is_long(name))
        lines += [
            "",
            f"Medians of {repeats}, the 80 runs once, at load averages of {min(loads):.0f} to "
            f"{max(loads):.0f}.",
        ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", nargs="+", default=[""], metavar="WORD")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--python", action="append", default=[])
    options = parser.parse_args()
    pythons = [sys.executable, *options.python]
    code = subprocess.check_output(["git", "rev-parse", "HEAD:ebmark"], text=True).strip()
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place, str(index)) for index in range(len(pythons))]
        for folder in folders:
            folder.mkdir()
            write_inputs(folder)
        for name in CASES:
            results = read_results()
            known = results.get(name, {})
            needed = 1 if is_long(name) else options.repeats
            is_known = known.get("code") == code and len(known["seconds"]) >= needed
            if not any(word in name for word in options.cases) or (is_known and len(pythons) == 1):
                continue
            seconds = measure(name, pythons, folders, options.repeats)
            medians = [statistics.median(values) for values in seconds]
            print(name, *(f"{median:.2f}" for median in medians), flush=True)
            if len(pythons) == 1:
                results[name] = {
                    "median": round(medians[0], 2),
                    "seconds": seconds[0],
                    "machine": device(),
                    "versions": versions(),
                    "load": os.getloadavg()[1],
                    "code": code,
                }
                write_whole(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
