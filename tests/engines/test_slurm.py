"""On a real SLURM of one node: a study by sbatch, a job cancelled in the middle; a fit by srun."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import slurm_cluster
from helpers.tiny_study import TINY, ebmark, without_times

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(slurm_cluster.reason_to_skip()), reason=slurm_cluster.reason_to_skip()),
]

SITE = """\
like = "slurm"
blocks = 1
exclusive = false # the node has few cores, and others may want one
workers = 1
cores = 1
affinity = "none"
lost_after = 10
walltime = "0:10:00"
"""


def wait_for(happened, seconds=150):
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def test_a_cancelled_job_loses_no_cell_and_the_table_is_that_of_the_inline_run(tmp_path):
    pytest.importorskip("parsl")
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "site.toml").write_text(SITE)
    ended = ebmark("run", "tiny.toml", "--engine", "inline", "--out", "inline", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    cells = tmp_path / "slurm" / "runs"
    command = [sys.executable, "-m", "ebmark", "run", "tiny.toml", "--engine", "parsl"]
    command += ["--site", "site.toml", "--out", "slurm", "--no-progress-bar"]
    with (
        tempfile.TemporaryDirectory() as folder,
        slurm_cluster.cluster(Path(folder)) as environment,
        open(tmp_path / "errors", "wb") as errors,
    ):
        driver = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=errors)
        try:
            wait_for(lambda: list(cells.glob("*/result.json")))
            (held,) = wait_for(lambda: [p for p in cells.glob("*.lock") if p.read_text().strip()])
            first = {path: path.stat() for path in cells.glob("*/result.json")}
            (job,) = slurm_cluster.jobs(environment)
            subprocess.run(["scancel", job], env=environment, check=True)
            assert driver.wait(150) == 0, (tmp_path / "errors").read_text()
            assert not slurm_cluster.jobs(environment)  # it left none behind
        finally:
            driver.kill()
            driver.wait()
    plan = json.loads((tmp_path / "slurm" / "plan.json").read_text())
    assert 1 <= len(first) < len(plan) == 4
    assert {path.name for path in cells.iterdir()} == set(plan)
    for path, before in first.items():  # what was done before was not done again
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(list((tmp_path / "slurm" / "parsl").glob("*/nodes/block-*"))) == 2  # jobs
    assert held.stem in plan
    pd.testing.assert_frame_equal(
        without_times(tmp_path / "slurm"), without_times(tmp_path / "inline")
    )


def test_two_tasks_of_srun_fit_what_one_process_does(tmp_path):
    """To rounding, after 40 updates; srun alone tells them who they are and where they meet."""
    x = np.random.default_rng(0).normal(size=(300, 2)) @ np.diag([1, 2])
    np.save(tmp_path / "points.npy", x)
    fit = ["fit", "points.npy", "--updates", "40", "--out"]
    ended = ebmark(*fit, "1.ebm", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    command = ["srun", "-n", "2", "-t", "5", sys.executable, "-m", "ebmark", *fit, "2.ebm"]
    with (
        tempfile.TemporaryDirectory() as folder,
        slurm_cluster.cluster(Path(folder)) as environment,
    ):
        options = {"cwd": tmp_path, "env": environment, "stdin": subprocess.DEVNULL}
        ended = subprocess.run(
            [*command, "--distributed"], capture_output=True, text=True, timeout=300, **options
        )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("2.ebm") == 1  # the first alone speaks
    how = ["--sampler", "langevin", "--steps", "20", "-n", "101"]
    for model in "12":
        out = ebmark("sample", f"{model}.ebm", "--out", f"{model}.npy", *how, cwd=tmp_path)
        assert out.returncode == 0, out.stderr
    one, two = (np.load(tmp_path / f"{model}.npy") for model in "12")
    np.testing.assert_allclose(two, one, atol=2e-3)
