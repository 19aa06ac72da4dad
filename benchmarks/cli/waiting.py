"""CPU seconds of whole commands, imports and compilation included: what people wait for.

python -m benchmarks.cli.waiting                     # all commands, medians of 5
python -m benchmarks.cli.waiting --repeats 3 fit     # those whose name contains a word
python -m benchmarks.cli.waiting --python OTHER      # a second column, from another installation

Commands without "cold" run once before they are measured, so that their compiled programs are
stored. The measured commands of all installations alternate.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn import datasets

OUT = Path(__file__).parents[1] / "results" / "waiting"

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
_IMPORT = "import ebmark as eb"
_EVALUATE = ["-m", "ebmark", "evaluate", "171.csv", "--target-samples", "two.csv"]
# name -> arguments of `python`, with the seconds that issue 24 asks for
CASES: dict[str, tuple[list[str], float]] = {
    "import": (["-c", _IMPORT], 0.05),
    "--help": (["-m", "ebmark", "--help"], 0.35),
    "list": (["-m", "ebmark", "list"], 0.4),
    "misspelt name": (["-m", "ebmark", "run", "--methods", "ncee"], 0.8),
    "fit 272 x 2, cold": (["-m", "ebmark", "fit", "two.csv", "--out", "two.ebm"], 15),
    "fit 272 x 2": (["-m", "ebmark", "fit", "two.csv", "--out", "two.ebm"], 6),
    "fit 178 x 13, cold": (["-m", "ebmark", "fit", "wine.csv", "--out", "wine.ebm"], 25),
    "fit 178 x 13": (["-m", "ebmark", "fit", "wine.csv", "--out", "wine.ebm"], 12),
    "sample 300 rows of 2": (
        ["-m", "ebmark", "sample", "two.ebm", "-n", "300", "--out", "new.csv"],
        3,
    ),
    "sample 300 rows of 13": (
        ["-m", "ebmark", "sample", "wine.ebm", "-n", "300", "--out", "new.csv"],
        3,
    ),
    "score 1,000 rows of 2": (
        ["-m", "ebmark", "score", "two.ebm", "many.csv", "--out", "scored.csv"],
        3,
    ),
    "evaluate 171 rows": ([*_EVALUATE], 3),
    "evaluate 171 rows, all metrics": ([*_EVALUATE, "--all-metrics"], 12),
    "table of 24 runs": (["-m", "ebmark", "table", "runs"], 1.5),
    "status of 24 runs": (["-m", "ebmark", "status", "runs"], 0.5),
    "report of 24 runs": (["-m", "ebmark", "report", "runs"], 8),
    "check nce": (["-m", "ebmark", "check", "nce"], 20),
    "run --quick, 6 runs": (
        ["-m", "ebmark", "run", "toy", "--quick", "--methods", "cd", "dsm", "nce"]
        + ["--datasets", "half_moons", "--seeds", "2", "--no-progress-bar"],
        90,
    ),
}


def make_inputs(folder: Path, python: str) -> None:
    """Write the tables, models and the study that the commands read."""
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
    for name in ("two", "wine"):
        run(python, folder, CASES[f"fit {dict(two='272 x 2', wine='178 x 13')[name]}"][0], False)
    run(python, folder, ["-m", "ebmark", "run", "runs.toml", "--out", "runs"], False)


def run(python: str, folder: Path, arguments: list[str], is_cold: bool) -> float:
    """Run a command, and return the CPU seconds of it and of the processes that it started."""
    cache = tempfile.mkdtemp(dir=folder) if is_cold else str(folder / "cache")
    environment = os.environ | {"EBMARK_CACHE": cache}
    process = subprocess.Popen(
        [python, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 2):
        raise RuntimeError(f"{' '.join(arguments)}: {errors}")
    return usage.ru_utime + usage.ru_stime


def measure(pythons: list[str], word: str, repeats: int) -> dict[str, list[list[float]]]:
    """Return the seconds of each command: one list per installation."""
    names = [name for name in CASES if word in name]
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place, str(index)) for index in range(len(pythons))]
        for folder, python in zip(folders, pythons, strict=True):
            folder.mkdir()
            make_inputs(folder, python)
        seconds: dict[str, list[list[float]]] = {name: [[] for _ in pythons] for name in names}
        for name in names:
            is_cold = name.endswith("cold")
            for repeat in range(repeats + (not is_cold)):
                for index, (folder, python) in enumerate(zip(folders, pythons, strict=True)):
                    new = ["--out", f"quick{repeat}"] if name.startswith("run ") else []
                    spent = run(python, folder, CASES[name][0] + new, is_cold)
                    if repeat or is_cold:
                        seconds[name][index].append(spent)
            medians = [statistics.median(values) for values in seconds[name]]
            print(name, *(f"{median:.2f}" for median in medians), flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--python", action="append", default=[])
    options = parser.parse_args()
    seconds = measure([sys.executable, *options.python], options.word, options.repeats)
    if not options.word:
        OUT.with_suffix(".json").write_text(json.dumps(seconds, indent=1))


if __name__ == "__main__":
    main()
