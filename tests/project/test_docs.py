"""The documentation site: every public name has an example and is in the reference; links exist."""

import importlib.util
import inspect
import itertools
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
from helpers.browser import chromium, open_page, serious_findings
from helpers.dead_links import dead_links

import ebmark

ROOT = Path(__file__).parents[2]
KINDS_OF_PAGES = (
    "index",
    "gallery",
    "tutorials/index",
    "tutorials/01_first_model",
    "primer/03_score_matching",
    "reference/api",
    "reference/commands",
    "methods/index",
    "studies/results",
    "metrics/power_64",
)
REFERENCE = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ebmark.__all__)
def test_public_name_is_documented(name):
    """Functions and classes by their docstring, dictionaries on the page itself."""
    value = getattr(ebmark, name)
    directive = re.search(
        rf"^\.\. (\S+):: ebmark\.{name}$(.*?)(?=^\.\.|^```)", REFERENCE, re.M | re.S
    )
    assert directive, f"docs/reference/api.md lacks '{name}'."
    if isinstance(value, types.ModuleType):
        assert directive[1] == "automodule"
        return
    is_value = directive[1] == "py:data"
    assert is_value == isinstance(value, dict)
    assert ">>> " in (directive[2] if is_value else inspect.getdoc(value))


def test_dead_links_are_found(tmp_path):
    (tmp_path / "b.html").write_text('<h1 id="top-of-b">b</h1>')
    (tmp_path / "a.html").write_text(
        '<a href="b.html#top-of-b"></a><a href="b.html#gone"></a><a href="https://x.org"></a>'
        '<img src="c.png" srcset="b.html 1x, d.png 2x"><script src="https://x.org/a.js"></script>'
        '<img src="data:image/png;base64,AA"><a href="#"></a><a name="n" href="#n"></a>'
    )
    assert dead_links(tmp_path) == [
        "a.html: b.html#gone: no such name on the page",
        "a.html: c.png: no such file",
        "a.html: d.png: no such file",
        "a.html: https://x.org/a.js: loaded from another host",
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not importlib.util.find_spec("sphinx"):
        pytest.skip("needs the packages of docs.lock")
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    done = subprocess.run([*command, ROOT / "docs", place], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return place


@pytest.mark.full
def test_site_has_no_dead_links(site):
    assert dead_links(site) == []


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_site_has_no_serious_finding(site, scheme):
    """One page of each kind, on a desktop and a phone, by axe-core."""
    with chromium() as browser:
        for name, width in itertools.product(KINDS_OF_PAGES, (1440, 390)):
            size = {"width": width, "height": 900}
            page = open_page(browser, site / f"{name}.html", color_scheme=scheme, viewport=size)
            assert serious_findings(page) == [], (name, width)
            page.context.close()
