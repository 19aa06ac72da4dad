"""The step-size bias of Langevin chains: the closed form of a Gaussian, and its limit at 0."""

import jax.random as jr
import pandas as pd
import pytest

from ebmark.report.page._step_bias import step_biases
from ebmark.samplers import StepBias, richardson, step_bias
from ebmark.studies import step_bias as module
from ebmark.studies.step_bias import measure_study


def test_richardson_exact_on_parabolas():
    assert richardson(*(3 + 2 * h - 7 * h**2 for h in (0.4, 0.2, 0.1))) == pytest.approx(3)


def test_step_bias_gaussian_closed_form():
    """ULA's variance is s^2 / (1 - h / 2 s^2), so the mean of E in 2-D is 1 / (1 - h / 2 s^2).

    The bounds of 4 standard errors at each of 3 steps fail for 1 seed in 5,000, the limit's bound
    of 3 for 1 in 370.
    """
    s, h = 0.3, 0.03
    x = s * jr.normal(jr.key(0), (4_000, 2))
    found = step_bias(lambda x: 0.5 * x @ x / s**2, x, 1.0, h, 60, jr.key(1))
    for step, mean, error in zip(found.steps, found.means, found.errors, strict=True):
        assert mean == pytest.approx(1 / (1 - step / (2 * s**2)), abs=4 * error)
    assert found.means[0] - 1 > 10 * found.errors[0]
    closed_means = lambda: [1 / (1 - step / (2 * s**2)) for step in found.steps]
    closed = richardson(*closed_means())
    assert found.limit == pytest.approx(closed, abs=4 * found.limit_error)
    assert abs(closed - 1) < 0.02 and found.agrees
    for bias, error, mean in zip(found.biases, found.bias_errors, closed_means(), strict=True):
        assert bias == pytest.approx(mean - closed, abs=4 * error)
    # The three chains share one Brownian motion, so their differences have less noise.
    assert found.bias_errors[2] < found.errors[2] / 2


def make_study(steps=2_000, known=None):
    """Return three runs of NCE and the table of their KL; the median is seed 2."""
    names = {seed: f"{seed:016x}" for seed in range(3)}
    runs = {
        name: {"dataset": "rings", "method": "nce", "recipe": "default", "seed": seed}
        for seed, name in names.items()
    }
    rows = [
        {"dataset": "rings", "method": "nce", "seed": seed, "step": 9, "metric": "kl"}
        | {"value": value, "status": "done", "run_id": names[seed]}
        for seed, value in enumerate((0.3, 0.1, 0.2))
    ]
    study = {"runs": runs, "axes": [], "settings": {"langevin_steps": steps}}
    return study | {"step_bias": known or {}}, pd.DataFrame(rows)


def test_measure_study_median_run_once(tmp_path, monkeypatch):
    bias = StepBias((0.4, 0.2, 0.1), *[(0.03, 0.02, 0.01)] * 4, 1.0, 0.1, 1.05, 0.0)
    seen = []
    monkeypatch.setattr(module, "measure_run", lambda folder: seen.append(folder.name) or bias)
    median = f"{2:016x}"
    (tmp_path / "runs" / median).mkdir(parents=True)
    (tmp_path / "runs" / median / "energy.ebm").touch()
    biases = measure_study(tmp_path, *make_study())
    assert biases["rings"]["nce"]["seed"] == 2 and seen == [median]
    assert measure_study(tmp_path, *make_study(known=biases)) == biases and seen == [median]
    assert measure_study(tmp_path, *make_study(steps=1_000)) == {}
    (section,) = step_biases(biases, ["rings"])
    assert [cell.text for cell in section.table.rows[0][1]][-2:] == [
        "\u22120.050 \u00b1 0.100",
        "2",
    ]
    assert "within 3 standard errors" in section.sentences[1]
    biases["rings"]["nce"]["exact"] = 2.0
    (section,) = step_biases(biases, ["rings"])
    assert "differs from the exact one for nce" in section.sentences[1]
