"""A study from the command line to its table: one run, its report, its numbers."""

import numpy as np
import pytest
from helpers.tiny_study import TINY

from ebmark.store import table


def test_run_makes_report_and_table(run, tmp_path):
    r"""The exact KL, and $KL = \int p (\log p - \log q)$ from the stored arrays of the run."""
    (tmp_path / "tiny.toml").write_text(TINY)
    options = ("--methods", "nce", "--seeds", "1", "--engine", "inline", "--out", "out")
    assert run("run", "tiny.toml", *options)[0] == 0
    out = tmp_path / "out"
    assert (out / "report.html").stat().st_size > 10_000 and list((out / "figures").glob("*.png"))
    rows = table.read(out)
    (run_id,) = rows["run_id"].unique()
    kl = rows[rows["metric"] == "kl"].set_index("step")["value"].sort_index().iloc[-1]
    arrays = table.load_arrays(out, run_id)
    area = np.diff(arrays["grid_x"][:2])[0] * np.diff(arrays["grid_y"][:2])[0]
    log_q, log_p = (arrays[k].astype(float) for k in ("log_density", "target_log_density"))
    assert abs(kl - np.sum(np.exp(log_p) * (log_p - log_q)) * area) < 1e-4
    status, printed, _ = run("table", "out")
    assert status == 0 and "nce" in printed and f"{kl:.3g}" in printed


@pytest.mark.slow
def test_report_is_made_again(run, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    options = ("--methods", "gaussian", "--seeds", "1", "--engine", "inline", "--out", "out")
    assert run("run", "tiny.toml", *options)[0] == 0
    report = tmp_path / "out" / "report.html"
    before = report.read_text()
    report.unlink()
    assert run("report", "out")[0] == 0
    assert len(report.read_text()) == pytest.approx(len(before), rel=0.1)
