"""A table of 1,000,000 rows and 50 columns, memory-mapped, is fitted within 2 GiB."""

import os
import subprocess
import sys

import numpy as np
import pytest

# runs the command and prints its peak memory and CPU seconds
_MEASURED = """
import os, resource, subprocess, sys
code = subprocess.call([sys.executable, "-m", "ebmark", "fit", "large.npy", "--out", "large.ebm"])
use = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"peak {use.ru_maxrss / 2**20:.2f} GiB, {use.ru_utime + use.ru_stime:.0f} CPU s")
sys.exit(code or use.ru_maxrss > 2 * 2**20)
"""


@pytest.mark.full
def test_million_rows_fit_in_2_gib(tmp_path):
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(50, 50))
    shape = (1_000_000, 50)
    rows = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.float32, shape)
    for start in range(0, len(rows), 100_000):
        rows[start : start + 100_000] = rng.normal(size=(100_000, 50)) @ mixing
    rows.flush()
    command = [sys.executable, "-c", _MEASURED]
    environment = {**os.environ, "EBMARK_CACHE": str(tmp_path / "cache")}
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    print(run.stdout.splitlines()[-1])
    assert run.returncode == 0, run.stdout + run.stderr
