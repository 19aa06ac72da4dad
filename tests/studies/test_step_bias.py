"""The bias of Langevin's step, against the closed form of a Gaussian, and its limit at step 0."""

import jax.random as jr
import pandas as pd
import pytest

from ebmark.report.page._step_bias import step_biases
from ebmark.samplers import StepBias, richardson, step_bias
from ebmark.studies import step_bias as module
from ebmark.studies.step_bias import of_study


def test_richardson_is_exact_on_parabolas():
    assert richardson(*(3 + 2 * h - 7 * h**2 for h in (0.4, 0.2, 0.1))) == pytest.approx(3)


def test_the_bias_is_the_closed_form_of_a_gaussian_and_gone_at_step_0():
    """ULA's variance is s^2 / (1 - h / 2 s^2): mean E is 1 / (1 - h / 2 s^2) in the plane.

    4 standard errors at each of 3 steps: 1 seed in 5,000; the limit's 3: 1 in 370.
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
    # driven by one Brownian motion, the three differ by far less than each one's own noise
    assert found.bias_errors[2] < found.errors[2] / 2


def made_study(steps=2_000, known=None):
    """Three runs of NCE and the table of their KL: the middle one is seed 2."""
    names = {seed: f"{seed:016x}" for seed in range(3)}
    cells = {
        name: {"dataset": "rings", "method": "nce", "recipe": "default", "seed": seed}
        for seed, name in names.items()
    }
    rows = [
        {"dataset": "rings", "method": "nce", "seed": seed, "step": 9, "metric": "kl"}
        | {"value": value, "status": "done", "run_id": names[seed]}
        for seed, value in enumerate((0.3, 0.1, 0.2))
    ]
    study = {"runs": cells, "axes": [], "settings": {"langevin_steps": steps}}
    return study | {"step_bias": known or {}}, pd.DataFrame(rows)


def test_a_study_measures_the_run_of_median_kl_once_and_a_first_look_none(tmp_path, monkeypatch):
    one = StepBias((0.4, 0.2, 0.1), *[(0.03, 0.02, 0.01)] * 4, 1.0, 0.1, 1.05, 0.0)
    seen = []
    monkeypatch.setattr(module, "of_cell", lambda folder: seen.append(folder.name) or one)
    middle = f"{2:016x}"
    (tmp_path / "runs" / middle).mkdir(parents=True)
    (tmp_path / "runs" / middle / "energy.ebm").touch()
    found = of_study(tmp_path, *made_study())
    assert found["rings"]["nce"]["seed"] == 2 and seen == [middle]
    assert of_study(tmp_path, *made_study(known=found)) == found and seen == [middle]
    assert of_study(tmp_path, *made_study(steps=1_000)) == {}
    (section,) = step_biases(found, ["rings"])
    assert [cell.text for cell in section.table.rows[0][1]][-2:] == [
        "\u22120.050 \u00b1 0.100",
        "2",
    ]
    assert "within 3 standard errors" in section.sentences[1]
    found["rings"]["nce"]["exact"] = 2.0
    assert "differs from the exact one for nce" in step_biases(found, ["rings"])[0].sentences[1]
