"""The README's code runs, and does what its comments say."""

import re
from pathlib import Path

import jax.random as jr

from ebmark.methods import METHODS
from ebmark.studies import plugins

README = Path(__file__).parents[2] / "README.md"


def test_the_readmes_example_trains_samples_and_scores(capsys):
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 26
    exec(compile(code, str(README), "exec"), {})
    w1, kl = (float(word) for word in capsys.readouterr().out.split())
    assert w1 < 0.11  # the floor's 95 % range ends at .073; Langevin of 2,000 steps adds some
    assert 0 < kl < 0.015


def test_the_readmes_plugin_is_one(tmp_path):
    code = re.search(r"```py\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    (tmp_path / "my_loss.py").write_text(code)
    plugins.load(tmp_path / "my_loss.py")
    recipe = METHODS.pop("mine")
    x = jr.normal(jr.key(0), (64, 2))
    loss, _ = recipe.method.loss(lambda x: 0.5 * x @ x / (1 + 0.1**2), x, None, jr.key(1))
    assert 0.5 * 0.1**2 < float(loss) < 2  # its least is about the dimension over 2


def test_what_the_readme_names_is_there():
    text = README.read_text()
    root = README.parent
    for link in re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r'src="([^":]+)"', text):
        assert (root / link).exists(), link
