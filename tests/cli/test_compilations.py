"""What a command compiles and imports: each program and package costs its users time."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# counts programs, of which a persistent cache would hide none
COUNT = """\
import jax.monitoring, runpy, sys
programs = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, *_, **__: programs.append(name) if name.endswith("backend_compile_duration") else 0
)
try:
    runpy.run_module("ebmark", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
assert "fit" in sys.argv or "sklearn" not in sys.modules, "a command loads scikit-learn"
print("programs:", len(programs))
"""


def count(folder, *arguments: str) -> int:
    command = [sys.executable, "-c", COUNT, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return int(re.findall(r"programs: (\d+)", ended.stdout)[-1])


COMMANDS = (
    "fit rows.csv --updates 50 --out model.ebm",
    "sample model.ebm -n 50 --out new.csv",
    "score model.ebm rows.csv --out scored.csv",
)


# of `fit`, `sample` and `score`
@pytest.mark.parametrize(
    ("dim", "most"),
    [
        pytest.param(2, (21, 5, 6), marks=pytest.mark.slow),
        pytest.param(5, (40, 28, 6), marks=pytest.mark.full),
    ],
)
def test_fit_sample_and_score_compile_few_programs(tmp_path, dim, most):
    rows = np.random.default_rng(0).normal(size=(100, dim))
    names = ",".join("abcde"[:dim])
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",", header=names, comments="")
    for command, limit in zip(COMMANDS, most):
        assert count(tmp_path, *command.split()) <= limit


TOY = Path(__file__).parents[2] / "results" / "toy"
NUMERICAL = {"jax", "equinox", "optax", "sklearn", "scipy.stats", "ot", "matplotlib"}


# seconds: jax 1.3, equinox 0.6, scikit-learn 2.9 of which scipy.stats 1.4, matplotlib 1, pandas 0.8
@pytest.mark.parametrize(
    ("command", "unwanted"),
    [
        ("--help", NUMERICAL | {"numpy", "pandas", "pydantic", "rich"}),
        ("list", NUMERICAL | {"numpy", "pandas", "pydantic", "rich"}),
        ("status {}", NUMERICAL | {"numpy", "pandas"}),
        ("table {}", NUMERICAL),
    ],
)
def test_command_imports_nothing_that_it_does_not_need(command, unwanted):
    command = command.format(TOY)
    imports = [sys.executable, "-X", "importtime", "-m", "ebmark", *command.split()]
    ended = subprocess.run(imports, capture_output=True, text=True)
    # a published study holds no runs, which `status` says after its imports
    assert ended.returncode == (2 if command.startswith("status") else 0), ended.stderr
    assert not set(re.findall(r"\| +([\w.]+)$", ended.stderr, re.MULTILINE)) & unwanted
