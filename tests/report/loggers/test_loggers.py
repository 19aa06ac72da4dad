"""Loggers: what a study's cells say is what each viewer's own reader finds, once."""

import importlib.util
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from ebmark.errors import UserError
from ebmark.report.loggers import LOGGERS, log_study, logger

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
    """A study of three cells: one done, one diverged, one not done yet."""
    place = tmp_path / "study"
    place.mkdir()
    (place / "study.json").write_text(json.dumps({"name": "toy"}))
    plan = {
        name: SPEC | {"seed": seed}
        for seed, name in enumerate(("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"))
    }
    (place / "plan.json").write_text(json.dumps(plan))
    finish(
        place, "aaaaaaaaaaaaaaaa", "done", [[100, "kl", 0.5], [200, "kl", 0.25], [200, "w1", "inf"]]
    )
    finish(place, "bbbbbbbbbbbbbbbb", "diverged", [[200, "kl", None]], "the loss was not finite")
    return place


def finish(place, name, status, rows, reason=""):
    cell = place / "runs" / name
    cell.mkdir(parents=True)
    np.savez(cell / "samples.npz", losses=np.repeat([3.0, 1.0], 100).astype(np.float32))
    made = {"ebmark": "0", "versions": {"jax": "0"}, "code_hash": "0", "device": "cpu"}
    result = {"status": status, "reason": reason, "rows": rows} | made
    (cell / "result.json").write_text(json.dumps(result))


def by_tensorboardx(place):
    """(cell, metric, step) -> value, and what else was written."""
    from tensorboardX.proto.event_pb2 import Event

    found, words = {}, {}
    for path in place.glob("*/events*"):
        content, at = path.read_bytes(), 0
        while at < len(content):  # length, its checksum, the event, its checksum
            size = int.from_bytes(content[at : at + 8], "little")
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += 16 + size
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[path.parent.name, value.tag, event.step] = value.simple_value
                else:
                    words.setdefault(path.parent.name, b"")
                    words[path.parent.name] += value.SerializeToString()
    return found, words


def test_tensorboard_holds_the_numbers_of_the_cells(folder, tmp_path):
    writer = logger("tensorboard", tmp_path / "tb", "toy")
    assert log_study(folder, writer) == 2
    found, words = by_tensorboardx(tmp_path / "tb")
    assert (
        found["aaaaaaaaaaaaaaaa", "kl", 100] == 0.5 and found["aaaaaaaaaaaaaaaa", "kl", 200] == 0.25
    )
    assert found["aaaaaaaaaaaaaaaa", "w1", 200] == math.inf and math.isnan(
        found["bbbbbbbbbbbbbbbb", "kl", 200]
    )
    assert found["aaaaaaaaaaaaaaaa", "last/kl", 0] == 0.25
    losses = {
        step: value
        for (cell, tag, step), value in found.items()
        if (cell, tag) == ("aaaaaaaaaaaaaaaa", "loss")
    }
    assert len(losses) == 100 and losses[2] == 3.0 and losses[200] == 1.0
    assert (
        b"training.learning_rate" in words["aaaaaaaaaaaaaaaa"]
        and b"gaussian" in words["aaaaaaaaaaaaaaaa"]
    )
    assert b"the loss was not finite" in words["bbbbbbbbbbbbbbbb"]


def test_a_cell_is_logged_once_and_a_new_one_when_it_is_done(folder, tmp_path):
    writer = logger("tensorboard", tmp_path / "tb", "toy")
    assert [log_study(folder, writer) for _ in range(2)] == [2, 0]
    finish(folder, "cccccccccccccccc", "done", [[200, "kl", 0.1]])
    assert log_study(folder, logger("tensorboard", tmp_path / "tb", "toy"), follow=True) == 1
    assert {path.name for path in (tmp_path / "tb").iterdir()} == {
        "aaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbb",
        "cccccccccccccccc",
    }


def test_mistakes_are_told(folder, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="tensorboard"):
        logger("tensorbord", tmp_path / "tb", "toy")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install \"ebmark\[wandb\]\""):
        logger("wandb", tmp_path / "wandb", "toy")
    (folder / "runs" / "aaaaaaaaaaaaaaaa" / "result.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        log_study(folder, None)


@pytest.mark.parametrize("name", ["../../up", "/tmp/up", "up"])
def test_a_strangers_names_lead_nowhere(folder, tmp_path, name):
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps({name: plan["a" * 16]}))
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
runs = {run.data.tags["ebmark.cell"]: run for run in client.search_runs([experiment])}
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
    cell = path.rsplit("-", 1)[1].removesuffix(".wandb")
    found["runs"].append(cell)
    for data in records(open(path, "rb").read()):
        record = Record.FromString(data)
        step = record.history.step.num
        for item in record.history.item:
            name = item.key or item.nested_key[0]
            if cell == "aaaaaaaaaaaaaaaa" and name == "kl":
                found["kl"][step] = json.loads(item.value_json)
            found["losses"] += cell == "aaaaaaaaaaaaaaaa" and name == "loss"
        for item in record.run.config.update:
            if item.key == "training.learning_rate":
                found["learning_rate"] = item.value_json
        for item in record.summary.update:
            if (item.key or item.nested_key[0]) == "outcome" and cell == "bbbbbbbbbbbbbbbb":
                found["outcome"] = json.loads(item.value_json)
print(json.dumps(found))
""",
}


@pytest.mark.full
@pytest.mark.parametrize("name", READERS)
def test_the_viewers_own_reader_finds_what_the_cells_say(folder, tmp_path, name):
    """In processes of their own: what these packages warn of and leave running is theirs."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f'{name} is not installed: pip install "ebmark[{name}]"')
    place = tmp_path / name
    environment = os.environ | {"MLFLOW_ALLOW_FILE_STORE": "true"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "ebmark", "log", folder, "--logger", name, "--out", place]
    for new in (2, 0):
        ended = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert ended.returncode == 0 and f"{new} new cells" in ended.stdout, ended.stderr
    where = str(place) if name == "wandb" else place.as_uri()
    reader = [sys.executable, "-c", "import json, sys\n" + READERS[name], where]
    read = subprocess.run(reader, capture_output=True, text=True, env=environment)
    assert read.returncode == 0, read.stderr
    found = json.loads(read.stdout)
    assert found["kl"] == {"100": 0.5, "200": 0.25} and found["runs"] == [
        "aaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbb",
    ]
    assert found["losses"] == 100 and float(found["learning_rate"]) == 0.003
    assert found["outcome"] == "diverged: the loss was not finite"


def test_every_logger_is_an_extra():
    import tomllib
    from pathlib import Path

    import ebmark

    project = tomllib.loads((Path(ebmark.__file__).parents[1] / "pyproject.toml").read_text())
    assert set(LOGGERS) <= set(project["project"]["optional-dependencies"])
