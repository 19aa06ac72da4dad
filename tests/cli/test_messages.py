"""The wording of eight frequent errors: problem, value, fix."""

import dataclasses
import re
import sys
from pathlib import Path

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.cli import main
from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Quadratic
from ebmark.errors import UserError, shown
from ebmark.methods import METHODS, ContrastiveDivergence
from ebmark.studies.builtin import STUDIES
from ebmark.studies.prepare import prepare
from ebmark.studies.submissions import checked
from ebmark.training.loop import train
from ebmark.training.model import Model
from ebmark.training.sampling import sample_chains

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture
def error_of(monkeypatch, capsys, tmp_path):
    """A function that runs a command, which must fail, and returns its last line."""
    monkeypatch.chdir(tmp_path)
    points = np.random.default_rng(0).normal(size=(100, 3))
    np.savetxt(tmp_path / "points.csv", points, delimiter=",")

    def run(command):
        monkeypatch.setattr(sys, "argv", ["ebmark", *command.split()])
        assert main.main() == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    return run


MESSAGES = {
    "run toy --datasets rings rings": "datasets: duplicate name 'rings'. List each dataset once.",
    "evaluate --energy energy.py:flat --all-metrics": "--energy requires --dataset and cannot be "
    "combined with --target-samples or --all-metrics.",
    "evaluate points.csv": "Specify the target: pass exactly one of --target-samples FILE and "
    "--dataset NAME.",
    "run toy --data points.csv --methods mle": "Nothing to run: 'mle' supports 1-D and 2-D data "
    "only. Add another method with --methods.",
}


@pytest.mark.parametrize("command", MESSAGES)
def test_message_of_command(error_of, command):
    assert error_of(command) == f"ebmark: {MESSAGES[command]}"


ARGUMENTS = {
    "run toy --seeds x": "--seeds must be an integer, not 'x'. See `ebmark run --help`.",
    "sample m --out x.csv -n x": "-n must be an integer, not 'x'. See `ebmark sample --help`.",
    "sample m --out x.csv --seed 1.5": (
        "--seed must be an integer, not '1.5'. See `ebmark sample --help`."
    ),
    "run toy --seeds": "Missing value for argument '--seeds'. See `ebmark run --help`.",
    "run toy --methods": "There is no method: name at least one after --methods.",
    "sample m --out x.csv --given a=1 --given b=2": (
        "--given is given twice. List all its values after one --given."
    ),
    "run toy --methods=nce --methods=cd": (
        "--methods is given twice. List all its values after one --methods."
    ),
    "status a b c": "Too many arguments: b, c. See `ebmark status --help`.",
    "fit points.csv": "Missing: --out PATH. See `ebmark fit --help`.",
    "fit": "Missing: PATH, --out PATH. See `ebmark fit --help`.",
    "fit points.csv --out m --missing no": (
        "--missing must be one of drop, impute, model, not 'no'. See `ebmark fit --help`."
    ),
}


@pytest.mark.parametrize("command", ARGUMENTS)
def test_wrong_arguments_are_one_line(monkeypatch, capsys, command):
    """Even on a narrow terminal."""
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys, "argv", ["ebmark", *command.split()])
    assert main.main() == 2
    assert capsys.readouterr().err == f"ebmark: {ARGUMENTS[command]}\n"


@pytest.mark.parametrize("value", ["x'y", 'x"y', "'", "\"'", "a from ['b'].", "a: 'b'.", "\n", "["])
@pytest.mark.parametrize("option", ["--updates", "--seed"])
def test_wrong_number_of_any_characters_is_one_line(monkeypatch, capsys, option, value):
    monkeypatch.setattr(sys, "argv", ["ebmark", "fit", "a.csv", "--out", "m", option, value])
    assert main.main() == 2
    expected = f"{option} must be an integer, not '{shown(value)}'. See `ebmark fit --help`."
    assert capsys.readouterr().err == f"ebmark: {expected}\n"


def test_message_of_diverged_chains():
    """x - h x grows by the factor h - 1 per step and overflows after ten steps."""
    scaler = Standardizer(np.zeros(2), np.ones(2))
    spec = {"langevin": {"steps": 200, "step_size": 1e5}}
    model = Model(Quadratic(jnp.array(1.0), jnp.zeros(2)), scaler, spec)
    with pytest.raises(UserError) as error:
        sample_chains(model, "langevin", 10, 200, jr.key(0))
    assert str(error.value) == (
        "10 of 10 chains diverged. Use --sampler exact (1-D or 2-D data) or --sampler mala."
    )


@pytest.mark.full
def test_message_of_diverged_training():
    """The energy's mode is 8 from the data, and chains reach it: energies differ by about 30."""
    method = ContrastiveDivergence(num_steps=20, step_size=0.5, adjusted=True)
    recipe = dataclasses.replace(METHODS["cd"], method=method, num_updates=1_000)
    data = jr.normal(jr.key(0), (500, 2))
    energy = Quadratic(jnp.array(1.0), jnp.array([8.0, 0.0]))
    fit = train(recipe, energy, data, key=jr.key(1))
    assert fit.divergence_reason is not None
    assert re.fullmatch(
        r"Training diverged at update 250: the mean energies of data and chains differ by "
        r"[\d.]+ nats \(expected: below 1\)\. Decrease step_size \(currently 0\.5\)\.",
        fit.divergence_reason,
    ), fit.divergence_reason


def test_message_of_other_study_in_folder(error_of):
    prepare(STUDIES["smoke"], Path("results"), None, "", "ebmark run smoke")
    assert error_of("run toy --out results") == (
        "ebmark: Output folder results already contains the study 'smoke'. "
        "Choose another one with --out."
    )


def _change_fingerprint(dataset):
    object.__setattr__(dataset, "fingerprint", "changed")


def test_message_of_changed_dataset(monkeypatch):
    """Results of a dataset whose definition has changed since cannot be ranked."""
    monkeypatch.setattr(SyntheticDataset, "__post_init__", _change_fingerprint)
    with pytest.raises(UserError) as error:
        checked(RESULTS / "toy")
    path, _, sentence = str(error.value).partition(": ")
    assert path.startswith(str(RESULTS / "toy"))
    assert re.fullmatch(
        r"dataset '\w+' was defined differently in the version that made these results, so they "
        r"cannot be ranked\.",
        sentence,
    ), sentence
