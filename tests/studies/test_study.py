"""A study end to end: its files, its resumption, and what a kill leaves."""

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
from ebmark.store.schema import load_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """One undisturbed run of a tiny study."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.toml").write_text(TINY)
    ended = ebmark("run", "tiny.toml", "--out", "out", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return folder


def test_a_study_leaves_its_table_report_and_cells(study):
    out = study / "out"
    rows = table.read(out)
    assert list(rows.columns[:8]) == table.COLUMNS
    assert len(rows["run_id"].unique()) == 4
    pd.testing.assert_frame_equal(pd.read_parquet(out / "results.parquet"), rows, check_dtype=False)
    assert (out / "report.html").stat().st_size > 10_000
    assert list((out / "figures").glob("*.png")) and list((out / "figures").glob("*.svg"))
    for cell in rows["run_id"].unique():
        names = {path.name for path in (out / "runs" / cell).iterdir()}
        assert names == {"spec.json", "result.json", "samples.npz", "energy.ebm"}
    assert not list((out / "runs").glob("*.lock")) and not list((out / "runs").glob(".*"))


def test_anyone_can_recompute_the_numbers_from_a_cells_arrays(study):
    rows = table.read(study / "out")
    for cell, mine in rows[rows["method"] == "nce"].groupby("run_id"):
        arrays = table.load_arrays(study / "out", cell)
        last = mine[mine["step"] == mine["step"].max()].set_index("metric")["value"]
        area = np.diff(arrays["grid_x"][:2])[0] * np.diff(arrays["grid_y"][:2])[0]
        log_q, log_p = (arrays[k].astype(float) for k in ("log_density", "target_log_density"))
        assert np.sum(np.exp(log_q)) * area == pytest.approx(1, abs=1e-4)
        assert np.sum(np.exp(log_p)) * area > 0.9999
        kl = np.sum(np.exp(log_p) * (log_p - log_q)) * area
        assert last["kl"] == pytest.approx(kl, abs=1e-4)
        assert last["kl_off_support"] + last["kl_mode_weights"] + last[
            "kl_within_mode"
        ] == pytest.approx(kl, abs=1e-4)
        assert arrays["langevin"].shape == arrays["exact"].shape == (60, 2)
        x, y = arrays["exact"][:50], arrays["test"][:50]
        weights = np.full(50, 1 / 50)
        assert last["w1_exact"] == pytest.approx(
            ot.emd2(weights, weights, ot.dist(x, y, "euclidean"))
        )
        z = arrays["langevin"][:50]
        assert last["w1_sampling_error"] == pytest.approx(
            ot.emd2(weights, weights, ot.dist(z, x, "euclidean"))
        )
        assert (
            0.2 < last["w1_sampling_error_null"] < 0.9
        )  # of 50 points; the same ones would give 0


def test_methods_of_a_seed_share_data_and_seeds_do_not(study):
    plan = json.loads((study / "out" / "plan.json").read_text())
    by_seed: dict = {}
    for cell, spec in plan.items():
        arrays = table.load_arrays(study / "out", cell)
        by_seed.setdefault(spec["seed"], []).append((arrays["train"], arrays["test"]))
    for found in by_seed.values():
        assert all(np.array_equal(a, b) for other in found for a, b in zip(found[0], other))
    assert not np.array_equal(by_seed[0][0][0], by_seed[1][0][0])


@pytest.mark.full
def test_a_finished_study_is_not_run_again(study):
    before = {p: p.stat().st_mtime_ns for p in (study / "out" / "runs").glob("*/result.json")}
    table_before = table.read(study / "out")
    ended = ebmark("run", "tiny.toml", "--out", "out", cwd=study)
    assert ended.returncode == 0, ended.stderr
    assert "4 of 4 cells were done before" in ended.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    pd.testing.assert_frame_equal(table.read(study / "out"), table_before)


@pytest.mark.full
def test_a_killed_study_goes_on_and_ends_as_the_undisturbed_one(study):
    command = [sys.executable, "-m", "ebmark", "run", "tiny.toml", "--out", "killed", "--jobs", "1"]
    cells = study / "killed" / "runs"
    driver = subprocess.Popen(command, cwd=study, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not list(cells.glob("*/result.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)  # in the middle of the next cell
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    first = {p: p.stat().st_mtime_ns for p in cells.glob("*/result.json")}
    assert 1 <= len(first) < 4
    for path in first:  # what appeared is whole
        assert json.loads(path.read_text())["status"] == "done"
        assert np.load(path.parent / "samples.npz")["train"].shape == (300, 2)
    ended = ebmark("run", "tiny.toml", "--out", "killed", cwd=study)
    assert ended.returncode == 0, ended.stderr
    after = {p: p.stat().st_mtime_ns for p in cells.glob("*/result.json")}
    assert len(after) == 4
    kept = [p for p in first if after[p] == first[p]]
    assert len(kept) == len(first)  # none was run twice
    pd.testing.assert_frame_equal(without_times(study / "killed"), without_times(study / "out"))
    assert not list(cells.glob(".making-*")) and not list(cells.glob("*.lock"))


@pytest.mark.full
def test_a_killed_worker_is_replaced(study):
    command = [sys.executable, "-m", "ebmark", "run", "tiny.toml", "--out", "orphan", "--jobs", "1"]
    driver = subprocess.Popen(command, cwd=study, stderr=subprocess.PIPE, text=True)
    cells = study / "orphan" / "runs"
    deadline = time.monotonic() + 200
    while not (claims := list(cells.glob("*.lock"))) or not claims[0].read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(json.loads(claims[0].read_text())["pid"], signal.SIGKILL)
    _, errors = driver.communicate(timeout=300)
    assert driver.returncode == 0, errors
    pd.testing.assert_frame_equal(without_times(study / "orphan"), without_times(study / "out"))


@pytest.mark.full
def test_own_points_of_three_columns_have_no_oracle_and_the_study_says_so(study):
    rng = np.random.default_rng(0)
    np.savetxt(study / "mine.csv", rng.normal(size=(400, 3)), delimiter=",", header="a,b,c")
    ended = ebmark(
        "run", "tiny.toml", "--seeds", "1", "--data", "mine.csv", "--out", "mine", cwd=study
    )
    assert ended.returncode == 0, ended.stderr
    rows = table.read(study / "mine")
    assert set(rows["method"]) == {"nce"} and set(rows["dataset"]) == {"mine"}
    assert not set(rows["metric"]) & {"kl", "w1_exact"}
    assert {"nll", "log_z_gap", "rhat_tempered"} <= set(rows["metric"])
    assert {"w1_langevin", "mmd_sq_langevin", "sliced_w2_langevin"} <= set(rows["metric"])
    notes = " ".join(load_study(study / "mine")["notes"])
    assert "no oracle mle" in notes
    arrays = table.load_arrays(study / "mine", rows["run_id"].iloc[0])
    train, held_out = arrays["train"], arrays["test"]
    # num_train less the tenth that chooses; num_samples of the fifth, 80
    assert len(train) == 270 and len(held_out) == 60
    together = np.concatenate([train, held_out])
    assert len(np.unique(together, axis=0)) == len(together)  # disjoint


def test_a_run_that_diverges_is_reported_and_never_averaged(study):
    (study / "cliff.toml").write_text(
        TINY.replace('"half_moons"', '"eight_gaussians"').replace("steps = 30", "steps = 1500", 1)
        + "[recipes.cd.method]\nstep_size = 0.3\nadjusted = false\n"
    )
    arguments = ("--methods", "cd", "--seeds", "1", "--out", "cliff")
    ended = ebmark("run", "cliff.toml", *arguments, cwd=study)
    assert ended.returncode == 0, ended.stderr
    rows = table.read(study / "cliff")
    assert set(rows["status"]) == {"diverged"}
    assert rows["reason"].str.contains("step_size").all()
    last = rows[rows["metric"] == "kl"].groupby("run_id")["value"].last()
    assert last.isna().all()
    assert "diverged" in (study / "cliff" / "report.html").read_text()
    row = next(line for line in ended.stdout.splitlines() if "cd" in line)
    assert [part.strip() for part in row.split("\u2502")][-3:-1] == ["1", "1"]  # seeds, diverged
