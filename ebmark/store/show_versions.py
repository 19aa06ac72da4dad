"""What to paste into a bug report."""

import importlib.metadata
import platform
import re

import ebmark
from ebmark.store.provenance import device


def show_versions() -> None:
    """Print the versions of ebmark, Python and all packages that ebmark can use.

    A package that is not installed is shown as "-": it belongs to an extra, such as
    `ebmark[tune]`.

    Example:
        >>> import ebmark as eb
        >>> eb.show_versions()
        ebmark ...
    """
    rows = {
        "ebmark": ebmark.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": device(),
    }
    rows |= {name: _version(name) for name in _packages()}
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:{width}}  {value}")


def _packages() -> list[str]:
    """The packages that the metadata of ebmark name, without those for its development."""
    requirements = importlib.metadata.requires("ebmark") or []
    used = [line for line in requirements if not re.search(r"extra == .(test|speed).", line)]
    return sorted({re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0] for line in used}, key=str.lower)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-"
