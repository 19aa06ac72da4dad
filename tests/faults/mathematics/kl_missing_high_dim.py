"""A user compares two methods for d > 2; of one, log Z is not known on 4 seeds of 10: these must not drop out of its KL."""

import sys
import tempfile
from pathlib import Path

import jax.random as jr
import numpy as np
import pandas as pd

from ebmark.studies import density_scores, run
from ebmark.errors import UserError
from ebmark.datasets import SyntheticDataset
from ebmark.statistics import best, final_values, summary
from ebmark.studies.spec import run_spec
from ebmark.studies.study import Study, validated
from ebmark.store.table import collect
from ebmark.partition_function import LogZ
from ebmark.studies.variants import Variant

NAME = "kl_missing_above_plane"
WANT = "10 runs of b with 4 that count as the worst, as in 2-D, and b not told apart as best; or b without a rank"
LAW = "many_well_4"


def end(fault, said):
    """The one line, and the exit status."""
    print(f"FAULT {NAME}: got {fault}, want {WANT}" if fault else f"ok {NAME}: {said}")
    sys.exit(bool(fault))


def rows_of(name, folder, error):
    """The rows of a small run as ebmark writes them, with this error of log Z."""
    study = Study(
        methods=("nce",),
        datasets=(LAW,),
        seeds=1,
        num_updates=5,
        num_train=200,
        num_samples=40,
        num_metric_samples=40,
        langevin_steps=4,
        num_snapshots=1,
    )
    spec = run_spec(
        validated(study),
        SyntheticDataset(LAW),
        "nce",
        Variant("default", {}, {}, {}),
        0,
        None,
    )

    def estimate_log_z(energy, points, key, **settings):
        """In place of annealing, which would take a minute: what it returns is given here."""
        samples = np.asarray(jr.normal(key, (3, 40, points.shape[1])), np.float64)
        return LogZ(0.0, error, 0.0, samples)

    density_scores.estimate_log_z = estimate_log_z
    run.execute_run(folder, name, spec)
    return collect(folder, {name: spec})


def run_of(rows, method, seed, kl=None):
    """These rows as a run of a method on a seed, with this KL."""
    rows = rows.assign(method=method, seed=seed)
    if kl is not None:
        rows.loc[rows["metric"] == "kl", "value"] = kl
    return rows


with tempfile.TemporaryDirectory(prefix="fault-") as place:
    folder = Path(place)
    (folder / "runs").mkdir()
    sound = rows_of("sound", folder, 0.1)
    unmixed = rows_of("unmixed", folder, np.inf)
if not np.isfinite(sound.loc[sound["metric"] == "kl", "value"]).all() or "kl" not in set(
    sound["metric"]
):
    end("no KL of a cell whose chains have mixed", "")

# b is the better one by half on the 6 seeds on which its KL is known.
parts = []
for seed in range(10):
    parts.append(run_of(sound, "a", seed, 0.10 + 0.001 * seed))
    known = seed < 6
    parts.append(
        run_of(sound, "b", seed, 0.05 + 0.001 * seed) if known else run_of(unmixed, "b", seed)
    )
table = pd.concat(parts, ignore_index=True)

try:
    runs = final_values(table, LAW, "kl")
    first = best(table, LAW, "kl")
except UserError as error:
    end(None, f"refused: {error}")
told = first is not None and first.method == "b" and first.significant
if "b" not in runs:
    end("b told apart as best" if told else None, "b has no rank")
of_b = summary(runs["b"])
line = f"{of_b.n} runs of b, {of_b.diverged} of them lost, median {of_b.median:.3g}"
line += f"; b told apart as best: {'yes' if told else 'no'}"
right = of_b.n == 10 and of_b.diverged == 4 and not told
end(None if right else line, line)
