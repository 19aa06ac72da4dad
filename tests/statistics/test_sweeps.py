"""What a sweep says: its points, the stretch that is usable, the cliff, and the page of it."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from ebmark.report import figures
from ebmark.report.page import write_report
from ebmark.report.page._budgets import trainings
from ebmark.report.page._sweeps import _families
from ebmark.statistics import at_equal_budget, sweep_points, usable, without_axes
from ebmark.studies.builtin import STUDIES, sensitivity
from ebmark.studies.study import validated
from ebmark.training.search_spaces import SPACES

STEPS = (0.001, 0.003, 0.01, 0.03)
QUALITY = {0.001: 0.05, 0.003: 0.012, 0.01: 0.010, 0.03: math.inf}  # a cliff at .03


def made_table(lengths=(None,), seeds=7):
    """CD over a step (and a length), NCE without either, as a table with entries for methods."""
    rows = []
    for method, step, length, seed in [
        *(("cd", s, k, i) for s in STEPS for k in lengths for i in range(seeds)),
        *(("nce", None, None, i) for i in range(seeds)),
    ]:
        at = {"step_size": step} | ({"num_steps": length} if length else {})
        at = {axis: value for axis, value in at.items() if value is not None}
        value = QUALITY.get(step, 0.008) * (1 + 0.01 * seed)
        if step == 0.01 and seed == 0:
            value = math.inf  # one of the seeds diverges on the edge of the cliff
        names = ", ".join(f"{axis}={v}" for axis, v in at.items()) or "default"
        rows.append(
            {"dataset": "rings", "method": method, "recipe": names, "seed": seed, "step": 9}
            | {"metric": "kl", "value": value if math.isfinite(value) else math.nan}
            | {"run_id": f"{len(rows):016x}", "status": "done" if value < 9 else "diverged"}
            | {"reason": "", "ebmark": "0", "step_size": step}
            | ({"num_steps": at.get("num_steps")} if lengths != (None,) else {})
        )
    table = pd.DataFrame(rows)
    entries = [m if r == "default" else f"{m}, {r}" for m, r in zip(table.method, table.recipe)]
    return table.assign(entry=entries)


def found(table, axes=("step_size",)):
    return sweep_points(table.assign(method=table["entry"]), list(axes), "kl", {})


def test_a_point_is_its_seeds_and_a_diverged_run_is_the_worst_of_them():
    table = made_table()
    by_place = {(s.line, s.at.get("step_size")): s.found for s in found(table)}
    assert list(by_place) == [*(("cd", step) for step in STEPS), ("nce", None)]
    for step in STEPS[:3]:
        assert by_place["cd", step].median == pytest.approx(QUALITY[step] * 1.03, rel=0.02)
    assert by_place["cd", 0.01].diverged == 1 and math.isinf(by_place["cd", 0.01].worst)
    assert by_place["cd", 0.03].diverged == 7 and math.isinf(by_place["cd", 0.03].median)


def test_a_sweep_is_read_from_text_as_from_numbers():
    table = made_table()
    texts = table.assign(step_size=table["step_size"].map(lambda v: "nan" if v != v else f"{v}"))
    assert found(texts) == found(table)


def test_the_usable_stretch_ends_at_the_first_worse_neighbour():
    line = [spot for spot in found(made_table()) if spot.line == "cd"]
    best, low, high = usable(line, "step_size")
    assert (best.at["step_size"], low, high) == (0.01, 0.003, 0.01)
    lost = [s._replace(found=s.found._replace(median=math.inf)) for s in line]
    assert usable(lost, "step_size") is None


def test_a_run_whose_kl_is_not_known_counts_as_the_worst_and_is_told_apart_from_a_diverged_one():
    table = made_table()
    unknown = (table["step_size"] == 0.003) & (table["seed"] < 2)
    table.loc[unknown, "metric"] = "log_z_error"  # as where tempered chains have not mixed
    spot = next(s for s in found(table) if s.at.get("step_size") == 0.003)
    assert (spot.unknown, spot.found.diverged, spot.found.n) == (2, 2, 7)
    assert math.isinf(spot.found.worst)
    lines = figures.sweep(found(table), "step_size", "KL")
    texts = [text.get_text() for text in lines.axes[0].texts]
    assert texts == ["? 2/7", "\u00d7 1/7", "\u00d7 7/7"]


def test_of_few_seeds_the_ends_are_their_range_and_of_six_the_medians_interval():
    few = next(s for s in found(made_table(seeds=3)) if s.line == "nce")
    assert few.ends == pytest.approx((0.008, 0.008 * 1.02)) and math.isnan(few.found.median_low)
    many = next(s for s in found(made_table(seeds=7)) if s.line == "nce")
    assert many.ends == (many.found.median_low, many.found.median_high)


def test_laws_of_one_family_stand_on_one_panel():
    table = made_table(seeds=1)
    table = pd.concat([table, table.assign(dataset="rings_4", cell=table["run_id"] + "b")])
    one = sweep_points(
        table.assign(method=table["entry"]), ["step_size"], "kl", {"rings": "R", "rings_4": "R"}
    )
    assert {spot.panel for spot in one} == {"R"}


def test_a_family_of_laws_is_named_by_what_its_members_have_in_common():
    family = dict.fromkeys(("mix_2", "mix_16"), {"family": "Mixture"})
    family |= dict.fromkeys(("double_well", "many_well_4"), {"family": "ManyWell"})
    named = {"mix_2": "mix", "mix_16": "mix"} | dict.fromkeys(
        ("double_well", "many_well_4"), "many_well"
    )
    assert _families(family) == named


def test_trainings_of_several_lengths_are_one_curve_each_of_whole_trainings():
    """NCE has .02 / budget, CD .08 / budget, at twice the CPU seconds for an evaluation."""
    rows = [
        {
            "dataset": "rings",
            "method": f"{method}, evaluations={n}",
            "seed": seed,
            "step": n // cost,
        }
        | {"metric": metric, "value": value, "status": "done"}
        for method, cost, kl in (("cd", 6, 0.08), ("nce", 3, 0.02))
        for n in (60, 120, 240)
        for seed in range(3)
        for metric, value in (
            ("kl", kl / n),
            ("network_evaluations", n),
            ("train_cpu_seconds", n * cost),
        )
    ]
    table = pd.DataFrame(rows)
    entries = list(table["method"].unique())
    assert trainings({"axes": []}, table, ["rings"], entries, True) == {}
    (_, found) = trainings({"axes": ["network_evaluations"]}, table, ["rings"], entries, True)[
        "rings"
    ]
    assert list(found) == ["cd", "nce"] and found["cd"].steps.tolist() == [10, 20, 40]
    budget, at_budget = at_equal_budget(found, "train_cpu_seconds")
    assert budget == 720 and at_budget["nce"].over_seeds.median == pytest.approx(0.02 / 240)
    assert at_budget["cd"].over_seeds.median == pytest.approx(0.08 / 120)
    assert at_budget["cd"].step == 20 and at_budget["cd"].whole


def test_an_entry_without_its_axes():
    assert without_axes("cd, tuned, step_size=0.1, num_steps=5") == "cd, tuned"
    assert without_axes("cd") == "cd"


def test_the_figures_hold_every_point_and_the_cliff():
    lines = figures.sweep(found(made_table()), "step_size", "KL")
    texts = [text.get_text() for text in lines.axes[0].texts]
    assert texts == ["\u00d7 1/7", "\u00d7 7/7"]
    drawn = lines.axes[0].lines[0].get_xdata(), lines.axes[0].lines[0].get_ydata()
    assert np.allclose(drawn[0], STEPS) and np.isnan(drawn[1][-1]) and drawn[1][0] > 0.05
    table = made_table(lengths=(1, 10), seeds=3)
    tiles = figures.sweep_map(
        found(table, ("step_size", "num_steps")), ("step_size", "num_steps"), ""
    )
    texts = [text.get_text() for text in tiles.axes[0].texts]
    assert len(texts) == 8 and sum(text.startswith("diverged") for text in texts) == 2
    assert figures.sweep(found(made_table()), "sigma", "KL") is None


def test_the_report_of_a_sweep_says_where_it_is_good_and_where_it_falls(tmp_path):
    table = made_table()
    table.drop(columns="entry").to_csv(tmp_path / "results.csv", index=False, na_rep="nan")
    keys = ["dataset", "method", "recipe", "seed"]
    cells = {row["run_id"]: {key: row[key] for key in keys} for row in table.to_dict("records")}
    about = {"title": "", "loss": "", "reference": ""}
    study = {
        **{"name": "s", "title": "S", "datasets": ["rings"], "methods": ["cd", "nce"], "seeds": 7},
        **{"command": "c", "ebmark": "0", "source": "s", "versions": {}, "device": "d"},
        **{"started": "2026-01-01T00:00", "settings": {}, "energy": "e", "recipes": {}},
        **{
            "method_info": {"cd": about, "nce": about},
            "null_ranges": {},
            "notes": [],
            "dataset_fingerprints": {},
        },
        **{"dataset_info": {"rings": {"title": "", "dim": 2, "family": "Rings"}}},
        **{"runs": cells, "axes": ["step_size"], "plot_metrics": []},
    }
    (tmp_path / "study.json").write_text(json.dumps(study))
    page = write_report(tmp_path).read_text()
    assert "lowest KL 0.010 at step size 0.01; at most twice that from 0.003 to 0.01" in page
    assert "the median run diverged at step size 0.03" in page
    assert (tmp_path / "figures" / "sweep_kl.svg").exists()


@pytest.mark.parametrize("method", ["cd", "dsm", "nce"])
def test_sensitivity_is_a_grid_over_what_is_tuned(method):
    study = validated(sensitivity(method, ("half_moons",), 3, 10**6))
    own = [axis for axis in SPACES[method] if axis.startswith("method.")]
    assert list(study.sweep) == own and study.network_evaluations == 10**6
    for axis in own:
        space = SPACES[method][axis]
        assert min(study.sweep[axis]) == pytest.approx(min(space))
        assert max(study.sweep[axis]) == pytest.approx(max(space))


@pytest.mark.parametrize("name", STUDIES)
def test_the_built_in_studies_are_valid(name):
    assert validated(STUDIES[name]).name == name
