"""The user's own methods and datasets: compared like built-in ones, refused in one clear line."""

import os
import subprocess
import sys

import pytest
from helpers.tiny_study import TINY, ebmark

from ebmark.cli.main import main
from ebmark.cli.plugin_files import plugins_of_study
from ebmark.datasets import DATASETS
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.store import table
from ebmark.store.schema import read_plan
from ebmark.studies import plugins

MINE = '''
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from ebmark.datasets import GaussianRing
from ebmark.methods import AbstractMethod, Recipe


class AntitheticDSM(AbstractMethod):
    r"""Denoising score matching with each noise and its opposite.

    $$ \\tfrac14 \\sum_{\\pm} \\| \\sigma \\nabla E(x \\pm \\sigma z) \\mp z \\|^2 $$

    References: Nobody (2026), Mine.
    """

    sigma: float = eqx.field(static=True, default=0.1)

    def loss(self, energy, batch, state, key):
        z = jr.normal(key, batch.shape)
        noise = jnp.concatenate([z, -z])
        gradient = jax.vmap(jax.grad(energy))(jnp.tile(batch, (2, 1)) + self.sigma * noise)
        return 0.5 * jnp.mean(jnp.sum((self.sigma * gradient - noise) ** 2, axis=-1)), state

    def network_evaluations(self, batch_size, dim):
        return 12 * batch_size


METHODS = {"mine": Recipe(method=AntitheticDSM(), num_updates=40)}
DATASETS = {"three_gaussians": GaussianRing(2.0, 0.3, (1.0, 2.0, 3.0), entropy=1.44)}
'''


@pytest.fixture
def registries():
    """Restore the registries afterwards."""
    before = dict(METHODS), dict(DATASETS), dict(plugins._ORIGINS)
    yield
    for registry, old in zip((METHODS, DATASETS, plugins._ORIGINS), before, strict=True):
        registry.clear()
        registry.update(old)


@pytest.mark.full
def test_plugin_runs_like_built_in_method(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "mine.py").write_text(MINE)
    arguments = ("--plugin", "mine.py", "--methods", "mine", "--datasets", "three_gaussians")
    process = ebmark("run", "tiny.toml", *arguments, "--seeds", 1, "--out", "out", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    rows = table.read(tmp_path / "out")
    assert set(rows["method"]) == {"mine"} and set(rows["dataset"]) == {"three_gaussians"}
    assert rows.loc[rows["metric"] == "kl", "value"].notna().all()
    assert "Nobody (2026), Mine." in (tmp_path / "out" / "report.html").read_text()
    spec = next(iter(read_plan(tmp_path / "out").values()))
    assert set(spec["plugins"]) == {"mine", "three_gaussians"}
    assert (tmp_path / "out" / "plugins" / "mine.py").read_text() == MINE


def test_plugin_origin_is_hash_of_file(tmp_path, registries):
    path = tmp_path / "mine.py"
    origins = []
    for text in (MINE, MINE.replace("0.1", "0.2")):
        METHODS.pop("mine", None)
        DATASETS.pop("three_gaussians", None)
        path.write_text(text)
        plugins.load(path)
        origins.append(plugins.origin("mine", "nce"))
    assert origins[0] != origins[1] and set(origins[0]) == {"mine"}
    plugins.load(path)  # the same file again is accepted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nMETHODS = {", "line 2: SyntaxError"),
        ("x = 1\ny = 1 / 0", "line 2: ZeroDivisionError"),
        ("x = 1", "defines no METHODS and no DATASETS"),
        ("METHODS = [1]", "METHODS must be a dictionary"),
        ("METHODS = {'mine': 3}", "METHODS['mine'] must be a Recipe, not 3"),
        ("METHODS = {'': 3}", "a name must be 1 to 100 printable characters"),
        ("METHODS = {'lr=0.1': 3}", "must not contain '=' or ','"),
        ("METHODS = {'mle, mine': 3}", "must not contain '=' or ','"),
        ("from ebmark.methods import METHODS as M\nMETHODS = {'nce': M['cd']}", "already"),
    ],
)
def test_invalid_plugin_refused_in_one_line(tmp_path, registries, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        plugins.load(path)
    actual = str(caught.value)
    assert message in actual and str(path) in actual and "\n" not in actual


def test_plugin_file_must_be_python(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        plugins.load(tmp_path / "absent.py")
    with pytest.raises(UserError, match="ending"):
        plugins.load(tmp_path / "mine.txt")
    with pytest.raises(UserError, match="same file name"):
        plugins.keep((tmp_path / "a" / "x.py", tmp_path / "b" / "x.py"), tmp_path)


ENTRY = """
from ebmark.methods import METHODS as BUILT_IN
METHODS = {"installed_mine": BUILT_IN["gaussian"]}
"""


def install(site, source, name="mine_package"):
    """Write an installed package whose module is an entry point of ebmark."""
    about = site / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (site / f"{name}.py").write_text(source)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[ebmark.plugins]\nmine = {name}\n")


@pytest.mark.full
def test_installed_plugin_runs_in_workers(tmp_path):
    install(tmp_path / "site", ENTRY)
    (tmp_path / "tiny.toml").write_text(TINY)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    options = ("--methods", "installed_mine", "--seeds", 1, "--jobs", 1, "--no-progress-bar")
    ended = ebmark("run", "tiny.toml", *options, "--out", "out", cwd=tmp_path, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert set(table.read(tmp_path / "out")["method"]) == {"installed_mine"}


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("1 / 0", ["'mine'", "'mine_package'", "line 1", "ZeroDivisionError", "uninstall"]),
        ("", ["mine_package.py", "no METHODS"]),
        (ENTRY.replace("installed_mine", "nce"), ["mine_package.py", "'nce'", "already"]),
    ],
)
def test_broken_installed_plugin_is_one_line(tmp_path, registries, monkeypatch, source, parts):
    name = f"mine_package{abs(hash(source))}"
    install(tmp_path, source, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError) as error:
        plugins.load_installed()
    assert all(part.replace("mine_package", name) in str(error.value) for part in parts)
    assert "\n" not in str(error.value)


def test_plugin_that_differs_on_worker_is_refused(tmp_path, registries):
    with pytest.raises(UserError, match="missing or differs"):
        plugins.load_kept(tmp_path, {"mine": "0" * 64})


SPY = "open('executed', 'w').close()\n" + ENTRY.replace("installed_mine", "spy")


def study_with_plugin(folder):
    """A TOML file that names a plugin, which leaves a mark when it is executed."""
    (folder / "tiny.toml").write_text('plugins = ["spy.py"]\n' + TINY)
    (folder / "spy.py").write_text(SPY)


def test_plugin_of_toml_file_needs_permission(tmp_path, monkeypatch, capsys):
    study_with_plugin(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ebmark", "run", "tiny.toml", "--methods", "spy"])
    assert main() == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "spy.py" in error and "--allow-plugins" in error
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.toml", "spy.py"}


@pytest.mark.full
def test_plugin_kept_in_study_needs_permission(tmp_path):
    """Resuming a study executes its plugins only with the flag; else its methods are unknown."""
    study_with_plugin(tmp_path)
    options = ("--methods", "spy", "--seeds", 1, "--jobs", 1, "--no-progress-bar", "--out", "out")
    ended = ebmark("run", "tiny.toml", *options, "--allow-plugins", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "spy.py").unlink()
    (tmp_path / "executed").unlink()
    ended = ebmark("run", "tiny.toml", *options, cwd=tmp_path)
    assert ended.returncode == 2 and "--allow-plugins" in ended.stderr
    assert not (tmp_path / "executed").exists()
    ended = ebmark("run", "tiny.toml", *options, "--allow-plugins", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("value", ["'spy.py'", "[1]", "{a = 1}"])
def test_plugins_of_toml_file_must_be_files(tmp_path, value):
    (tmp_path / "tiny.toml").write_text(f"plugins = {value}\n")
    with pytest.raises(UserError, match="must be a list of Python files"):
        plugins_of_study(str(tmp_path / "tiny.toml"), tmp_path, True)


@pytest.mark.parametrize("command", ["fit x.csv --out m.ebm --method", "check", "run --methods"])
def test_unknown_method_is_refused_without_jax(tmp_path, command):
    code = "import sys; from ebmark.cli.main import main; status = main()"
    code += "; assert 'jax' not in sys.modules and status == 2"
    command = [sys.executable, "-P", "-c", code, *command.split(), "nobody"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "'nobody'" in ended.stderr and "--plugin" in ended.stderr
