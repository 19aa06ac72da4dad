"""Files from strangers: each gives a value or one line, whatever is in it, and costs little.

Every reader gets valid files that are mutated: bits flipped, cut short, spliced, and, where it
is JSON, values, keys and parts of the document replaced by what was meant to hurt. Each reader
gets five times EBMARK_FUZZ inputs (`./dev test --full`: 10,000); with --hypothesis-show-statistics
they are counted.
"""

import contextlib
import copy
import io
import json
import os
import resource
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from helpers.results_folder import build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebmark.datasets.tables import read_points
from ebmark.engines._sites import load_site
from ebmark.errors import UserError
from ebmark.store import table
from ebmark.store.locks import acquire_lock, running
from ebmark.store.schema import load_study, read_plan, read_result
from ebmark.studies.study import read_study
from ebmark.studies.tuning.search import read_search
from ebmark.system.array_files import read_array
from ebmark.training import tuned
from ebmark.training.model import load_model
from ebmark.training.tree_file import load_tree, read_header, save_tree

LONG = int(os.environ.get("EBMARK_FUZZ", "0"))
MORE_MEMORY = 2 << 30  # bytes that reading may take beyond what the process has
SLOWEST = 10.0  # seconds for one file


def fuzz(share: float = 1.0):
    return settings(
        max_examples=round(5 * LONG * share) or 30,
        deadline=None,
        derandomize=not LONG,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@contextlib.contextmanager
def narrow():
    """Little memory and little time, as anyone's file deserves."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_MEMORY, old[1]))
    began = time.monotonic()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)
    assert time.monotonic() - began < SLOWEST


def value_or_line(read):
    """What is read, or None where it is refused in one line."""
    with narrow():
        try:
            return read()
        except UserError as error:
            said = str(error)
            assert "\n" not in said and said.isprintable() and len(said) < 1200, said
            return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of two cells, as a run leaves it."""
    folder = build(
        tmp_path_factory.mktemp("fuzz"),
        datasets=("half_moons",),
        methods=("cd", "nce"),
        seeds=1,
        points=12,
        grid=30,
        diverged=(),
    )
    study = json.loads((folder / "study.json").read_text())
    rows = table.read(folder)
    for cell in study["runs"]:
        mine = rows[rows["run_id"] == cell]
        values = [
            [int(s), m, float(v)]
            for s, m, v in zip(mine["step"], mine["metric"], mine["value"], strict=True)
        ]
        made = {"ebmark": "0", "versions": {"jax": "0"}, "code_hash": "0", "device": "cpu"}
        result = {"status": "done", "reason": "", "rows": values[:6], **made}
        (folder / "runs" / cell / "result.json").write_text(json.dumps(result))
    return folder


HOSTILE = [
    None,
    True,
    "",
    "\x00",
    "\ud800",
    "\u202e\n",
    "x" * 300_000,
    "../../../../etc/passwd",
    "/etc/passwd",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "[/red][bold]",
    "$\\frac{1}{0}$",
    -1,
    0,
    2**31,
    2**63,
    10**30,
    10**400,
    1e308,
    -1e-308,
    float("nan"),
    float("inf"),
    float("-inf"),
    [],
    {},
    [[]] * 50,
    {"__class__": "os.system"},
]
VALUES = st.sampled_from(HOSTILE) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
EDITS = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.sampled_from(["put", "put", "put", "drop", "again", "rename", "graft"]),
        VALUES,
    ),
    min_size=1,
    max_size=4,
)
CUTS = st.lists(
    st.tuples(
        st.integers(0, 10**9),
        st.sampled_from(["flip", "flip", "cut", "insert", "copy", "drop", "zero"]),
        st.integers(0, 10**9),
        st.sampled_from(
            [b"", b"\0", b"\xff" * 8, b"9" * 400, b"[" * 5000, b'"', b",", b"\n", b"-"]
        ),
    ),
    min_size=1,
    max_size=5,
)


def places(document):
    """Every (parent, key) of a document."""
    found, todo = [], [document]
    while todo:
        one = todo.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], dict | list):
                todo.append(one[key])
    return found


def edited(document, edits):
    """The document with some of its parts put, dropped, doubled, renamed or moved."""
    document = copy.deepcopy(document)
    for place, how, value in edits:
        known = places(document)
        if not known:
            break
        parent, key = known[place % len(known)]
        if how == "put":
            parent[key] = copy.deepcopy(value)
        elif how == "drop":
            del parent[key]
        elif how == "again" and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif how == "rename" and isinstance(parent, dict):
            parent[str(value)[:1000]] = parent.pop(key)
        elif how == "graft":
            other, at = known[(place // 7) % len(known)]
            parent[key] = copy.deepcopy(other[at])
    return document


def cut(content: bytes, cuts) -> bytes:
    """The bytes with some flipped, cut off, put in, copied from elsewhere, left out."""
    content = bytearray(content)
    for place, how, other, put in cuts:
        i, j = place % (len(content) + 1), other % (len(content) + 1)
        if how == "flip" and i < len(content):
            content[i] ^= 1 << other % 8
        elif how == "cut":
            del content[i:]
        elif how == "insert":
            content[i:i] = put
        elif how == "copy":
            content[i:i] = content[j : j + 64]
        elif how == "drop":
            del content[i : i + other % 32]
        elif how == "zero":
            content[i : i + 8] = bytes(len(content[i : i + 8]))
    return bytes(content)


def as_json(document) -> bytes:
    return json.dumps(document).encode()


def edited_json(document, edits) -> bytes:
    return as_json(edited(document, edits))


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_the_description_of_a_study(folder, tmp_path_factory, edits, cuts, raw):
    original = (folder / "study.json").read_bytes()
    place = tmp_path_factory.getbasetemp() / "described"
    place.mkdir(exist_ok=True)
    changed = cut(original, cuts) if raw else edited_json(json.loads(original), edits)
    (place / "study.json").write_bytes(changed)
    study = value_or_line(lambda: load_study(place))
    if study is not None:  # then nothing in it leads out of the folder, or breaks a line
        for name, cell in study["runs"].items():
            assert len(name) == 16 and int(name, 16) >= 0
            assert cell["dataset"].isprintable() and cell["method"].isprintable()


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_the_result_of_a_cell(folder, tmp_path_factory, edits, cuts, raw):
    cells = json.loads((folder / "study.json").read_text())["runs"]
    name = min(cells)
    original = (folder / "runs" / name / "result.json").read_bytes()
    place = tmp_path_factory.getbasetemp() / "result"
    (place / "runs" / name).mkdir(parents=True, exist_ok=True)
    changed = cut(original, cuts) if raw else edited_json(json.loads(original), edits)
    (place / "runs" / name / "result.json").write_bytes(changed)
    if value_or_line(lambda: read_result(place, name)) is not None:
        rows = table.collect(place, {name: cells[name]})
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


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_the_plan_of_a_study(tmp_path_factory, edits, cuts, raw):
    plan = {"0123456789abcdef": SPEC, "f" * 16: SPEC | {"points": f"points-{'0' * 16}.npy"}}
    place = tmp_path_factory.getbasetemp() / "planned"
    place.mkdir(exist_ok=True)
    (place / "plan.json").write_bytes(cut(as_json(plan), cuts) if raw else edited_json(plan, edits))
    plan = value_or_line(lambda: read_plan(place))
    for name, spec in (plan or {}).items():
        assert len(name) == 16 and int(name, 16) >= 0
        assert spec["points"] is None or os.path.basename(spec["points"]) == spec["points"]


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_the_trials_of_a_search(tmp_path_factory, edits, cuts, raw):
    trial = {"point": {"batch_size": 256, "method.step_size": 0.01}, "values": [0.1, None, 0.3]}
    result = {
        "status": "done",
        "reason": "",
        "trials": [trial | {"changes": {"batch_size": 256}}] * 2,
    }
    place = tmp_path_factory.getbasetemp() / "searched"
    (place / "runs" / "0").mkdir(parents=True, exist_ok=True)
    changed = cut(as_json(result), cuts) if raw else edited_json(result, edits)
    (place / "runs" / "0" / "result.json").write_bytes(changed)
    for trial in value_or_line(lambda: read_search(place, "0")) or ():
        assert trial["values"]


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_what_a_claim_says(tmp_path_factory, edits, cuts, raw):
    """Nonsense holds nobody: the claim is free, or another's for as long as it is touched."""
    said = {"machine": "other", "host": "node7", "pid": 1, "since": 0, "what": "a", "fraction": 0.5}
    place = tmp_path_factory.getbasetemp() / "held"
    (place / "runs").mkdir(parents=True, exist_ok=True)
    claim = place / "runs" / "mine.lock"
    claim.write_bytes(cut(as_json(said), cuts) if raw else edited_json(said, edits))
    for one in running(place, ["mine"]):
        assert 0 <= one["fraction"] <= 1 and max(one["since"], one["pid"]) < 2**53
        assert all(one[key].isprintable() for key in ("machine", "host", "what"))
    os.utime(claim, (0, 0))

    def taken():
        with acquire_lock(place, "mine") as held:
            assert held is not None

    value_or_line(taken)


@fuzz()
@given(CUTS)
def test_the_table(folder, tmp_path_factory, cuts):
    original = (folder / "results.csv").read_bytes()
    place = tmp_path_factory.getbasetemp()
    (place / "results.csv").write_bytes(cut(original[:3000], cuts))
    rows = value_or_line(lambda: table.read(place))
    if rows is not None:
        assert rows["value"].dtype == float and rows["seed"].dtype == int


def npz(folder) -> dict[str, np.ndarray]:
    cell = min(json.loads((folder / "study.json").read_text())["runs"])
    return table.load_arrays(folder, cell)


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


SHAPES = [(), (0, 2), (2**40,), (1, 2), (10**18, 10**18), (-1, 2), (12, 3), (12, 2, 1), (2,) * 40]
DTYPES = ["<f8", ">f4", "<i8", "|O", "|S5", "|V8", "<c16", "<M8[s]", "[('a','<f8')]", "<f2", "|b1"]


def lying(shape, dtype, body=b"") -> bytes:
    """An NPY file whose header is whole and does not tell the truth."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    text = text.encode("latin1").ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@fuzz()
@given(
    CUTS,
    st.sampled_from(["bytes", "header", "member", "nan", "bomb"]),
    st.integers(0, 11),
    st.sampled_from(SHAPES),
    st.sampled_from(DTYPES),
)
def test_the_arrays_of_a_cell(folder, tmp_path_factory, cuts, how, which, shape, dtype):
    arrays, file = npz(folder), io.BytesIO()
    names = sorted(arrays)
    name = names[which % len(names)]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, array in arrays.items():
            content = npy(array)
            if one == name and how == "header":
                content = lying(shape, dtype, content[128:])
            elif one == name and how == "member":
                content = cut(content, cuts)
            elif one == name and how == "nan":
                content = npy(np.full_like(array, [np.nan, np.inf, -1e300][which % 3], float))
            elif one == name and how == "bomb":
                content = lying((2**24,), "<f8") + bytes(2**22)
            archive.writestr(f"{one}.npy", content)
    content = file.getvalue()
    place = tmp_path_factory.getbasetemp() / "runs" / "0" / "samples.npz"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(cut(content, cuts) if how == "bytes" else content)
    value_or_line(lambda: table.load_arrays(place.parents[2], "0"))


@fuzz()
@given(CUTS, st.booleans(), st.sampled_from(SHAPES), st.sampled_from(DTYPES))
def test_the_points_that_a_study_keeps(tmp_path_factory, cuts, lies, shape, dtype):
    place = tmp_path_factory.getbasetemp() / "points.npy"
    whole = npy(np.arange(24.0).reshape(12, 2))
    place.write_bytes(lying(shape, dtype, whole[128:]) if lies else cut(whole, cuts))
    value_or_line(lambda: read_array(place))


STUDY = b"""
name = "mine"
datasets = ["half_moons", "eight_gaussians"]
methods = ["cd", "nce", "mle"]
seeds = 3
steps = 30
num_train = 300
variants = ["default"]
measures = ["kl"]

[recipes.cd.method]
step_size = 0.1
steps = 10

[recipes.nce]
batch = 64
learning_rate = 1e-3

[sweep]
num_train = [100, 1000]
"method.sigma" = [0.1, 0.2]

[energy]
width = 32
"""
WORDS = st.sampled_from(
    [b"inf", b"nan", b"-1", b"0", b"1e400", b"9" * 50, b'"../up"', b"{a=" * 500, b"a.b." * 40]
    + [b"1979-05-27", b"[[1]]", b'"\\u0000"', b"true", b"'''", b'"tuned"', b'"x.json"', b"2" * 5000]
)


@fuzz()
@given(st.integers(0, 10**6), WORDS, CUTS, st.booleans())
def test_a_study_file(tmp_path_factory, which, word, cuts, raw):
    place = tmp_path_factory.getbasetemp() / "mine.toml"
    lines = STUDY.splitlines()
    at = which % len(lines)
    key = lines[at].partition(b"=")[0]
    lines[at] = key + b"= " + word
    place.write_bytes(cut(STUDY, cuts) if raw else b"\n".join(lines))
    study = value_or_line(lambda: read_study(place))
    if study is not None:
        assert "/" not in study.name and not study.name.startswith(".")


def points_files() -> dict[str, bytes]:
    x = np.random.default_rng(0).normal(size=(30, 2))
    frame, files = pd.DataFrame(x, columns=["a", "b"]), {}
    files["csv"] = frame.to_csv(index=False).encode()
    files["tsv"] = frame.to_csv(sep="\t").encode()
    files["npy"] = npy(x)
    for name, write in (
        ("npz", lambda f: np.savez(f, x=x, y=x)),
        ("parquet", lambda f: frame.to_parquet(f)),
    ):
        file = io.BytesIO()
        write(file)
        files[name] = file.getvalue()
    return files


POINTS = points_files()


@fuzz(3)
@given(st.sampled_from(sorted(POINTS)), CUTS)
def test_the_points_of_a_person(tmp_path_factory, kind, cuts):
    place = tmp_path_factory.getbasetemp() / f"points.{kind}"
    place.write_bytes(cut(POINTS[kind], cuts))
    points = value_or_line(lambda: read_points(place))
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
@given(st.integers(0, 10**6), WORDS, CUTS, st.booleans())
def test_a_site(tmp_path_factory, which, word, cuts, raw):
    place = tmp_path_factory.getbasetemp() / "site.toml"
    lines = SITE.splitlines()
    at = which % len(lines)
    lines[at] = lines[at].partition(b"=")[0] + b"= " + word
    place.write_bytes(cut(SITE, cuts) if raw else b"\n".join(lines))
    site = value_or_line(lambda: load_site(str(place)))
    if site is not None:
        assert site.blocks >= 1 and site.lost_after >= 10


@fuzz()
@given(EDITS, CUTS, st.booleans())
def test_a_file_of_tuned_recipes(tmp_path_factory, edits, cuts, raw):
    recipe = {"changes": {"batch_size": 256, "method": {"sigma": 0.1}}, "made": {"score": 0.1}}
    document = {"tuned": {"cd": {"half_moons": recipe, "rings": recipe}, "nce": {}}}
    place = tmp_path_factory.getbasetemp() / "tuned.json"
    place.write_bytes(cut(as_json(document), cuts) if raw else edited_json(document, edits))
    value_or_line(lambda: tuned._read.__wrapped__(place, 0))


LEAVES = [np.arange(6.0).reshape(2, 3), np.zeros(2)]
HEADER = {"kind": "model", "ebmark": "0", "dim": 2, "columns": ["a", "b"], "run": "1f"}
HEADER |= {"spec": {key: SPEC[key] for key in ("method", "energy", "langevin", "num_train")}}
HEADER["spec"]["training"] = {"num_updates": 30, "batch_size": 64, "method": {"noise": "gaussian"}}


@fuzz(0.5)
@given(EDITS, CUTS, st.booleans())
def test_a_model_or_checkpoint_whose_header_lies(tmp_path_factory, edits, cuts, raw):
    """Its checksum is right, unless its bytes are cut."""
    place = tmp_path_factory.getbasetemp() / "model.ebm"
    header = edited(HEADER, edits)
    save_tree(place, header, LEAVES)
    if raw:
        place.write_bytes(cut(place.read_bytes(), cuts))
    value_or_line(lambda: read_header(place))
    value_or_line(lambda: load_tree(place, LEAVES))
    assert value_or_line(lambda: load_model(place)) is None
