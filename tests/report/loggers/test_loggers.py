"""Loggers: each tracker's own reader finds the numbers of the runs, once."""

import importlib.util
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from ebmark.cli import main
from ebmark.errors import UserError
from ebmark.report.loggers import LOGGERS, log_study, logger
from ebmark.store.schema import read_plan, write_plan
from ebmark.system.checksums import sha256
from ebmark.system.writing import write_json

A, B, C = (letter * 16 for letter in "abc")  # ids of runs
SPEC = {
    "dataset": "half_moons",
    "dataset_fingerprint": "1",
    "points": None,
    "num_train": 10,
    "num_samples": 10,
    "num_metric_samples": 10,
    "langevin": {"steps": 10, "step_size": 0.1},
    "energy": {},
    "method": "nce",
    "recipe": "default",
    "training": {"learning_rate": 0.003, "method": {"noise": "gaussian", "width": None}},
}


@pytest.fixture
def folder(tmp_path):
    """Return a study of three runs: one done, one diverged, one not done yet."""
    place = tmp_path / "study"
    place.mkdir()
    write_json(place / "study.json", {"name": "toy"})
    plan = {name: SPEC | {"seed": seed} for seed, name in enumerate((A, B, C))}
    write_plan(place, plan)
    rows = [[100, "kl", 0.5], [200, "kl", 0.25], [200, "w1", "inf"]]
    complete(place, A, "done", rows)
    complete(place, B, "diverged", [[200, "kl", None]], "the loss was not finite")
    return place


def complete(place, name, status, rows, reason=""):
    folder = place / "runs" / name
    folder.mkdir(parents=True)
    np.savez(folder / "samples.npz", losses=np.repeat([3.0, 1.0], 100).astype(np.float32))
    made = {"ebmark": "0", "versions": {"jax": "0"}, "code_hash": "0", "device": "cpu"}
    files = {"samples.npz": sha256((folder / "samples.npz").read_bytes())}
    result = {"status": status, "reason": reason, "rows": rows, "files": files} | made
    write_json(folder / "result.json", result)


def read_tensorboard(place):
    """Return (run, metric, step) -> value, and everything else by run."""
    from tensorboardX.proto.event_pb2 import Event

    values, other = {}, {}
    for path in place.glob("*/events*"):
        content = path.read_bytes()
        at = 0
        while at < len(content):  # length, its checksum, the event, its checksum
            size = int.from_bytes(content[at : at + 8], "little")
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += 16 + size
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    values[path.parent.name, value.tag, event.step] = value.simple_value
                else:
                    other.setdefault(path.parent.name, b"")
                    other[path.parent.name] += value.SerializeToString()
    return values, other


def test_tensorboard_has_numbers_of_runs(folder, tmp_path):
    writer = logger("tensorboard", tmp_path / "tb", "toy")
    assert log_study(folder, writer) == 2
    values, other = read_tensorboard(tmp_path / "tb")
    assert values[A, "kl", 100] == 0.5 and values[A, "kl", 200] == 0.25
    assert values[A, "w1", 200] == math.inf and math.isnan(values[B, "kl", 200])
    assert values[A, "last/kl", 0] == 0.25
    losses = {step: x for (run, tag, step), x in values.items() if (run, tag) == (A, "loss")}
    assert len(losses) == 100 and losses[2] == 3.0 and losses[200] == 1.0
    assert b"training.learning_rate" in other[A] and b"gaussian" in other[A]
    assert b"the loss was not finite" in other[B]


def test_run_logged_once_when_completed(folder, tmp_path):
    writer = logger("tensorboard", tmp_path / "tb", "toy")
    assert [log_study(folder, writer) for _ in range(2)] == [2, 0]
    complete(folder, C, "done", [[200, "kl", 0.1]])
    assert log_study(folder, logger("tensorboard", tmp_path / "tb", "toy"), follow=True) == 1
    assert {path.name for path in (tmp_path / "tb").iterdir()} == {A, B, C}


def test_logger_errors_name_the_problem(folder, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="tensorboard"):
        logger("tensorbord", tmp_path / "tb", "toy")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install '\.\[wandb\]'"):
        logger("wandb", tmp_path / "wandb", "toy")
    (folder / "runs" / A / "result.json").write_text('{"schema": 2,')
    with pytest.raises(UserError, match="damaged"):
        log_study(folder, None)


@pytest.mark.parametrize("name", LOGGERS)
def test_output_folder_that_is_a_file_is_refused(folder, tmp_path, name, monkeypatch):
    if importlib.util.find_spec(name.replace("board", "boardX")) is None:
        pytest.skip(f'{name} is not installed: pip install ".[{name}]"')
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"study.json: cannot be written: .*\."):
        logger(name, folder / "study.json", "toy")
    with pytest.raises(UserError, match="Write elsewhere"):
        logger(name, folder / "study.json" / "log", "toy")


@pytest.mark.parametrize("command", ["log", "log --follow", "status", "status --watch"])
def test_published_study_has_no_runs(folder, tmp_path, command, monkeypatch, capsys):
    (folder / "runs").rename(tmp_path / "runs")
    name, *options = command.split()
    monkeypatch.setattr(sys, "argv", ["ebmark", name, str(folder), *options])
    assert main.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no folder 'runs'" in line and "Give the folder that `ebmark run` wrote" in line


@pytest.mark.parametrize("name", ["../../up", "/tmp/up", "up"])
def test_untrusted_run_id_is_no_path(folder, tmp_path, name):
    write_plan(folder, {name: read_plan(folder)[A]})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="plan.json: damaged"):
        log_study(folder, None)
    (folder / "log-tensorboard").symlink_to(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "ebmark", "log", folder], capture_output=True, text=True
    )
    assert ended.returncode == 2 and "leads out of its folder" in ended.stderr
    (folder / "log-tensorboard").unlink()
    assert sorted(tmp_path.rglob("*")) == before


READERS = {
    "mlflow": """
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
experiment = client.get_experiment_by_name("toy").experiment_id
runs = {run.data.tags["ebmark.run_id"]: run for run in client.search_runs([experiment])}
history = client.get_metric_history(runs["aaaaaaaaaaaaaaaa"].info.run_id, "kl")
print(json.dumps({"kl": {m.step: m.value for m in history}, "runs": sorted(runs),
    "losses": len(client.get_metric_history(runs["aaaaaaaaaaaaaaaa"].info.run_id, "loss")),
    "learning_rate": runs["aaaaaaaaaaaaaaaa"].data.params["training.learning_rate"],
    "outcome": runs["bbbbbbbbbbbbbbbb"].data.tags["ebmark.outcome"]}))
""",
    "wandb": """
import glob
from wandb.proto.wandb_internal_pb2 import Record


def records(content):
    # LevelDB's log: blocks of 32 KiB; a checksum, a length, a type, a piece of a record
    at, whole = 7, b""
    while at < len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        whole += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # full, or last
            yield whole
            whole = b""


found = {"kl": {}, "runs": [], "losses": 0}
for path in sorted(glob.glob(sys.argv[1] + "/wandb/offline-run-*/*.wandb")):
    run = path.rsplit("-", 1)[1].removesuffix(".wandb")
    found["runs"].append(run)
    for data in records(open(path, "rb").read()):
        record = Record.FromString(data)
        step = record.history.step.num
        for item in record.history.item:
            name = item.key or item.nested_key[0]
            if run == "aaaaaaaaaaaaaaaa" and name == "kl":
                found["kl"][step] = json.loads(item.value_json)
            found["losses"] += run == "aaaaaaaaaaaaaaaa" and name == "loss"
        for item in record.run.config.update:
            if item.key == "training.learning_rate":
                found["learning_rate"] = item.value_json
        for item in record.summary.update:
            if (item.key or item.nested_key[0]) == "outcome" and run == "bbbbbbbbbbbbbbbb":
                found["outcome"] = json.loads(item.value_json)
print(json.dumps(found))
""",
}


@pytest.mark.full
@pytest.mark.parametrize("name", READERS)
def test_tracker_reads_numbers_of_runs(folder, tmp_path, name):
    """Separate processes isolate the warnings and background threads of these packages."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f'{name} is not installed: pip install ".[{name}]"')
    place = tmp_path / name
    environment = os.environ | {"MLFLOW_ALLOW_FILE_STORE": "true"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "ebmark", "log", folder, "--logger", name, "--out", place]
    for new in (2, 0):
        ended = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert ended.returncode == 0 and f"{new} new runs" in ended.stdout, ended.stderr
    where = str(place) if name == "wandb" else place.as_uri()
    reader = [sys.executable, "-c", "import json, sys\n" + READERS[name], where]
    read = subprocess.run(reader, capture_output=True, text=True, env=environment)
    assert read.returncode == 0, read.stderr
    found = json.loads(read.stdout)
    assert found["kl"] == {"100": 0.5, "200": 0.25} and found["runs"] == [A, B]
    assert found["losses"] == 100 and float(found["learning_rate"]) == 0.003
    assert found["outcome"] == "diverged: the loss was not finite"


def test_every_logger_is_an_extra():
    import tomllib
    from pathlib import Path

    import ebmark

    project = tomllib.loads((Path(ebmark.__file__).parents[1] / "pyproject.toml").read_text())
    assert set(LOGGERS) <= set(project["project"]["optional-dependencies"])
