"""Untrusted files: each reader returns a value or raises one line, at bounded cost.

Every reader gets valid files that are mutated: bits flipped, truncated, spliced, and, for JSON,
values, keys and parts of the document replaced by hostile ones. Each reader gets five times
EBMARK_FUZZ inputs (`./dev test --full`: 10,000); --hypothesis-show-statistics counts them.
"""

import io
import json
import os
import zipfile

import numpy as np
import pandas as pd
import pytest
from helpers.fuzzing import (
    CUTS,
    DTYPES,
    EDITS,
    SHAPES,
    TOML_VALUES,
    cut,
    edit,
    fuzz,
    mutate_json,
    mutate_toml,
    npy_bytes,
    npy_with_header,
    read_or_refuse,
)
from helpers.results_folder import build
from hypothesis import given
from hypothesis import strategies as st

from ebmark.datasets.tables import read_points
from ebmark.engines._sites import load_site
from ebmark.store import table
from ebmark.store.locks import acquire_lock, running
from ebmark.store.schema import load_study, read_plan, read_result
from ebmark.studies.study import read_study
from ebmark.studies.tuning.search import read_search
from ebmark.system.array_files import read_array, read_run_arrays
from ebmark.system.checksums import sha256
from ebmark.system.listed_files import write_listed
from ebmark.system.writing import write_json
from ebmark.training import tuned
from ebmark.training.model import load_model
from ebmark.training.tree_file import load_tree, read_header, save_tree


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of two runs, as `ebmark run` leaves it."""
    folder = build(
        tmp_path_factory.mktemp("fuzz"),
        datasets=("half_moons",),
        methods=("cd", "nce"),
        seeds=1,
        points=12,
        grid=30,
        diverged=(),
    )
    for path in folder.glob("runs/*/result.json"):
        result = json.loads(path.read_text())
        write_json(path, result | {"rows": result["rows"][:6]})
    return folder


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_study_json(folder, tmp_path_factory, edits, cuts, is_raw):
    """Whatever is read leads out of no folder and breaks no line."""
    place = tmp_path_factory.getbasetemp() / "study"
    place.mkdir(exist_ok=True)
    document = json.loads((folder / "study.json").read_text())
    (place / "study.json").write_bytes(mutate_json(document, edits, cuts, is_raw))
    study = read_or_refuse(lambda: load_study(place))
    if study is not None:
        for run_id, run in study["runs"].items():
            assert len(run_id) == 16 and int(run_id, 16) >= 0
            assert run["dataset"].isprintable() and run["method"].isprintable()


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_result_json(folder, tmp_path_factory, edits, cuts, is_raw):
    runs = json.loads((folder / "study.json").read_text())["runs"]
    run_id = min(runs)
    document = json.loads((folder / "runs" / run_id / "result.json").read_text())
    place = tmp_path_factory.getbasetemp() / "result"
    (place / "runs" / run_id).mkdir(parents=True, exist_ok=True)
    content = mutate_json(document, edits, cuts, is_raw)
    (place / "runs" / run_id / "result.json").write_bytes(content)
    if read_or_refuse(lambda: read_result(place, run_id)) is not None:
        rows = table.collect(place, {run_id: runs[run_id]})
        assert set(rows["status"]) <= {"done", "diverged"}


SPEC = {
    "dataset": "half_moons",
    "method": "nce",
    "recipe": "default",
    "seed": 0,
    "dataset_fingerprint": "1f",
    "points": None,
    "num_train": 300,
    "num_samples": 60,
    "num_metric_samples": 50,
    "langevin": {"steps": 40, "step_size": 0.001},
    "energy": {"num_features": 3, "bandwidth": 1.0, "width": 4, "depth": 1, "confinement_std": 1.0},
    "training": {"num_updates": 30, "learning_rate": 0.003, "method": {"noise": "gaussian"}},
    "axes": {"num_train": 300},
}

SPEC_OF_USER_DATA = SPEC | {"points": f"points-{'0' * 16}.npy"}
PLAN = {"schema": 2, "runs": {"0123456789abcdef": SPEC, "f" * 16: SPEC_OF_USER_DATA}}


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_plan_json(tmp_path_factory, edits, cuts, is_raw):
    place = tmp_path_factory.getbasetemp() / "plan"
    place.mkdir(exist_ok=True)
    (place / "plan.json").write_bytes(mutate_json(PLAN, edits, cuts, is_raw))
    plan = read_or_refuse(lambda: read_plan(place))
    for run_id, spec in (plan or {}).items():
        assert len(run_id) == 16 and int(run_id, 16) >= 0
        assert spec["points"] is None or os.path.basename(spec["points"]) == spec["points"]


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_search_result_json(tmp_path_factory, edits, cuts, is_raw):
    trial = {
        "point": {"batch_size": 256, "method.step_size": 0.01},
        "values": [0.1, None, 0.3],
        "changes": {"batch_size": 256},
    }
    document = {"schema": 2, "status": "done", "reason": "", "trials": [trial, trial]}
    place = tmp_path_factory.getbasetemp() / "search"
    (place / "runs" / "0").mkdir(parents=True, exist_ok=True)
    content = mutate_json(document, edits, cuts, is_raw)
    (place / "runs" / "0" / "result.json").write_bytes(content)
    for trial in read_or_refuse(lambda: read_search(place, "0")) or ():
        assert trial["values"]


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_lock(tmp_path_factory, edits, cuts, is_raw):
    """A damaged lock is free, or belongs to another process for as long as it is touched."""
    document = {
        "machine": "other",
        "host": "node7",
        "pid": 1,
        "since": 0,
        "what": "a",
        "fraction": 0.5,
    }
    place = tmp_path_factory.getbasetemp() / "locked"
    (place / "runs").mkdir(parents=True, exist_ok=True)
    path = place / "runs" / "mine.lock"
    path.write_bytes(mutate_json(document, edits, cuts, is_raw))
    for lock in running(place, ["mine"]):
        assert 0 <= lock["fraction"] <= 1 and max(lock["since"], lock["pid"]) < 2**53
        assert all(lock[key].isprintable() for key in ("machine", "host", "what"))
    os.utime(path, (0, 0))

    def acquire():
        with acquire_lock(place, "mine") as lock:
            assert lock is not None

    read_or_refuse(acquire)


@fuzz()
@given(CUTS)
def test_results_csv(folder, tmp_path_factory, cuts):
    original = (folder / "results.csv").read_bytes()
    place = tmp_path_factory.getbasetemp()
    write_listed(place / "results.csv", cut(original[:3000], cuts))
    rows = read_or_refuse(lambda: table.read(place))
    if rows is not None:
        assert rows["value"].dtype == float and rows["seed"].dtype == int


@fuzz()
@given(
    CUTS,
    st.sampled_from(["bytes", "header", "member", "nan", "bomb"]),
    st.integers(0, 11),
    st.sampled_from(SHAPES),
    st.sampled_from(DTYPES),
)
def test_samples_npz(folder, tmp_path_factory, cuts, damage, which, shape, dtype):
    run_id = min(json.loads((folder / "study.json").read_text())["runs"])
    arrays = table.load_arrays(folder, run_id)
    names = sorted(arrays)
    damaged_name = names[which % len(names)]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = npy_bytes(array)
            if name == damaged_name and damage == "header":
                content = npy_with_header(shape, dtype, content[128:])
            elif name == damaged_name and damage == "member":
                content = cut(content, cuts)
            elif name == damaged_name and damage == "nan":
                fill = [np.nan, np.inf, -1e300][which % 3]
                content = npy_bytes(np.full_like(array, fill, float))
            elif name == damaged_name and damage == "bomb":
                content = npy_with_header((2**24,), "<f8") + bytes(2**22)
            archive.writestr(f"{name}.npy", content)
    content = file.getvalue()
    path = tmp_path_factory.getbasetemp() / "runs" / "0" / "samples.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cut(content, cuts) if damage == "bytes" else content)
    read_or_refuse(lambda: read_run_arrays(path, sha256(path.read_bytes())))


@fuzz()
@given(CUTS, st.booleans(), st.sampled_from(SHAPES), st.sampled_from(DTYPES))
def test_points_npy_of_a_study(tmp_path_factory, cuts, has_false_header, shape, dtype):
    path = tmp_path_factory.getbasetemp() / f"points-{'0' * 16}.npy"
    content = npy_bytes(np.arange(24.0).reshape(12, 2))
    if has_false_header:
        write_listed(path, npy_with_header(shape, dtype, content[128:]))
    else:
        write_listed(path, cut(content, cuts))
    read_or_refuse(lambda: read_array(path))


STUDY = b"""
name = "mine"
datasets = ["half_moons", "eight_gaussians"]
methods = ["cd", "dsm", "nce"]
seeds = 3
num_updates = 30
num_train = 300
variants = ["default"]
plot_metrics = ["kl"]

[recipes.cd.method]
step_size = 0.1
num_steps = 10

[recipes.nce]
batch_size = 64
learning_rate = 1e-3

[sweep]
num_train = [100, 1000]
"method.sigma" = [0.1, 0.2]

[energy]
width = 32
"""


@fuzz()
@given(st.integers(0, 10**6), TOML_VALUES, CUTS, st.booleans())
def test_study_toml(tmp_path_factory, line, value, cuts, is_raw):
    path = tmp_path_factory.getbasetemp() / "mine.toml"
    path.write_bytes(mutate_toml(STUDY, line, value, cuts, is_raw))
    study = read_or_refuse(lambda: read_study(path))
    if study is not None:
        assert "/" not in study.name and not study.name.startswith(".")


def points_files() -> dict[str, bytes]:
    """The same points in every format, by suffix."""
    x = np.random.default_rng(0).normal(size=(30, 2))
    frame = pd.DataFrame(x, columns=["a", "b"])
    npz = io.BytesIO()
    np.savez(npz, x=x, y=x)
    parquet = io.BytesIO()
    frame.to_parquet(parquet)
    return {
        "csv": frame.to_csv(index=False).encode(),
        "tsv": frame.to_csv(sep="\t").encode(),
        "npy": npy_bytes(x),
        "npz": npz.getvalue(),
        "parquet": parquet.getvalue(),
    }


POINTS = points_files()


@fuzz(3)
@given(st.sampled_from(sorted(POINTS)), CUTS)
def test_user_points(tmp_path_factory, suffix, cuts):
    path = tmp_path_factory.getbasetemp() / f"points.{suffix}"
    path.write_bytes(cut(POINTS[suffix], cuts))
    points = read_or_refuse(lambda: read_points(path))
    if points is not None:
        assert np.isfinite(points.x).all() and len(points.columns) == points.x.shape[1]


SITE = b"""
like = "slurm"
walltime = "3:00:00"
blocks = 2
nodes = 1
queue = "main"
setup = ["module load conda"]
workers = 8
accelerators = ["0", "1"]
affinity = "none"
lost_after = 20
"""


@fuzz()
@given(st.integers(0, 10**6), TOML_VALUES, CUTS, st.booleans())
def test_site_toml(tmp_path_factory, line, value, cuts, is_raw):
    path = tmp_path_factory.getbasetemp() / "site.toml"
    path.write_bytes(mutate_toml(SITE, line, value, cuts, is_raw))
    site = read_or_refuse(lambda: load_site(str(path)))
    if site is not None:
        assert site.blocks >= 1 and site.lost_after >= 10


RECIPE = {"changes": {"batch_size": 256, "method": {"sigma": 0.1}}, "made": {"score": 0.1}}
TUNED = {"schema": 2, "tuned": {"cd": {"half_moons": RECIPE, "rings": RECIPE}, "nce": {}}}


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_tuned_json(tmp_path_factory, edits, cuts, is_raw):
    path = tmp_path_factory.getbasetemp() / "tuned.json"
    path.write_bytes(mutate_json(TUNED, edits, cuts, is_raw))
    read_or_refuse(lambda: tuned._read.__wrapped__(path, 0))


LEAVES = [np.arange(6.0).reshape(2, 3), np.zeros(2)]
MODEL_SPEC = {
    "method": SPEC["method"],
    "energy": SPEC["energy"],
    "langevin": SPEC["langevin"],
    "num_train": SPEC["num_train"],
    "training": {"num_updates": 30, "batch_size": 64, "method": {"noise": "gaussian"}},
}
HEADER = {
    "kind": "model",
    "ebmark": "0",
    "dim": 2,
    "columns": ["a", "b"],
    "fingerprint": "1f",
    "spec": MODEL_SPEC,
}


@fuzz(0.5)
@given(EDITS, CUTS, st.booleans())
def test_header_of_model_and_checkpoint(tmp_path_factory, edits, cuts, is_raw):
    """The checksum is correct unless the bytes are cut."""
    path = tmp_path_factory.getbasetemp() / "model.ebm"
    save_tree(path, edit(HEADER, edits), LEAVES)
    if is_raw:
        path.write_bytes(cut(path.read_bytes(), cuts))
    read_or_refuse(lambda: read_header(path))
    read_or_refuse(lambda: load_tree(path, LEAVES))
    assert read_or_refuse(lambda: load_model(path)) is None


def test_files_are_valid_before_mutation(tmp_path):
    """Otherwise all mutants would be refused for the same reason."""
    write_json(tmp_path / "plan.json", PLAN)
    write_json(tmp_path / "tuned.json", TUNED)
    (tmp_path / "mine.toml").write_bytes(STUDY)
    (tmp_path / "site.toml").write_bytes(SITE)
    assert read_plan(tmp_path) == PLAN["runs"]
    assert tuned._read.__wrapped__(tmp_path / "tuned.json", 0).keys() == TUNED["tuned"].keys()
    assert read_study(tmp_path / "mine.toml").num_updates == 30
    assert load_site(str(tmp_path / "site.toml")).blocks == 2
