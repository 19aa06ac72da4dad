"""The catalogue and the page of methods: they match the registries and the docstrings."""

import dataclasses
import re
import subprocess
import sys

import pytest

from ebmark.cli.catalogue import PAGE, catalogue, methods_page
from ebmark.cli.list import read_catalogue
from ebmark.methods import METHODS, about, sections
from ebmark.methods.external import EXTERNAL_METHODS

STALE = "stale: run `python -m ebmark.cli.catalogue`"


def test_catalogue_matches_registries():
    assert read_catalogue() == catalogue(), STALE


def test_catalogue_has_external_methods():
    assert set(catalogue()["external methods (extra: external)"]) == set(EXTERNAL_METHODS)


def test_methods_page_matches_docstrings():
    page = PAGE.read_text(encoding="utf-8")
    assert page == methods_page(), STALE
    assert all(f"`{name}`" in page for name in METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_method_docstring_has_all_sections(name):
    kind = type(METHODS[name].method)
    description = about(kind)
    assert description["loss"] and description["line"]
    assert len(description["line"]) < 100
    assert re.search(r"\((1[89]|20)\d\d\), ", description["reference"])
    texts = sections(kind)
    order = ["Requires", "Use when", "Avoid when", "References"]
    assert [title for title in texts if title in order] == order
    assert all(20 < len(texts[title]) < 300 for title in ("Use when", "Avoid when"))


@pytest.mark.parametrize("name", METHODS)
def test_method_docstring_documents_every_field(name):
    kind = type(METHODS[name].method)
    documented = re.findall(r"^(\w+):", sections(kind).get("Attributes", ""), re.M)
    assert sorted(documented) == sorted(field.name for field in dataclasses.fields(kind))


def test_list_imports_no_heavy_package():
    """`ebmark list` answers at once, as it reads the shipped catalogue."""
    code = (
        "import sys; sys.argv = ['ebmark', 'list']; from ebmark.cli.main import main; main();"
        "print(sorted({'jax', 'equinox', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    *lines, heavy = process.stdout.splitlines()
    assert heavy == "[]"
    assert {line.split()[0] for line in lines} >= set(METHODS)
