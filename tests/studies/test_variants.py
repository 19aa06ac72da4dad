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


def make_specs(**changes):
    study = validated(Study(**({"datasets": ("half_moons",), "seeds": 1} | changes)))
    return study, run_specs(study, [SyntheticDataset(name) for name in study.datasets], None)


def make_recipes(path):
    """Write a file of tuned recipes, as `ebmark tune` does."""
    changes = {"learning_rate": 2e-3, "num_updates": 700, "method": {"step_size": 5e-4}}
    tuned.write(path, {"cd": {"half_moons": {"changes": changes, "made": {}}}})
    return path


def test_tuned_recipe_is_own_configuration(tmp_path):
    mine = str(make_recipes(tmp_path / "mine.json"))
    _, specs = make_specs(methods=("cd", "mle"), variants=("default", mine))
    trainings = {table.entry(s["method"], s["recipe"]): s["training"] for s in specs}
    assert list(trainings) == ["cd", "cd, mine", "mle"]
    assert trainings["cd, mine"]["learning_rate"] == 2e-3
    assert trainings["cd, mine"]["method"]["step_size"] == 5e-4
    assert trainings["cd, mine"]["num_updates"] == 700
    assert trainings["cd"]["num_updates"] == METHODS["cd"].num_updates
    with pytest.raises(UserError, match="ebmark tune --methods dsm --datasets half_moons"):
        make_specs(methods=("dsm",), variants=(mine,))
    with pytest.raises(UserError, match=r"(?i)did you mean"):
        make_specs(methods=("cd",), variants=("tunde",))


def test_given_settings_override_tuned_recipe(tmp_path):
    mine = str(make_recipes(tmp_path / "mine.json"))
    given = {"cd": {"method": {"num_steps": 3}}}
    _, (spec,) = make_specs(methods=("cd",), variants=(mine,), recipes=given, num_updates=50)
    assert spec["recipe"] == "mine, custom"
    assert spec["training"]["method"]["num_steps"] == 3
    assert spec["training"]["method"]["step_size"] == 5e-4
    assert spec["training"]["num_updates"] == 50


def test_budget_sets_updates_except_for_oracle():
    """num_updates = budget / (network evaluations per point x batch size of 256)."""
    sweep = {"method.num_steps": (2, 20)}
    _, specs = make_specs(methods=("cd", "nce", "mle"), network_evaluations=10**6, sweep=sweep)
    updates = {table.entry(s["method"], s["recipe"]): s["training"]["num_updates"] for s in specs}
    assert updates == {
        "cd, num_steps=2": round(10**6 / (256 * 10)),
        "cd, num_steps=20": round(10**6 / (256 * 46)),
        "nce": round(10**6 / (256 * 6)),
        "mle": METHODS["mle"].num_updates,
    }


def test_sweep_is_grid_with_axes_as_columns():
    sweep = {"method.step_size": (1e-3, 1e-2), "num_train": (100, 1_000)}
    study, specs = make_specs(methods=("cd", "nce"), sweep=sweep)
    assert axes(study) == ["step_size", "num_train"]
    cd = [spec for spec in specs if spec["method"] == "cd"]
    assert [spec["axes"] for spec in cd] == [
        {"step_size": h, "num_train": n} for h in (1e-3, 1e-2) for n in (100, 1_000)
    ]
    for spec in cd:
        assert spec["training"]["method"]["step_size"] == spec["axes"]["step_size"]
        assert spec["num_train"] == spec["axes"]["num_train"]
    # NCE has no step size: one configuration for each number of points.
    nce = [spec["axes"] for spec in specs if spec["method"] == "nce"]
    assert nce == [{"num_train": 100}, {"num_train": 1_000}]
    assert len({run_id(spec) for spec in specs}) == len(specs) == 6


def test_dataset_axis_is_column():
    datasets = ("gaussian_mixture_4", "gaussian_mixture_8")
    study, specs = make_specs(datasets=datasets, methods=("nce",), dataset_axis="dim")
    assert axes(study) == ["dim"] and [s["axes"] for s in specs] == [{"dim": 4}, {"dim": 8}]


def test_spec_without_variants_has_no_axes():
    _, specs = make_specs(methods=("cd", "mle"))
    assert all("axes" not in spec and spec["recipe"] == "default" for spec in specs)


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"sweep": {"method.step_sise": (1.0,)}}, "method.step_size"),
        ({"sweep": {"method.step_size": ()}}, "values"),
        ({"sweep": {"method.step_size": (0.1, 0.1)}}, "once"),
        ({"sweep": {"method.step_size": (-1.0,)}}, r"step_size.*-1\.0"),
        ({"sweep": {"num_train": (3,)}}, "num_train"),
        ({"dataset_axis": "dimension"}, "dim"),
        ({"dataset_axis": "separation"}, "half_moons"),
        (
            {"num_updates": 3, "network_evaluations": 3},
            "'num_updates' and 'network_evaluations' are mutually exclusive; set only one.",
        ),
        ({"seeds": TUNING_SEEDS + 1}, "seeds"),
        (
            {"datasets": ("rings", "rings")},
            "datasets: duplicate name 'rings'. List each dataset once.",
        ),
    ],
)
def test_invalid_study_refused_in_one_line(changes, word):
    with pytest.raises(UserError, match=word) as caught:
        make_specs(methods=("cd",), **changes)
    assert "\n" not in str(caught.value)


def test_built_in_studies_use_no_tuning_seeds():
    assert all(study.seeds <= TUNING_SEEDS for study in STUDIES.values())


@pytest.mark.full
def test_sweep_appears_in_table_and_report(tmp_path):
    study = TINY.replace("seeds = 2", "seeds = 1").replace('"nce", "mle"', '"nce"')
    (tmp_path / "s.toml").write_text(study + "[sweep]\nnum_train = [100, 200]\n")
    process = ebmark("run", "s.toml", "--out", "out", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    rows = table.read(tmp_path / "out")
    assert set(zip(rows["recipe"], rows["num_train"], strict=True)) == {
        ("num_train=100", 100),
        ("num_train=200", 200),
    }
    description = json.loads((tmp_path / "out" / "study.json").read_text())
    assert description["axes"] == ["num_train"]
    assert "nce, num_train=100" in process.stdout
    assert "nce, num_train=100" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("tuned", "mine/tuned.json"), "'tuned' and 'mine/tuned.json' are both named 'tuned'"),
        (("a/x.json", "default", "b/x.json"), "both named 'x'"),
        (("default", "default.json"), "both named 'default'"),
        (("default", "default"), "both named 'default'"),
        (("lr=1.json",), "contains '=' or ','"),
    ],
)
def test_recipes_of_one_name_are_refused(names, message):
    with pytest.raises(UserError, match=message):
        validated(Study(variants=names))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds_per_program": 0}, "seeds_per_program"),
        ({"seeds": "six"}, "seeds"),
        ({"seeds": 2.5}, "seeds"),
        ({"sweep": {"num_train": ([1],)}}, "sweep"),
    ],
)
def test_wrong_types_are_refused_in_one_line(changes, message):
    study = Study()
    for name, value in changes.items():
        # the types of arguments are checked in tests only
        object.__setattr__(study, name, value)
    with pytest.raises(UserError, match=message) as caught:
        validated(study)
    assert "\n" not in str(caught.value)


def test_switches_can_be_swept():
    study = validated(Study(methods=("cd",), sweep={"method.adjusted": (True, False)}))
    assert study.sweep["method.adjusted"] == (True, False)
    assert all(type(value) is bool for value in study.sweep["method.adjusted"])
