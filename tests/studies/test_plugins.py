"""The user's own methods and datasets: compared like built-in ones, refused in one clear line."""

import pytest
from helpers.tiny_study import TINY, ebmark

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
