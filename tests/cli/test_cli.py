"""The command line: its commands, and one line for each mistake of a user."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ebmark.cli import main

ENERGIES = """import numpy as np

flat = lambda x: np.zeros(len(x))
column = lambda x: (x**2).sum(1, keepdims=True)
hole = lambda x: np.where(x[:, 0] > 1, np.nan, (x**2).sum(1))
pit = lambda x: np.where(x[:, 0] > 1, -np.inf, (x**2).sum(1))
fails = lambda x: 1 / 0
words = lambda x: ["low"] * len(x)
numeric = lambda x: np.sum(np.asarray(x) ** 2, axis=1)
"""


def write_files(tmp_path: Path) -> None:
    """Write invalid and valid inputs into the folder."""
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "good.csv", rng.normal(size=(200, 2)), delimiter=",")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "words.csv").write_text("x,y\n1,2\nthree,4\n" + "5,6\n" * 30)
    (tmp_path / "nan.csv").write_text("1,2\n3,nan\n" + "5,6\n" * 30)
    (tmp_path / "ragged.csv").write_text("1,2\n3\n" + "5,6\n" * 30)
    (tmp_path / "one.csv").write_text("1,2\n")
    (tmp_path / "constant.csv").write_text("".join(f"{i},7\n" for i in range(50)))
    (tmp_path / "three.csv").write_text("".join(f"{i},{i * i % 7},{i % 5}\n" for i in range(50)))
    (tmp_path / "foreign.ebm").write_bytes(b"not a model file")
    (tmp_path / "short.ebm").write_bytes(b"EBMARK2\n\xff\0\0\0\0\0\0\0{}")
    (tmp_path / "bad_key.toml").write_text("seedz = 3\n")
    (tmp_path / "bad_value.toml").write_text('seeds = "many"\n')
    (tmp_path / "bad_toml.toml").write_text("seeds = = 3\n")
    (tmp_path / "bad_recipe.toml").write_text("[recipes.cd]\nupdate = 3\n")
    (tmp_path / "bad_field.toml").write_text("[recipes.dsm.method]\nsigm = 0.1\n")
    (tmp_path / "bad_energy.toml").write_text("[energy]\nwidht = 3\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    (tmp_path / "a_file").write_text("")
    (tmp_path / "energies.py").write_text(ENERGIES)
    (tmp_path / "notes.json").write_text('{"schema": 2, "tuned": 3}')


MISTAKES = {
    "run toyy": ["toyy", "toy"],
    "run toy --datasets half_mons": ["half_mons", "half_moons"],
    "run toy --methods ncee": ["ncee", "nce"],
    "run toy --methods cd cd": ["duplicate", "cd"],
    "run toy --seeds 0": ["seeds", "0"],
    "run toy --seeds -1": ["seeds", "-1"],
    "run toy --updates 0": ["num_updates", "0"],
    "run toy --jobs 0": ["--jobs"],
    "run bad_key.toml": ["seedz", "seeds"],
    "run bad_value.toml": ["seeds", "many"],
    "run bad_toml.toml": ["bad_toml.toml"],
    "run bad_recipe.toml": ["update", "num_updates"],
    "run bad_field.toml": ["sigm", "sigma"],
    "run bad_energy.toml": ["widht", "width"],
    "run missing.toml": ["missing.toml"],
    "run toy --data missing.csv": ["missing.csv"],
    "run toy --data empty.csv": ["empty.csv"],
    "run toy --data words.csv": ["words.csv", "3", "three"],
    "run toy --data nan.csv": ["nan.csv", "2"],
    "run toy --data ragged.csv": ["ragged.csv", "2"],
    "run toy --data one.csv": ["one.csv"],
    "run toy --data constant.csv": ["constant.csv", "constant"],
    "run toy --data three.csv --methods mle": ["mle", "1-D and 2-D", "--methods"],
    "run toy --data good.csv --datasets half_moons": ["--data", "--datasets"],
    "run toy --out other": ["other", "thesis.txt", "--out"],
    "run toy --out a_file": ["a_file", "--out"],
    "run toy --out a_file/below": ["a_file", "--out"],
    "run toy --out /proc/nowhere": ["/proc/nowhere", "--out"],
    "run toy --variants tunde": ["tunde", "tuned"],
    "run toy --variants missing.json": ["missing.json"],
    "run toy --variants notes.json": ["notes.json", "ebmark tune"],
    "tune --methods mle": ["mle", "oracle"],
    "tune --methods ncc": ["ncc", "nce"],
    "tune --trials 0": ["--trials"],
    "tune --out other": ["other", "thesis.txt", "--out"],
    "tune --data missing.csv": ["missing.csv"],
    "run toy --engine inlin": ["inlin", "inline"],
    "run toy --engine inline --site slurm": ["--site", "inline"],
    "run toy --engine inline --jobs 2": ["--jobs", "inline"],
    "run toy --site auroa": ["auroa", "aurora"],
    "run toy --site polaris": ["polaris", "account"],
    "report missing": ["missing", "ebmark run"],
    "log missing": ["missing", "ebmark run"],
    "fit good.csv --out m.ebm --distributed": ["--distributed", "srun"],
    "fit missing.csv --out m.ebm": ["missing.csv"],
    "fit good.csv --out m.ebm --method ncc": ["ncc", "nce"],
    "fit good.csv --out m.ebm --updates 0": ["--updates"],
    "fit good.csv --out m.ebm --seed -1": ["--seed"],
    "fit good.csv --out nowhere/m.ebm": ["nowhere"],
    "fit three.csv --out m.ebm --method mle": ["mle", "1-D and 2-D", "3 columns"],
    "sample missing.ebm --out new.csv": ["missing.ebm"],
    "sample foreign.ebm --out new.csv": ["foreign.ebm", "ebmark fit"],
    "sample short.ebm --out new.csv": ["short.ebm"],
    "sample foreign.ebm --out new.xyz": ["new.xyz"],
    "sample foreign.ebm --out new.csv -n 0": ["-n"],
    "evaluate good.csv --dataset half_moons --max-samples 3": ["--max-samples", "10"],
    "evaluate good.csv": ["--target-samples", "--dataset"],
    "evaluate": ["SAMPLES", "--energy"],
    "evaluate good.csv --energy energies.py:flat": ["SAMPLES", "--energy"],
    "evaluate --energy energies.py:flat": ["--dataset"],
    "evaluate --energy energies.py:flat --target-samples good.csv": ["--dataset"],
    "evaluate --energy energies.py:flat --dataset half_mon": ["half_moons"],
    "evaluate --energy energies.py:numeric --dataset many_well_4": ["jax.numpy", "samples"],
    "evaluate --energy energies.py:flat --dataset half_moons": ["not a density", "1.39 nats"],
    "evaluate --energy energies.py:fla --dataset half_moons": ["energies.py", "no function 'fla'"],
    "evaluate --energy energies.py --dataset half_moons": ["FILE.py:FUNCTION"],
    "evaluate --energy none.py:flat --dataset half_moons": ["none.py", "no such file"],
    "evaluate --energy energies.py:column --dataset half_moons": ["(7, 1)", "(7,)"],
    "evaluate --energy energies.py:hole --dataset half_moons": ["nan", "points", "such as"],
    "evaluate --energy energies.py:pit --dataset half_moons": ["-inf"],
    "evaluate --energy energies.py:fails --dataset half_moons": ["line 7", "ZeroDivisionError"],
    "evaluate --energy energies.py:words --dataset half_moons": ["energies.py:words", "failed"],
    "evaluate good.csv --dataset half_mon": ["half_moons"],
    "evaluate three.csv --dataset half_moons": ["3 columns", "2"],
    "evaluate good.csv --target-samples missing.csv": ["missing.csv"],
}


@pytest.mark.parametrize("command", MISTAKES)
def test_mistake_is_one_line_and_status_2(run, tmp_path, command):
    write_files(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    status, out, err = run(*command.split())
    assert status == 2
    *notes, line = err.strip().splitlines()
    assert all(note.startswith("note: ") for note in notes)
    assert line.startswith("ebmark: ") and len(line) < 320, err
    for word in MISTAKES[command]:
        assert word in line
    assert out == "" and "Traceback" not in err
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize("command", ["ru toy", "run toy --sedes 3", "run toy --seeds three", "fit"])
def test_unknown_option_is_status_2(run, command):
    status, out, err = run(*command.split())
    assert status == 2 and "Traceback" not in out + err


def test_list_prints_every_registered_name(run):
    from ebmark.datasets import DATASETS
    from ebmark.methods import METHODS
    from ebmark.metrics import SAMPLE_METRICS
    from ebmark.samplers import SAMPLERS

    status, out, _ = run("list")
    assert status == 0
    for name in [*DATASETS, *METHODS, *SAMPLERS, *SAMPLE_METRICS]:
        assert f"  {name} " in out


def test_every_command_has_help():
    for command in ["", *main.COMMANDS]:
        ended = subprocess.run(
            [sys.executable, "-m", "ebmark", *command.split(), "--help"],
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0 and "usage: ebmark" in ended.stdout


def test_command_line_imports_no_jax():
    code = "import sys, ebmark.cli.main; sys.exit('jax' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.full
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_fit_sample_evaluate_one_model(run, tmp_path, columns):
    rng = np.random.default_rng(1)
    x = 100 + 7 * rng.normal(size=(500, columns))
    header = ",".join("abc"[:columns])
    np.savetxt(tmp_path / "points.csv", x, delimiter=",", header=header, comments="")
    status, out, err = run("fit", "points.csv", "--out", "m.ebm", "--updates", "300")
    assert status == 0, err
    model, gaussian = (
        float(next(line for line in out.splitlines() if name in line).split()[3])
        for name in ("│ nce", "│ Gaussian  ")
    )
    assert "log-likelihood" in out and "w1" in out and abs(model - gaussian) < 0.3
    assert "noise ESS" not in err
    status, out, err = run("sample", "m.ebm", "--out", "new.csv", "-n", "400", "--steps", "500")
    assert status == 0, err
    if columns > 2:  # then samples are those of chains
        assert "R-hat" in err and "40,000" in err
    assert (tmp_path / "new.csv").read_text().splitlines()[0] == header
    new = np.loadtxt(tmp_path / "new.csv", delimiter=",", skiprows=1, ndmin=2)
    assert new.shape == (400, columns)
    # data units: mean 100 and sd 7, within five standard errors plus the error of training
    assert np.abs(new.mean(axis=0) - 100).max() < 3 and np.abs(new.std(axis=0) - 7).max() < 2
    status, out, err = run("evaluate", "new.csv", "--target-samples", "points.csv")
    assert status == 0, err
    assert all(metric in out for metric in ("w1", "w2", "sliced_w2", "mmd_sq"))


@pytest.mark.full
def test_fit_warns_of_low_noise_ess(run, tmp_path):
    """Two narrow modes in six dimensions: few samples of a Gaussian that covers both hit them."""
    rng = np.random.default_rng(1)
    x = rng.choice([-1.0, 1.0], size=(500, 1)) + 0.03 * rng.normal(size=(500, 6))
    np.savetxt(tmp_path / "points.csv", x, delimiter=",")
    status, _, err = run(
        "fit", "points.csv", "--out", "m.ebm", "--method", "nce_box", "--updates", 100
    )
    assert status == 0 and "noise ESS" in err and "nce_flow" in err


@pytest.mark.full
def test_evaluate_separates_target_from_shifted_target(run, tmp_path):
    import jax.random as jr

    from ebmark.datasets import SyntheticDataset

    x = SyntheticDataset("half_moons").draw(400, jr.key(5))
    np.save(tmp_path / "target.npy", x)
    np.save(tmp_path / "shifted.npy", x + np.array([1.0, 0.0]))
    values = {}
    for name in ("target", "shifted"):
        status, out, err = run(
            "evaluate", f"{name}.npy", "--dataset", "half_moons", "--all-metrics"
        )
        assert status == 0, err
        rows = [line.replace("│", " ").replace("|", " ").split() for line in out.splitlines()]
        values[name] = {row[0]: float(row[1]) for row in rows if row[3:4] == ["to"]}
    target = values["target"]
    shifted = values["shifted"]
    assert target["w1"] < 0.3 < 0.7 < shifted["w1"]
    assert abs(target["ksd_sq"]) < 2 < shifted["ksd_sq"]
    assert shifted["high_quality_fraction"] < 0.7 < target["high_quality_fraction"]
