"""A study of a few seconds, the command line in its own process, and the results without times."""

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
TIMES = ["train_seconds", "train_cpu_seconds", "compile_seconds", "sample_seconds"]


def ebmark(*arguments, cwd, **options):
    """Return the completed command `ebmark ARGUMENTS`."""
    command = [sys.executable, "-m", "ebmark", *map(str, arguments)]
    pipes = {"capture_output": True, "text": True, "timeout": 400}
    return subprocess.run(command, cwd=cwd, **pipes, **options)


def without_times(folder: Path) -> pd.DataFrame:
    """Return the results of a study except measured times."""
    rows = table.read(folder)
    return rows[~rows["metric"].isin(TIMES)].reset_index(drop=True)
