"""A user fits a right model to 1,000 points of her own: its W1 and sliced W2 must be level with their floor, not 3/4 of it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

NAME = "own_floor_sizes"
WANT = "a right model at .87 to 1.25 of its floor, the floor being of as many points as are compared; or no floor at all"
METRICS = ("w1", "sliced_w2")
SEEDS = 12
STUDY = f"""
name = "own"
methods = ["gaussian"]
seeds = {SEEDS}
num_samples = 2000
num_metric_samples = 2000
langevin_steps = 4
num_snapshots = 1
"""


def end(faults, said):
    """The one line, and the exit status."""
    print(f"FAULT {NAME}: got {', '.join(faults)}, want {WANT}" if faults else f"ok {NAME}: {said}")
    sys.exit(bool(faults))


# The points are of a Gaussian, and so is the model: the anchor that takes their mean and covariance.
# 200 of the 1,000 points are held out; the model gives 2,000.
with tempfile.TemporaryDirectory(prefix="fault-") as place:
    folder = Path(place)
    points = np.random.default_rng(0).normal(size=(1_000, 2))
    pd.DataFrame(points, columns=["u", "v"]).to_csv(folder / "mine.csv", index=False)
    (folder / "own.toml").write_text(STUDY)
    command = [
        sys.executable,
        "-m",
        "ebmark",
        "run",
        "own.toml",
        "--data",
        "mine.csv",
        "--out",
        "results",
    ]
    command += ["--engine", "inline", "--no-progress-bar"]
    ended = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ,
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["nothing"]
        end([f"exit status {ended.returncode}: {lines[-1][:120]!r}"], "")
    table = pd.read_csv(folder / "results" / "results.csv")
    (floors,) = json.loads((folder / "results" / "study.json").read_text())[
        "null_ranges"
    ].values() or [{}]

faults = []
said = []
for metric in METRICS:
    values = table.loc[table["metric"] == f"{metric}_exact", "value"]
    if len(values) != SEEDS:
        end([f"{len(values)} values of {metric}_exact"], "")
    floor = floors.get(metric)
    if floor is None:
        said.append(f"{metric}: no floor")
        continue
    share = float(values.mean()) / floor["mean"]
    line = f"{metric} {values.mean():.3f} on average, {share:.2f} of its floor {floor['mean']:.3f}"
    line += f" ({floor['low']:.3f} to {floor['high']:.3f})"
    said.append(line)
    if not 0.87 <= share <= 1.25:
        faults.append(line)
end(faults, "; ".join(said))
