"""Select the recipes of images on another target than those that the study `images` has.

python -m benchmarks.studies.recipes_above_2d

Eight trials per method on `mnist_49` (mnist_49.py), a grid of six and two beside its best, with one
seed. The lowest resolved KL is selected. Writes `benchmarks/results/recipes_above_2d.csv`; the
studies are in studies/above_2d and are resumed there.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ebmark.report import markdown
from ebmark.store import table
from ebmark.system.writing import make_folder, write_whole

RESULTS = Path(__file__).parents[1] / "results" / "recipes_above_2d.csv"
FOLDER = Path("studies/above_2d")
PLUGIN = Path(__file__).parent / "mnist_49.py"
RATE = "learning_rate"
_RATES = [0.001, 0.002, 0.003]
# method -> the grids of its trials
TRIALS: dict[str, list[dict[str, list]]] = {
    "cd": [
        {RATE: _RATES, "method.num_steps": [1, 2]},
        {RATE: [0.004, 0.006], "method.num_steps": [2]},
    ],
    "pcd": [
        {RATE: _RATES, "method.reinit_prob": [0.5, 0.8]},
        {RATE: [0.002, 0.003], "method.reinit_prob": [0.9]},
    ],
    "dsm": [
        {RATE: _RATES, "method.sigma": [0.1, 0.2]},
        {RATE: [0.003, 0.004], "method.sigma": [0.15]},
    ],
    "diffclf": [
        {RATE: _RATES, "method.relative_scale": [0.2, 0.4]},
        {RATE: [0.002, 0.003], "method.relative_scale": [0.1]},
    ],
    "nce": [
        {RATE: _RATES, "method.scale": [1.0, 1.5]},
        {RATE: [0.002], "method.scale": [2.0], "num_updates": [16_000, 32_000]},
    ],
    "ed": [
        {RATE: _RATES, "method.time": [0.03, 0.1], "num_updates": [10_000]},
        {RATE: [0.002], "method.time": [0.01, 0.03], "num_updates": [20_000]},
    ],
}
_STUDY = """\
datasets = ["mnist_49"]
methods = ["{method}"]
seeds = 1
num_train = 200_000
num_metric_samples = 750
langevin_steps = 200
num_snapshots = 2

[sweep]
"""
METRICS = ["kl", "kl_lower", "kl_upper", "log_z_error", "off_target_mass", "train_cpu_seconds"]


def run(method: str, grid: dict[str, list], name: str) -> int:
    """Run the trials of a grid, or resume them; return the exit status."""
    make_folder(FOLDER)
    path = FOLDER / f"{name}.toml"
    lines = [f"{json.dumps(key)} = {json.dumps(values)}\n" for key, values in grid.items()]
    path.write_text(_STUDY.format(method=method) + "".join(lines))
    command = ["run", path, "--plugin", PLUGIN, "--out", FOLDER / name]
    return subprocess.run([sys.executable, "-m", "ebmark", *map(str, command)]).returncode


def collect(method: str, name: str) -> pd.DataFrame:
    """Return a row for each trial."""
    rows = table.read(FOLDER / name)
    last = rows[rows["metric"].isin(METRICS)].drop_duplicates(["recipe", "metric"], keep="last")
    values = last.pivot(index="recipe", columns="metric", values="value")
    return values.reindex(columns=METRICS).reset_index().assign(method=method)


def as_markdown() -> str:
    """Return the trials of each method, best first, up to three, and how many are unresolved."""
    rows = []
    for method, trials in pd.read_csv(RESULTS).groupby("method", sort=False):
        resolved = trials[np.isfinite(trials["kl"])].sort_values("kl")
        for one in resolved.head(3).itertuples():
            kl = f"{one.kl:.2f} [{one.kl_lower:.2f}, {one.kl_upper:.2f}]"
            off, seconds = f"{one.off_target_mass:.2f}", f"{one.train_cpu_seconds:.0f}"
            rows.append([f"`{method}`", str(one.recipe).replace("_", " "), kl, off, seconds])
        rows.append([f"`{method}`", f"unresolved: {len(trials) - len(resolved)}", "", "", ""])
    head = ["method", "trial", "KL, nats [95% interval]", "mass off the target", "CPU s"]
    return "\n".join(markdown.table(head, rows))


def main() -> int:
    """Run the command; the exit status."""
    trials = []
    for method, grids in TRIALS.items():
        for number, grid in enumerate(grids, start=1):
            name = f"{method}_{number}"
            if status := run(method, grid, name):
                return status
            trials.append(collect(method, name))
    found = pd.concat(trials)[["method", "recipe", *METRICS]]
    write_whole(RESULTS, found.to_csv(index=False, float_format="%.4g").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
