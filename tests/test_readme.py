"""The README's code runs, and does what its comments say."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_readmes_example_trains_samples_and_scores(capsys):
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 26
    exec(compile(code, str(README), "exec"), {})
    w1, kl = (float(word) for word in capsys.readouterr().out.split())
    assert w1 < 0.11  # the floor's 95 % range ends at .073; Langevin of 2,000 steps adds some
    assert 0 < kl < 0.015


def test_what_the_readme_names_is_there():
    text = README.read_text()
    root = README.parent
    for link in re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r'src="([^":]+)"', text):
        assert (root / link).exists(), link
