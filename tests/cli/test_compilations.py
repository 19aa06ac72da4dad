"""Programs that a command compiles: each one costs its users seconds, at least in a cold cache."""

import re
import subprocess
import sys

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


# of `fit`, `sample` and `score`; about half of them only move arrays of a shape to the device
@pytest.mark.parametrize(
    ("dim", "most"),
    [
        pytest.param(2, (22, 14, 14), marks=pytest.mark.slow),
        pytest.param(5, (40, 40, 14), marks=pytest.mark.full),
    ],
)
def test_fit_sample_and_score_compile_few_programs(tmp_path, dim, most):
    rows = np.random.default_rng(0).normal(size=(100, dim))
    names = ",".join("abcde"[:dim])
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",", header=names, comments="")
    for command, limit in zip(COMMANDS, most):
        assert count(tmp_path, *command.split()) <= limit
