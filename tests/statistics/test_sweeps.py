"""Sweeps: their points, the usable range, the figures and the page."""

import math

import numpy as np
import pandas as pd
import pytest

from ebmark.report import figures
from ebmark.report.page import write_report
from ebmark.report.page._budgets import trainings
from ebmark.report.page._sweeps import _families
from ebmark.statistics import at_equal_budget, sweep_points, usable, without_axes
from ebmark.store import table as store
from ebmark.store.metric_info import METRICS
from ebmark.studies.builtin import STUDIES, sensitivity
from ebmark.studies.study import validated
from ebmark.system.writing import write_json
from ebmark.training.search_spaces import SPACES, Range

STEPS = (0.001, 0.003, 0.01, 0.03)
KL = {0.001: 0.05, 0.003: 0.012, 0.01: 0.010, 0.03: math.inf}


def make_table(lengths=(None,), seeds=7):
    """CD over step sizes (and chain lengths) and NCE, with a column `entry` of configurations.

    CD diverges for every seed at step size 0.03, for one seed at 0.01.
    """
    rows = []
    for method, step, length, seed in [
        *(("cd", s, k, i) for s in STEPS for k in lengths for i in range(seeds)),
        *(("nce", None, None, i) for i in range(seeds)),
    ]:
        axes = {"step_size": step, "num_steps": length}
        axes = {axis: value for axis, value in axes.items() if value is not None}
        value = KL.get(step, 0.008) * (1 + 0.01 * seed)
        if step == 0.01 and seed == 0:
            value = math.inf
        row = {
            "dataset": "rings",
            "method": method,
            "recipe": ", ".join(f"{axis}={v}" for axis, v in axes.items()) or "default",
            "seed": seed,
            "step": 9,
            "metric": "kl",
            "value": value if math.isfinite(value) else math.nan,
            "run_id": f"{len(rows):016x}",
            "status": "done" if math.isfinite(value) else "diverged",
            "reason": "",
            "ebmark": "0",
            "step_size": step,
        }
        if lengths != (None,):
            row["num_steps"] = axes.get("num_steps")
        rows.append(row)
    table = pd.DataFrame(rows)
    entries = [m if r == "default" else f"{m}, {r}" for m, r in zip(table.method, table.recipe)]
    return table.assign(entry=entries)


def points_of(table, axes=("step_size",)):
    return sweep_points(table.assign(method=table["entry"]), list(axes), "kl", {})


def test_sweep_point_summarizes_its_seeds():
    table = make_table()
    by_axis = {(s.line, s.at.get("step_size")): s.found for s in points_of(table)}
    assert list(by_axis) == [*(("cd", step) for step in STEPS), ("nce", None)]
    for step in STEPS[:3]:
        assert by_axis["cd", step].median == pytest.approx(KL[step] * 1.03, rel=0.02)
    assert by_axis["cd", 0.01].diverged == 1 and math.isinf(by_axis["cd", 0.01].worst)
    assert by_axis["cd", 0.03].diverged == 7 and math.isinf(by_axis["cd", 0.03].median)


def test_sweep_points_parse_axes_from_text():
    table = make_table()
    texts = table.assign(step_size=table["step_size"].map(lambda v: "nan" if v != v else f"{v}"))
    assert points_of(texts) == points_of(table)


def test_usable_range_ends_at_first_worse_neighbor():
    line = [point for point in points_of(make_table()) if point.line == "cd"]
    best, low, high = usable(line, "step_size")
    assert (best.at["step_size"], low, high) == (0.01, 0.003, 0.01)
    diverged = [p._replace(found=p.found._replace(median=math.inf)) for p in line]
    assert usable(diverged, "step_size") is None


def test_unknown_kl_counts_as_worst_but_not_as_diverged():
    """For d > 2, an energy that is not finite leaves only log Z from N(0, I)."""
    table = make_table()
    unknown = (table["step_size"] == 0.003) & (table["seed"] < 2)
    table.loc[unknown, "metric"] = "log_z_normal"
    point = next(p for p in points_of(table) if p.at.get("step_size") == 0.003)
    assert (point.unknown, point.found.diverged, point.found.n) == (2, 2, 7)
    assert math.isinf(point.found.worst)
    lines = figures.sweep(points_of(table), "step_size", "KL")
    texts = [text.get_text() for text in lines.axes[0].texts]
    assert texts == ["? 2/7", "\u00d7 1/7", "\u00d7 7/7"]


def test_sweep_point_ends_are_range_or_interval():
    """The range of fewer than 6 seeds, else the 95% interval of the median."""
    few = next(s for s in points_of(make_table(seeds=3)) if s.line == "nce")
    assert few.ends == pytest.approx((0.008, 0.008 * 1.02)) and math.isnan(few.found.median_low)
    many = next(s for s in points_of(make_table(seeds=7)) if s.line == "nce")
    assert many.ends == (many.found.median_low, many.found.median_high)


def test_sweep_panel_joins_datasets_of_family():
    table = make_table(seeds=1)
    table = pd.concat([table, table.assign(dataset="rings_4", run_id=table["run_id"] + "b")])
    points = sweep_points(
        table.assign(method=table["entry"]), ["step_size"], "kl", {"rings": "R", "rings_4": "R"}
    )
    assert {point.panel for point in points} == {"R"}


def test_family_is_named_by_common_prefix():
    family = dict.fromkeys(("mix_2", "mix_16"), {"family": "Mixture"})
    family |= dict.fromkeys(("double_well", "many_well_4"), {"family": "ManyWell"})
    named = {"mix_2": "mix", "mix_16": "mix"} | dict.fromkeys(
        ("double_well", "many_well_4"), "many_well"
    )
    assert _families(family) == named


def budget_sweep():
    """KL of NCE is 0.02 / budget, of CD 0.08 / budget at twice the CPU seconds per evaluation."""
    rows = []
    for method, cost, kl in (("cd", 6, 0.08), ("nce", 3, 0.02)):
        for budget in (60, 120, 240):
            values = {
                "kl": kl / budget,
                "network_evaluations": budget,
                "train_cpu_seconds": budget * cost,
            }
            for seed in range(3):
                row = {
                    "dataset": "rings",
                    "method": f"{method}, network_evaluations={budget}",
                    "seed": seed,
                    "step": budget // cost,
                    "status": "done",
                }
                rows += [{**row, "metric": metric, "value": v} for metric, v in values.items()]
    return pd.DataFrame(rows)


def test_budget_sweep_gives_one_curve_per_method():
    table = budget_sweep()
    entries = list(table["method"].unique())
    assert trainings({"axes": []}, table, ["rings"], entries, True) == {}
    by_dataset = trainings({"axes": ["network_evaluations"]}, table, ["rings"], entries, True)
    _, curves = by_dataset["rings"]
    assert list(curves) == ["cd", "nce"] and curves["cd"].steps.tolist() == [10, 20, 40]
    budget, at_budget = at_equal_budget(curves, "train_cpu_seconds")
    assert budget == 720 and at_budget["nce"].over_seeds.median == pytest.approx(0.02 / 240)
    assert at_budget["cd"].over_seeds.median == pytest.approx(0.08 / 120)
    assert at_budget["cd"].step == 20 and at_budget["cd"].whole


def test_without_axes_removes_swept_values():
    assert without_axes("cd, tuned, step_size=0.1, num_steps=5") == "cd, tuned"
    assert without_axes("cd") == "cd"


def test_sweep_figures_show_every_point():
    lines = figures.sweep(points_of(make_table()), "step_size", "KL")
    texts = [text.get_text() for text in lines.axes[0].texts]
    assert texts == ["\u00d7 1/7", "\u00d7 7/7"]
    drawn = lines.axes[0].lines[0]
    assert np.allclose(drawn.get_xdata(), STEPS)
    assert np.isnan(drawn.get_ydata()[-1]) and drawn.get_ydata()[0] > 0.05
    table = make_table(lengths=(1, 10), seeds=3)
    tiles = figures.sweep_map(
        points_of(table, ("step_size", "num_steps")), ("step_size", "num_steps"), ""
    )
    texts = [text.get_text() for text in tiles.axes[0].texts]
    assert len(texts) == 8 and sum(text.startswith("diverged") for text in texts) == 2
    assert figures.sweep(points_of(make_table()), "sigma", "KL") is None


def write_study(folder, table):
    """Write the results and the description of a study over step sizes."""
    store.write(folder, table.drop(columns="entry"))
    keys = ["dataset", "method", "recipe", "seed"]
    runs = {row["run_id"]: {key: row[key] for key in keys} for row in table.to_dict("records")}
    info = {"title": "", "loss": "", "reference": ""}
    study = {
        "name": "s",
        "title": "S",
        "datasets": ["rings"],
        "methods": ["cd", "nce"],
        "seeds": 7,
        "command": "c",
        "ebmark": "0",
        "code_hash": "s",
        "versions": {},
        "device": "d",
        "started": "2026-01-01T00:00",
        "settings": {},
        "energy": "e",
        "recipes": {},
        "method_info": {"cd": info, "nce": info},
        "null_ranges": {},
        "notes": [],
        "dataset_fingerprints": {},
        "dataset_info": {"rings": {"title": "", "dim": 2, "family": "Rings"}},
        "runs": runs,
        "axes": ["step_size"],
        "plot_metrics": [],
    }
    write_json(folder / "study.json", study)


def test_sweep_report_states_usable_range(tmp_path):
    write_study(tmp_path, make_table())
    page = write_report(tmp_path).read_text()
    lowest = "0.010 at step size 0.01; at most twice that from 0.003 to 0.01"
    assert f"lowest {METRICS['kl'].label} {lowest}" in page
    assert "the median run diverged at step size 0.03" in page
    assert (tmp_path / "figures" / "sweep_kl.svg").exists()


@pytest.mark.parametrize("method", ["cd", "dsm", "nce"])
def test_sensitivity_study_is_grid_of_search_space(method):
    study = validated(sensitivity(method, ("half_moons",), 3, 10**6))
    axes = [axis for axis in SPACES[method] if axis.startswith("method.")]
    assert list(study.sweep) == axes and study.network_evaluations == 10**6
    for axis in axes:
        values = SPACES[method][axis]
        space = values[:2] if isinstance(values, Range) else values
        assert min(study.sweep[axis]) == pytest.approx(min(space))
        assert max(study.sweep[axis]) == pytest.approx(max(space))


@pytest.mark.parametrize("name", STUDIES)
def test_builtin_study_is_valid(name):
    assert validated(STUDIES[name]).name == name
