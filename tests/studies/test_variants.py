"""One method more than once in a study: recipes that have names, and sweeps."""

import json

import pytest
from helpers.tiny_study import TINY, ebmark

from ebmark.datasets import SyntheticDataset
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.store import table
from ebmark.studies.builtin import STUDIES
from ebmark.studies.spec import axes, run_id, run_specs
from ebmark.studies.study import TUNING_SEEDS, Study, validated
from ebmark.training import tuned


def specs(**changes):
    study = validated(Study(**({"datasets": ("half_moons",), "seeds": 1} | changes)))
    return study, run_specs(study, [SyntheticDataset(name) for name in study.datasets], None)


def made_recipes(path):
    """A file of tuned recipes, as `ebmark tune` writes them."""
    changes = {"learning_rate": 2e-3, "num_updates": 700, "method": {"step_size": 5e-4}}
    tuned.write(path, {"cd": {"half_moons": {"changes": changes, "made": {}}}})
    return path


def test_a_tuned_recipe_is_an_entry_of_its_own_and_the_oracle_has_none(tmp_path):
    mine = str(made_recipes(tmp_path / "mine.json"))
    _, found = specs(methods=("cd", "mle"), variants=("default", mine))
    by_entry = {table.entry(s["method"], s["recipe"]): s["training"] for s in found}
    assert list(by_entry) == ["cd", "cd, mine", "mle"]
    assert by_entry["cd, mine"]["learning_rate"] == 2e-3
    assert by_entry["cd, mine"]["method"]["step_size"] == 5e-4
    assert by_entry["cd, mine"]["num_updates"] == 700
    assert by_entry["cd"]["num_updates"] == METHODS["cd"].num_updates
    with pytest.raises(UserError, match="ebmark tune --methods dsm --datasets half_moons"):
        specs(methods=("dsm",), variants=(mine,))
    with pytest.raises(UserError, match="Did you mean"):
        specs(methods=("cd",), variants=("tunde",))


def test_what_is_asked_for_stands_above_a_tuned_recipe(tmp_path):
    mine = str(made_recipes(tmp_path / "mine.json"))
    asked = {"cd": {"method": {"num_steps": 3}}}
    _, (spec,) = specs(methods=("cd",), variants=(mine,), recipes=asked, num_updates=50)
    assert spec["recipe"] == "mine, custom"
    assert spec["training"]["method"]["num_steps"] == 3
    assert spec["training"]["method"]["step_size"] == 5e-4
    assert spec["training"]["num_updates"] == 50


def test_a_budget_buys_each_method_its_updates_and_the_oracle_keeps_its_own():
    _, found = specs(
        methods=("cd", "nce", "mle"), network_evaluations=10**6, sweep={"method.num_steps": (2, 20)}
    )
    updates = {table.entry(s["method"], s["recipe"]): s["training"]["num_updates"] for s in found}
    assert updates == {
        "cd, num_steps=2": round(10**6 / (256 * 10)),
        "cd, num_steps=20": round(10**6 / (256 * 46)),
        "nce": round(10**6 / (256 * 6)),
        "mle": METHODS["mle"].num_updates,
    }


def test_a_sweep_is_a_grid_and_its_axes_are_columns():
    sweep = {"method.step_size": (1e-3, 1e-2), "num_train": (100, 1_000)}
    study, found = specs(methods=("cd", "nce"), sweep=sweep)
    assert axes(study) == ["step_size", "num_train"]
    cd = [s for s in found if s["method"] == "cd"]
    assert [s["axes"] for s in cd] == [
        {"step_size": h, "num_train": n} for h in (1e-3, 1e-2) for n in (100, 1_000)
    ]
    for spec in cd:
        assert spec["training"]["method"]["step_size"] == spec["axes"]["step_size"]
        assert spec["num_train"] == spec["axes"]["num_train"]
    # NCE has no step: one entry for each number of points
    assert [s["axes"] for s in found if s["method"] == "nce"] == [
        {"num_train": 100},
        {"num_train": 1_000},
    ]
    assert len({run_id(s) for s in found}) == len(found) == 6


def test_a_study_across_laws_has_their_number_as_a_column():
    laws = ("gaussian_mixture_4", "gaussian_mixture_8")
    study, found = specs(datasets=laws, methods=("nce",), dataset_axis="dim")
    assert axes(study) == ["dim"] and [s["axes"] for s in found] == [{"dim": 4}, {"dim": 8}]


def test_a_study_without_variants_has_the_specs_it_always_had():
    _, found = specs(methods=("cd", "mle"))
    assert all("axes" not in s and s["recipe"] == "default" for s in found)


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"sweep": {"method.step_sise": (1.0,)}}, "method.step_size"),
        ({"sweep": {"method.step_size": ()}}, "values"),
        ({"sweep": {"method.step_size": (0.1, 0.1)}}, "once"),
        ({"sweep": {"method.step_size": (-1.0,)}}, "finite"),
        ({"sweep": {"num_train": (3,)}}, "num_train"),
        ({"dataset_axis": "dimension"}, "dim"),
        ({"dataset_axis": "separation"}, "half_moons"),
        ({"steps": 3, "network_evaluations": 3}, "exclude"),
        ({"seeds": TUNING_SEEDS + 1}, "seeds"),
    ],
)
def test_a_mistake_in_a_sweep_is_one_clear_line(changes, word):
    with pytest.raises(UserError, match=word) as raised:
        specs(methods=("cd",), **changes)
    assert "\n" not in str(raised.value)


def test_no_study_reports_a_tuning_seed():
    assert all(study.seeds <= TUNING_SEEDS for study in STUDIES.values())


def test_a_sweep_runs_and_is_in_the_table_and_the_report(tmp_path):
    mine = TINY.replace("seeds = 2", "seeds = 1").replace('"nce", "mle"', '"nce"')
    (tmp_path / "s.toml").write_text(mine + "[sweep]\nnum_train = [100, 200]\n")
    ended = ebmark("run", "s.toml", "--out", "out", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    rows = table.read(tmp_path / "out")
    assert set(zip(rows["recipe"], rows["num_train"], strict=True)) == {
        ("num_train=100", 100),
        ("num_train=200", 200),
    }
    described = json.loads((tmp_path / "out" / "study.json").read_text())
    assert described["axes"] == ["num_train"]
    assert "nce, num_train=100" in ended.stdout
    assert "nce, num_train=100" in (tmp_path / "out" / "report.html").read_text()
