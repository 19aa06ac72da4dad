"""Stored files of a study: those of an earlier schema are refused in one line."""

import json

import pytest
from helpers.results_folder import build

from ebmark.errors import UserError
from ebmark.store import table
from ebmark.store.schema import load_study, read_plan, read_result, write_plan
from ebmark.system.listed_files import write_listed
from ebmark.system.writing import write_json

RUN_ID = "0123456789abcdef"
SPEC = {
    "dataset": "half_moons",
    "method": "nce",
    "recipe": "default",
    "seed": 0,
    "dataset_fingerprint": "HalfMoons()",
    "points": None,
    "num_train": 200,
    "num_samples": 40,
    "num_metric_samples": 20,
    "langevin": {"steps": 8, "step_size": 0.1},
    "energy": {},
    "training": {},
}
RESULT = {
    "status": "done",
    "reason": "",
    "rows": [[1, "kl", 0.5]],
    "ebmark": "0.1.0",
    "versions": {},
    "code_hash": "s",
    "device": "cpu",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return build(folder, datasets=("half_moons",), methods=("nce",), seeds=1, points=12, grid=20)


@pytest.fixture
def folder(tmp_path):
    """The folder of a study with one run."""
    (tmp_path / "runs" / RUN_ID).mkdir(parents=True)
    return tmp_path


def assert_refused(read, path, schema):
    with pytest.raises(UserError) as error:
        read()
    assert str(error.value) == (
        f"{path}: written by another version of ebmark (schema {schema}); "
        "this version reads schema 2. Run the study again."
    )


@pytest.mark.parametrize(("marker", "schema"), [({}, 1), ({"schema": 1}, 1), ({"schema": 3}, 3)])
def test_study_of_other_schema_is_refused(folder, built, marker, schema):
    content = load_study(built)
    assert content["schema"] == 2
    del content["schema"]
    (folder / "study.json").write_text(json.dumps({**marker, **content}))
    assert_refused(lambda: load_study(folder), folder / "study.json", schema)


def test_plan_of_schema_1_is_refused(folder):
    """It was a table of specs without a marker."""
    (folder / "plan.json").write_text(json.dumps({RUN_ID: SPEC}))
    assert_refused(lambda: read_plan(folder), folder / "plan.json", 1)
    write_plan(folder, {RUN_ID: SPEC})
    assert read_plan(folder) == {RUN_ID: SPEC}


def test_result_of_schema_1_is_refused(folder):
    path = folder / "runs" / RUN_ID / "result.json"
    assert read_result(folder, RUN_ID) is None
    path.write_text(json.dumps(RESULT))
    assert_refused(lambda: read_result(folder, RUN_ID), path, 1)
    write_json(path, RESULT)
    assert read_result(folder, RUN_ID)["rows"] == [(1, "kl", 0.5)]


def test_table_of_schema_1_is_refused(folder, built):
    """Its run ids were in the column `cell`."""
    rows = table.read(built)
    text = rows.rename(columns={"run_id": "cell"}).to_csv(index=False)
    write_listed(folder / "results.csv", text.encode())
    assert_refused(lambda: table.read(folder), folder / "results.csv", 1)


def test_damaged_file_is_not_called_old(folder):
    """The message names the place of the damage, and the fix."""
    write_json(folder / "study.json", {"seeds": -1})
    with pytest.raises(UserError, match="damaged .seeds: .* command with --repair"):
        load_study(folder)
    (folder / "plan.json").write_text('{"schema": 2')
    with pytest.raises(UserError, match="plan.json: damaged"):
        read_plan(folder)


def test_study_with_too_many_configurations_is_refused(folder):
    run = {"dataset": "d", "recipe": "default", "seed": 0}
    runs = {f"{i:016x}": {**run, "method": f"m{i}"} for i in range(501)}
    write_json(folder / "study.json", {"runs": runs})
    with pytest.raises(UserError, match="has 501 configurations. A report can show at most 500"):
        load_study(folder)
