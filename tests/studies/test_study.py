"""A study end to end: its files, its resumption, and what a killed process leaves."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import ot
import pandas as pd
import pytest
from helpers.tiny_study import TINY, ebmark, without_times

from ebmark.store import table
from ebmark.store.maps import read_maps
from ebmark.store.schema import load_study, read_plan


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a folder with a tiny study, run without interruption."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.toml").write_text(TINY)
    process = ebmark("run", "tiny.toml", "--out", "out", cwd=folder)
    assert process.returncode == 0, process.stderr
    return folder


@pytest.mark.full
def test_study_writes_table_report_and_runs(study):
    out = study / "out"
    rows = table.read(out)
    assert list(rows.columns[:8]) == table.COLUMNS
    assert len(rows["run_id"].unique()) == 4
    pd.testing.assert_frame_equal(pd.read_parquet(out / "results.parquet"), rows, check_dtype=False)
    assert (out / "report.html").stat().st_size > 10_000
    assert list((out / "figures").glob("*.png")) and list((out / "figures").glob("*.svg"))
    for run in rows["run_id"].unique():
        names = {path.name for path in (out / "runs" / run).iterdir()}
        assert names == {"spec.json", "result.json", "samples.npz", "energy.ebm"}
    assert not list((out / "runs").glob("*.lock")) and not list((out / "runs").glob(".*"))


@pytest.mark.full
def test_metrics_follow_from_arrays_of_run(study):
    rows = table.read(study / "out")
    for run, run_rows in rows[rows["method"] == "nce"].groupby("run_id"):
        arrays = table.load_arrays(study / "out", run)
        is_last = run_rows["step"] == run_rows["step"].max()
        last = run_rows[is_last].set_index("metric")["value"]
        area = np.diff(arrays["grid_x"][:2])[0] * np.diff(arrays["grid_y"][:2])[0]
        log_q, log_p = (arrays[k].astype(float) for k in ("log_density", "target_log_density"))
        assert np.sum(np.exp(log_q)) * area == pytest.approx(1, abs=1e-4)
        assert np.sum(np.exp(log_p)) * area > 0.9999
        kl = np.sum(np.exp(log_p) * (log_p - log_q)) * area
        assert last["kl"] == pytest.approx(kl, abs=1e-4)
        parts = last[["kl_off_support", "kl_mode_weights", "kl_within_mode"]]
        assert parts.sum() == pytest.approx(kl, abs=1e-4)
        maps = read_maps(arrays)
        assert maps.steps.tolist() == sorted(set(run_rows["step"]))
        area = (maps.x[1] - maps.x[0]) * (maps.y[1] - maps.y[0])
        log_q, log_p = maps.log_density[-1], maps.target
        assert np.exp(maps.log_density).sum(axis=(1, 2)) * area == pytest.approx(1, abs=0.02)
        assert last["kl"] == pytest.approx(np.sum(np.exp(log_p) * (log_p - log_q)) * area, abs=0.01)
        assert arrays["langevin"].shape == arrays["exact"].shape == (60, 2)
        x, y = arrays["exact"][:50], arrays["test"][:50]
        z = arrays["langevin"][:50]
        weights = np.full(50, 1 / 50)
        w1_exact = ot.emd2(weights, weights, ot.dist(x, y, "euclidean"))
        assert last["w1_exact"] == pytest.approx(w1_exact)
        sampling_error = ot.emd2(weights, weights, ot.dist(z, x, "euclidean"))
        assert last["w1_sampling_error"] == pytest.approx(sampling_error)
        # Two sets of 50 points; two equal sets would give 0.
        assert 0.2 < last["w1_sampling_error_null"] < 0.9


@pytest.mark.full
def test_methods_of_seed_share_data(study):
    by_seed: dict = {}
    for run, spec in read_plan(study / "out").items():
        arrays = table.load_arrays(study / "out", run)
        by_seed.setdefault(spec["seed"], []).append((arrays["train"], arrays["test"]))
    for data in by_seed.values():
        assert all(np.array_equal(a, b) for other in data for a, b in zip(data[0], other))
    assert not np.array_equal(by_seed[0][0][0], by_seed[1][0][0])


@pytest.mark.full
def test_completed_study_not_run_again(study):
    before = {p: p.stat().st_mtime_ns for p in (study / "out" / "runs").glob("*/result.json")}
    table_before = table.read(study / "out")
    process = ebmark("run", "tiny.toml", "--out", "out", cwd=study)
    assert process.returncode == 0, process.stderr
    assert "4 of 4 runs were done before" in process.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    pd.testing.assert_frame_equal(table.read(study / "out"), table_before)


@pytest.mark.full
def test_killed_study_resumes_to_same_table(study):
    command = [sys.executable, "-m", "ebmark", "run", "tiny.toml", "--out", "killed", "--jobs", "1"]
    runs = study / "killed" / "runs"
    driver = subprocess.Popen(command, cwd=study, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not list(runs.glob("*/result.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)  # in the middle of the next run
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    first = {p: p.stat().st_mtime_ns for p in runs.glob("*/result.json")}
    assert 1 <= len(first) < 4
    for path in first:  # the folders that appeared are complete
        assert json.loads(path.read_text())["status"] == "done"
        assert np.load(path.parent / "samples.npz")["train"].shape == (300, 2)
    process = ebmark("run", "tiny.toml", "--out", "killed", cwd=study)
    assert process.returncode == 0, process.stderr
    after = {p: p.stat().st_mtime_ns for p in runs.glob("*/result.json")}
    assert len(after) == 4
    kept = [p for p in first if after[p] == first[p]]
    assert len(kept) == len(first)  # none was executed twice
    pd.testing.assert_frame_equal(without_times(study / "killed"), without_times(study / "out"))
    assert not list(runs.glob(".making-*")) and not list(runs.glob("*.lock"))


@pytest.mark.full
def test_killed_worker_replaced(study):
    command = [sys.executable, "-m", "ebmark", "run", "tiny.toml", "--out", "orphan", "--jobs", "1"]
    driver = subprocess.Popen(command, cwd=study, stderr=subprocess.PIPE, text=True)
    runs = study / "orphan" / "runs"
    deadline = time.monotonic() + 200
    while not (locks := list(runs.glob("*.lock"))) or not locks[0].read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(json.loads(locks[0].read_text())["pid"], signal.SIGKILL)
    _, errors = driver.communicate(timeout=300)
    assert driver.returncode == 0, errors
    pd.testing.assert_frame_equal(without_times(study / "orphan"), without_times(study / "out"))


@pytest.mark.full
def test_user_data_3d_have_no_oracle(study):
    rng = np.random.default_rng(0)
    np.savetxt(study / "mine.csv", rng.normal(size=(400, 3)), delimiter=",", header="a,b,c")
    process = ebmark(
        "run", "tiny.toml", "--seeds", "1", "--data", "mine.csv", "--out", "mine", cwd=study
    )
    assert process.returncode == 0, process.stderr
    rows = table.read(study / "mine")
    assert set(rows["method"]) == {"nce"} and set(rows["dataset"]) == {"mine"}
    assert not set(rows["metric"]) & {"kl", "w1_exact"}
    assert {"nll", "log_z_error", "log_z_normal", "w1_smc"} <= set(rows["metric"])
    assert {"w1_langevin", "mmd_sq_langevin", "sliced_w2_langevin"} <= set(rows["metric"])
    notes = " ".join(load_study(study / "mine")["notes"])
    assert "no oracle mle" in notes
    arrays = table.load_arrays(study / "mine", rows["run_id"].iloc[0])
    train, held_out = arrays["train"], arrays["test"]
    # num_train less 10% for early stopping; num_samples of the held-out 20%, 80 points.
    assert len(train) == 270 and len(held_out) == 60
    together = np.concatenate([train, held_out])
    assert len(np.unique(together, axis=0)) == len(together)  # disjoint


@pytest.mark.full
def test_diverged_run_reported_not_averaged(study):
    (study / "diverging.toml").write_text(
        TINY.replace('"half_moons"', '"eight_gaussians"').replace(
            "num_updates = 30", "num_updates = 1500"
        )
        + "[recipes.cd.method]\nstep_size = 0.3\nadjusted = false\n"
    )
    arguments = ("--methods", "cd", "--seeds", "1", "--out", "diverging")
    wide = os.environ | {"COLUMNS": "200"}
    process = ebmark("run", "diverging.toml", *arguments, cwd=study, env=wide)
    assert process.returncode == 0, process.stderr
    rows = table.read(study / "diverging")
    assert set(rows["status"]) == {"diverged"}
    assert rows["reason"].str.contains("step_size").all()
    last = rows[rows["metric"] == "kl"].groupby("run_id")["value"].last()
    assert last.isna().all()
    assert "diverged" in (study / "diverging" / "report.html").read_text()
    row = next(line for line in process.stdout.splitlines() if "cd" in line)
    assert [part.strip() for part in row.split("\u2502")][-3:-1] == ["1", "1"]  # seeds, diverged
