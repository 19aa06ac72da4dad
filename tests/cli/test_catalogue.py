"""What is known by name: the shipped list and the page are those of the docstrings."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ebmark.cli.catalogue import catalogue, methods_page
from ebmark.cli.list import read_catalogue
from ebmark.methods import METHODS, about, advice

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "index.md"
STALE = "stale: make it anew by `python -m ebmark.cli.catalogue`"


def test_the_shipped_catalogue_is_that_of_the_registries():
    assert read_catalogue() == catalogue(), STALE


def test_the_page_of_methods_is_that_of_the_docstrings():
    page = PAGE.read_text()
    assert page == methods_page(), STALE
    assert all(f"`{name}`" in page for name in METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_its_loss_its_needs_when_to_use_it_and_its_paper(name):
    kind = type(METHODS[name].method)
    said, found = about(kind), advice(kind)
    assert said["loss"] and said["line"]
    assert re.search(r"\((1[89]|20)\d\d\), ", said["reference"])
    assert set(found) == {"needs", "when", "not"}
    paragraphs = inspect.getdoc(kind).split("\n\n")
    assert paragraphs[-2].startswith("Needs")  # before the paper
    assert all(20 < len(found[part]) < 300 for part in ("when", "not"))


def test_listing_imports_nothing_heavy():
    """`ebmark list` is to answer at once: it reads the shipped catalogue."""
    code = (
        "import sys; sys.argv = ['ebmark', 'list']; from ebmark.cli.main import main; main();"
        "print(sorted({'jax', 'equinox', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *listed, heavy = ran.stdout.splitlines()
    assert heavy == "[]"
    assert {line.split()[0] for line in listed} >= set(METHODS)
