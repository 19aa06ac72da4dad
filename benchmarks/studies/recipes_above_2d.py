"""Select the recipes of images on another target than those that the study `images` has.

python -m benchmarks.studies.recipes_above_2d

Eight trials per method on `mnist_49` (mnist_49.py), a grid of six and two beside its best, with one
seed; then the two of lowest KL with three seeds, since spurious mass differs between seeds. The
lower median is selected. Writes `benchmarks/results/recipes_above_2d.csv`; the studies are in
studies/above_2d and are resumed there.
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
NUM_FINALISTS, FINAL_SEEDS = 2, 3
_STUDY = """\
datasets = ["mnist_49"]
methods = ["{method}"]
seeds = {seeds}
num_train = 200_000
num_metric_samples = 750
langevin_steps = 200
num_snapshots = 2

[sweep]
"""
METRICS = ["kl", "kl_lower", "kl_upper", "log_z_error", "off_target_mass", "train_cpu_seconds"]


def run(method: str, grid: dict[str, list], name: str, *, seeds: int = 1) -> pd.DataFrame:
    """Run the trials of a grid, or resume them; return a row for each run.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    make_folder(FOLDER)
    path = FOLDER / f"{name}.toml"
    lines = [f"{json.dumps(key)} = {json.dumps(values)}\n" for key, values in grid.items()]
    path.write_text(_STUDY.format(method=method, seeds=seeds) + "".join(lines))
    command = ["run", path, "--plugin", PLUGIN, "--out", FOLDER / name]
    subprocess.run([sys.executable, "-m", "ebmark", *map(str, command)], check=True)
    rows = table.read(FOLDER / name)
    keys = ["recipe", "seed"]
    last = rows[rows["metric"].isin(METRICS)].drop_duplicates([*keys, "metric"], keep="last")
    values = last.pivot(index=keys, columns="metric", values="value")
    return values.reindex(columns=METRICS).reset_index().assign(method=method)


def finalists(trials: pd.DataFrame) -> list[str]:
    """Return the recipes of lowest KL by one seed; an unresolved one counts as the worst.

    Example:
        >>> finalists(pd.DataFrame({"recipe": ["a", "b", "c"], "kl": [np.inf, 2.0, 1.0]}))
        ['c', 'b']
    """
    return trials.sort_values("kl")["recipe"].head(NUM_FINALISTS).tolist()


def grid_of(method: str, recipe: str) -> dict[str, list]:
    """Return the grid of one trial.

    Example:
        >>> grid_of("nce", "learning_rate=0.002, scale=2.0, num_updates=16000")
        {'learning_rate': [0.002], 'method.scale': [2.0], 'num_updates': [16000]}
    """
    full = {key.split(".")[-1]: key for grid in TRIALS[method] for key in grid}
    values = dict(part.split("=") for part in recipe.split(", "))
    return {full[name]: [json.loads(value)] for name, value in values.items()}


def as_markdown() -> str:
    """Return the finalists of each method, the selected one first, and a row of its others."""
    lines = []
    for method, rows in pd.read_csv(RESULTS).groupby("method", sort=False):
        first = rows[rows["seed"] == 0]
        runs = {recipe: rows[rows["recipe"] == recipe] for recipe in finalists(first)}
        for recipe, one in sorted(runs.items(), key=lambda item: item[1]["kl"].median()):
            median = f"{one['kl'].median():.2f}".replace("inf", "failed")
            off = f"{one['off_target_mass'].max():.2f}"
            seconds = f"{one['train_cpu_seconds'].median():.0f}"
            name = recipe.replace("_", " ")
            lines.append([f"`{method}`", name, median, _by_seed(one), off, seconds])
        others = first[~first["recipe"].isin(runs)]
        resolved = others["kl"][np.isfinite(others["kl"])]
        counts = f"{len(others)} others, {len(others) - len(resolved)} unresolved"
        span = f"{resolved.min():.2f} to {resolved.max():.2f}"
        lines.append([f"`{method}`", counts, "", span, "", ""])
    head = ["method", "trial", "median KL, nats", "by seed", "largest mass off the target", "CPU s"]
    return "\n".join(markdown.table(head, lines))


def _by_seed(runs: pd.DataFrame) -> str:
    rows = runs.sort_values("seed")[["kl", "kl_lower", "kl_upper"]].to_numpy()
    return ", ".join(
        f"{kl:.2f}" if np.isfinite(kl) else f"{low:.1f} to {high:.1f}" for kl, low, high in rows
    )


def main() -> int:
    """Run the command; the exit status."""
    found = []
    for method, grids in TRIALS.items():
        trials = pd.concat(
            run(method, grid, f"{method}_{number}") for number, grid in enumerate(grids, start=1)
        )
        best = [
            run(method, grid_of(method, recipe), f"{method}_best_{number}", seeds=FINAL_SEEDS)
            for number, recipe in enumerate(finalists(trials), start=1)
        ]
        found.append(pd.concat([trials, *best]).drop_duplicates(["recipe", "seed"]))
        rows = pd.concat(found)[["method", "recipe", "seed", *METRICS]]
        write_whole(RESULTS, rows.to_csv(index=False, float_format="%.4g").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
