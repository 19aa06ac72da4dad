"""A study of seconds, the command line in a process of its own, and the table without times."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

from ebmark.store import table

TINY = """
title = "tiny"
datasets = ["half_moons"]
methods = ["nce", "mle"]
seeds = 2
num_updates = 30
num_train = 300
num_samples = 60
num_metric_samples = 50
langevin_steps = 40
num_snapshots = 2
"""


def ebmark(*arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, "-m", "ebmark", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=400,
        **options,
    )


TIMES = ["train_seconds", "train_cpu_seconds", "compile_seconds", "sample_seconds"]


def without_times(folder: Path) -> pd.DataFrame:
    rows = table.read(folder)
    return rows[~rows["metric"].isin(TIMES)].reset_index(drop=True)
