"""Dead links of a folder of HTML pages: `python tests/helpers/dead_links.py FOLDER`."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_LOADED = {"script", "img", "iframe", "source", "audio", "video"}


class Link(NamedTuple):
    """A link and whether the page loads it, as it does a style sheet or a picture."""

    target: str
    is_loaded: bool


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[Link] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value for key, value in attrs if value}
        self.names |= {values[key] for key in ("id", "name") if key in values}
        is_loaded = tag in _LOADED or values.get("rel") in ("stylesheet", "icon", "preload")
        targets = [values[key] for key in ("href", "src") if key in values]
        targets += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]
        self.links += [Link(target, is_loaded) for target in targets]


def dead_links(folder: Path) -> list[str]:
    """Return a line per link of the pages in a folder to a file or name that does not exist.

    Links to other hosts are not followed; a page that loads something from one is listed.
    """
    pages = {path.resolve(): _read(path) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for link in dict.fromkeys(page.links):
            if reason := _problem(path, link, pages):
                found.append(f"{path.relative_to(folder.resolve())}: {link.target}: {reason}")
    return found


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _problem(path: Path, link: Link, pages: dict[Path, _Page]) -> str:
    parts = urlsplit(link.target)
    if parts.scheme or parts.netloc:
        is_request = link.is_loaded and parts.scheme != "data"
        return "loaded from another host" if is_request else ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "no such file"
    if parts.fragment and target in pages:
        names = pages[target].names
        if not {parts.fragment, unquote(parts.fragment)} & names and parts.fragment != "top":
            return "no such name on the page"
    return ""


if __name__ == "__main__":
    dead = dead_links(Path(sys.argv[1]))
    print("\n".join(dead) or "All links exist.")
    sys.exit(bool(dead))
