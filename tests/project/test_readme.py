"""The code of the README runs and does what its comments say."""

import re
import warnings
from pathlib import Path

import jax.random as jr
import pytest

from ebmark.methods import METHODS
from ebmark.studies import plugins

README = Path(__file__).parents[2] / "README.md"


def code_block(language):
    """The first block of code of this language."""
    return re.search(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL).group(1)


@pytest.mark.full
def test_readme_example_runs(capsys):
    code = code_block("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 26
    namespace = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        exec(compile(code, str(README), "exec"), namespace)
    kl = float(capsys.readouterr().out.splitlines()[0])
    assert 0 < kl < 0.015
    assert namespace["rows"].shape == (1_000, 2)


def test_readme_plugin_is_loaded(tmp_path):
    """On a Gaussian at its optimum, the loss of DSM is about d/2 = 1 and above sigma^2/2."""
    (tmp_path / "my_loss.py").write_text(code_block("py"))
    plugins.load(tmp_path / "my_loss.py")
    recipe = METHODS.pop("mine")
    x = jr.normal(jr.key(0), (64, 2))
    loss, _ = recipe.method.loss(lambda x: 0.5 * x @ x / (1 + 0.1**2), x, None, jr.key(1))
    assert 0.5 * 0.1**2 < float(loss) < 2


def test_readme_links_exist():
    text = README.read_text()
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^":]+)"', text)
    assert len(links) > 10
    for link in links:
        assert (README.parent / link).exists(), link
