"""A person's own loss, from a file: compared like a built-in one, and refused in one clear line."""

import json

import pytest
from helpers.tiny_study import TINY, ebmark

from ebmark.datasets import DATASETS
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.store import table
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

    Nobody (2026), Mine.
    """

    sigma: float = eqx.field(static=True, default=0.1)

    def loss(self, energy, batch, state, key):
        z = jr.normal(key, batch.shape)
        noise = jnp.concatenate([z, -z])
        slope = jax.vmap(jax.grad(energy))(jnp.tile(batch, (2, 1)) + self.sigma * noise)
        return 0.5 * jnp.mean(jnp.sum((self.sigma * slope - noise) ** 2, axis=-1)), state

    def evaluations(self, batch, dim):
        return 12 * batch


METHODS = {"mine": Recipe(method=AntitheticDSM(), num_updates=40)}
DATASETS = {"three_gaussians": GaussianRing(2.0, 0.3, (1.0, 2.0, 3.0), entropy=1.44)}
'''


@pytest.fixture
def registries():
    """The registries as they were, afterwards."""
    before = dict(METHODS), dict(DATASETS), dict(plugins._ORIGINS)
    yield
    for registry, old in zip((METHODS, DATASETS, plugins._ORIGINS), before, strict=True):
        registry.clear()
        registry.update(old)


def test_a_loss_and_a_law_of_ones_own_are_compared_like_the_built_in(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "mine.py").write_text(MINE)
    arguments = ("--plugin", "mine.py", "--methods", "mine", "--datasets", "three_gaussians")
    ended = ebmark("run", "tiny.toml", *arguments, "--seeds", 1, "--out", "out", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    rows = table.read(tmp_path / "out")
    assert set(rows["method"]) == {"mine"} and set(rows["dataset"]) == {"three_gaussians"}
    assert rows.loc[rows["metric"] == "kl", "value"].notna().all()
    assert "Nobody (2026), Mine." in (tmp_path / "out" / "report.html").read_text()
    spec = next(iter(json.loads((tmp_path / "out" / "plan.json").read_text()).values()))
    assert set(spec["plugins"]) == {"mine", "three_gaussians"}
    assert (tmp_path / "out" / "plugins" / "mine.py").read_text() == MINE


def test_a_changed_file_is_another_origin(tmp_path, registries):
    path, found = tmp_path / "mine.py", []
    for text in (MINE, MINE.replace("0.1", "0.2")):
        METHODS.pop("mine", None)
        DATASETS.pop("three_gaussians", None)
        path.write_text(text)
        plugins.load(path)
        found.append(plugins.origin("mine", "nce"))
    assert found[0] != found[1] and set(found[0]) == {"mine"}
    plugins.load(path)  # again, unchanged: no complaint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\nMETHODS = {", "line 2: SyntaxError"),
        ("x = 1\ny = 1 / 0", "line 2: ZeroDivisionError"),
        ("x = 1", "defines no METHODS and no DATASETS"),
        ("METHODS = [1]", "METHODS must be a dictionary"),
        ("METHODS = {'mine': 3}", "METHODS['mine'] must be a Recipe, not 3"),
        ("from ebmark.methods import METHODS as M\nMETHODS = {'nce': M['cd']}", "there already"),
    ],
)
def test_a_bad_plugin_is_one_clear_line(tmp_path, registries, text, says):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        plugins.load(path)
    said = str(caught.value)
    assert says in said and str(path) in said and "\n" not in said


def test_files_that_are_no_plugins(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        plugins.load(tmp_path / "absent.py")
    with pytest.raises(UserError, match="ending"):
        plugins.load(tmp_path / "mine.txt")
    with pytest.raises(UserError, match="same file name"):
        plugins.keep((tmp_path / "a" / "x.py", tmp_path / "b" / "x.py"), tmp_path)
