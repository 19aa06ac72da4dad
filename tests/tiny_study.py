"""A study of seconds, and the command line in a process of its own."""

import subprocess
import sys

TINY = """
title = "tiny"
datasets = ["half_moons"]
methods = ["nce", "mle"]
seeds = 2
steps = 30
num_train = 300
num_samples = 60
transport_points = 50
langevin_steps = 40
snapshots = 2
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
