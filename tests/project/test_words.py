"""The words: retired terms do not come back in what a reader sees."""

import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# retired term -> the standard one; a regular expression, without regard to case
RETIRED = {
    r"laws?": "dataset, target distribution or model distribution",
    r"truth": "target",
    r"persons? own|a person's|anybody('s)?|everybody|nobody|strangers?('s)?": "user data, any",
    r"cells?": "run",
    r"(?<!network )(?<!network-)evaluations": "network evaluations",
    r"told apart|tell apart|tells apart": "(not) significantly different",
    r"verdicts?": "comparison",
    r"anchors?": "baseline",
    r"rivals?|peers": "external library",
    r"floors?": "null range",
    r"(above|in|of) the plane": "d > 2; 2-D",
    r"leaks?|leaked": "off-support KL",
    r"masses": "mode weights",
    r"wrong modes|(mass|modes) astray": "mode-frequency TV, mode-weight TV",
    r"settled": "converged; log Z resolved",
    r"walkers?": "particles",
    r"witness(es)?": "evaluation particles",
    r"births?|born|reinjection": "starting points, reinitialized",
    r"Metropolis' rule": "Metropolis-adjusted",
    r"blur(s|red)?": "noise level, noise-perturbed data",
    r"datum": "data point",
    r"want of|by heart|lone points?": "undertrained; overfits; outliers",
    r"blind(ness)?|cannot see": "insensitive to",
    r"far modes|drawn apart": "well-separated modes",
    r"(?<!soft )(?<!soft-)walls?|walled": "soft walls",
    r"(?<!multilayer )perceptrons?": "MLP",
    r"nodes?": "grid points",
    r"effective share|shares? of (the )?(samples|mass|data|points|runs|moves|noise)": "fraction",
    r"in trouble": "diverged",
    r"taken up": "resumed",
    r"at a glance": "overview",
    r"likelihood by chains|contrast with noise": "MCMC-based maximum likelihood; NCE",
    r"first look|contest": "quick run; ranking group",
    r"anew|fresh|mends?|mended|cliffs?|cures?|strewn|astray|kin|for ever": "plain words",
    r"(un)?normalis\w+|standardis\w+|neighbour\w*": "American spelling",
    r"centres?|colours?|optimis\w+|initialis\w+|regularis\w+": "American spelling",
}

# where a retired word may stay: (file, a pattern of the line)
MAY_STAY = [
    ("", r"`[^`]*(cell|Normalised|colou?r|centred|share|nodes?|truth|floor)[^`]*`"),
    (
        "",
        r"SelfNormalisedLikelihood|estimation of unnormalised|table cell|grid cell|"
        r"cells? of (a|the|its) (grid|box|table)",
    ),
    ("", r"cells? (of|in) (a|the|its) (spreadsheet|Parquet|CSV)|power laws?|scaling laws?"),
    ("", r"law of large numbers|Duane|floor division"),
    ("ebmark/datasets/_grid.py", r"cell"),
    ("ebmark/datasets/tables/", r"cell"),
    ("ebmark/partition_function/_quadrature.py", r"cell"),
    ("ebmark/report/page/", r"cell"),
    ("ebmark/engines/", r"node"),
    ("ebmark/system/", r"node"),
    ("ebmark/cli/run.py", r"nodes of"),
    ("docs/engines/", r"node"),
    ("docs/developers/architecture.md", r"node"),
    ("docs/developers/execution.md", r"node"),
    ("docs/developers/numerics.md", r"node"),
    ("docs/studies/ablations.md", r"labels? .*\"evaluations\"|\"evaluations\" are network"),
    ("README.md", r"cluster"),
    ("CHANGELOG.md", r"→|->|^\s*\|"),
]


def python_texts(path: Path):
    """(line number, text) of the comments and strings of a Python file, docstrings included."""
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type in kinds:
                for offset, line in enumerate(token.string.splitlines()):
                    yield token.start[0] + offset, line


def texts(path: Path):
    if path.suffix == ".py":
        return python_texts(path)
    return enumerate(path.read_text(encoding="utf-8").splitlines(), 1)


def files() -> list[str]:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    pages += (ROOT / "docs").rglob("*.md")
    code = [*(ROOT / "ebmark").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    assets = (ROOT / "ebmark/report/page/assets").iterdir()
    return sorted(path.relative_to(ROOT).as_posix() for path in [*pages, *code, *assets])


def may_stay(name: str, line: str) -> bool:
    return any(name.startswith(where) and re.search(what, line) for where, what in MAY_STAY)


def found_in(name: str, root: Path = ROOT) -> list[str]:
    retired = {re.compile(rf"(?<![\w.-])({p})(?![\w(])", re.I): to for p, to in RETIRED.items()}
    found = []
    before = ""
    for number, line in texts(root / name):
        # "network" at the end of a line belongs to "evaluations" at the start of the next.
        text = f"{before} {line.strip()}"
        for pattern, instead in retired.items():
            match = pattern.search(text)
            if match and match.end() > len(before) and not may_stay(name, line):
                found.append(f"{name}:{number}: '{match.group(0)}' (write: {instead}): {text[:90]}")
        before = line.split()[-1] if line.strip() else ""
    return found


@pytest.mark.parametrize("name", files())
def test_no_retired_word(name):
    found = found_in(name)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("line", ["# the truth", "a cell", "told apart", "Nine walkers", "colour"])
def test_retired_words_are_recognized(line, tmp_path):
    (tmp_path / "page.md").write_text(line)
    assert found_in("page.md", tmp_path)
