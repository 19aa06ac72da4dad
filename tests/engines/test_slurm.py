"""A real SLURM of one node: a study by sbatch of which a job is cancelled, and a fit by srun."""

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

from ebmark.store.schema import read_plan

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(slurm_cluster.reason_to_skip()), reason=slurm_cluster.reason_to_skip()),
]

SITE = """\
like = "slurm"
blocks = 1
exclusive = false # the node has few cores, which other jobs may need
workers = 1
cores = 1
affinity = "none"
lost_after = 10
walltime = "0:10:00"
"""


def wait_for(condition, seconds=150):
    """Return the first value of `condition()` that is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"no success within {seconds} s"
        time.sleep(0.05)
    return value


def test_cancelled_job_loses_no_run(tmp_path):
    """The results equal those of the inline engine, and completed runs are not repeated."""
    pytest.importorskip("parsl")
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "site.toml").write_text(SITE)
    inline = ebmark("run", "tiny.toml", "--engine", "inline", "--out", "inline", cwd=tmp_path)
    assert inline.returncode == 0, inline.stderr
    runs = tmp_path / "slurm" / "runs"
    command = [sys.executable, "-m", "ebmark", "run", "tiny.toml", "--engine", "parsl"]
    command += ["--site", "site.toml", "--out", "slurm", "--no-progress-bar"]
    with (
        tempfile.TemporaryDirectory() as folder,
        slurm_cluster.cluster(Path(folder)) as environment,
        open(tmp_path / "errors", "wb") as errors,
    ):
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=errors)
        try:
            wait_for(lambda: list(runs.glob("[!.]*/result.json")))
            (lock,) = wait_for(lambda: [p for p in runs.glob("*.lock") if p.read_text().strip()])
            done = {path: path.stat() for path in runs.glob("[!.]*/result.json")}
            (job,) = slurm_cluster.jobs(environment)
            subprocess.run(["scancel", job], env=environment, check=True)
            assert process.wait(150) == 0, (tmp_path / "errors").read_text()
            assert not slurm_cluster.jobs(environment)
        finally:
            process.kill()
            process.wait()
    plan = read_plan(tmp_path / "slurm")
    assert 1 <= len(done) < len(plan) == 4
    assert {path.name for path in runs.iterdir()} == set(plan)
    for path, before in done.items():
        after = path.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    num_jobs = len(list((tmp_path / "slurm" / "parsl").glob("*/nodes/block-*")))
    assert num_jobs == 2
    assert lock.stem in plan
    pd.testing.assert_frame_equal(
        without_times(tmp_path / "slurm"), without_times(tmp_path / "inline")
    )


def test_srun_fits_as_one_process(tmp_path):
    """Equal up to rounding after 40 updates; srun alone defines ranks and addresses."""
    x = np.random.default_rng(0).normal(size=(300, 2)) @ np.diag([1, 2])
    np.save(tmp_path / "points.npy", x)
    fit = ["fit", "points.npy", "--updates", "40", "--out"]
    completed = ebmark(*fit, "1.ebm", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    command = ["srun", "-n", "2", "-t", "5", sys.executable, "-m", "ebmark", *fit, "2.ebm"]
    with (
        tempfile.TemporaryDirectory() as folder,
        slurm_cluster.cluster(Path(folder)) as environment,
    ):
        options = {"cwd": tmp_path, "env": environment, "stdin": subprocess.DEVNULL}
        completed = subprocess.run(
            [*command, "--distributed"], capture_output=True, text=True, timeout=300, **options
        )
    assert completed.returncode == 0, completed.stderr
    # the first process alone prints
    assert completed.stdout.count("2.ebm") == 1
    sampler = ["--sampler", "langevin", "--steps", "20", "-n", "101"]
    samples = {}
    for model in "12":
        file = f"{model}.npy"
        completed = ebmark("sample", f"{model}.ebm", "--out", file, *sampler, cwd=tmp_path)
        assert completed.returncode == 0, completed.stderr
        samples[model] = np.load(tmp_path / file)
    np.testing.assert_allclose(samples["2"], samples["1"], atol=2e-3)
