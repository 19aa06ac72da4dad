"""What made a number: the code's hash, the versions, the device."""

import ast
import functools
import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

import ebmark

# what reads numbers but does not make them: changing it leaves finished cells as they are
_READERS = {"statistics", "cli.py", "report", "figures", "table.py", "driver.py", "progress.py"}
_READERS |= {"claims.py", "distributed.py", "engines", "listing.py", "loggers", "status.py"}
_READERS |= {"stored.py"}
_READERS |= {
    "catalogue.py",
    "checks.py",
    "floors.py",
    "markdown.py",
    "meanings.py",
    "paper.py",
    "power.py",
    "publish.py",
    "single.py",
    "step_bias.py",
    "summary.py",
}
_READERS |= {"cli_search.py", "commands.py", "foreign.py", "leaderboard.py", "sweeps.py"}
# a spec holds all that these say
_READERS |= {"search.py", "spaces.py", "studies.py", "tune.py", "tuned.py", "variants.py"}
# of these a cell's numbers come from the files that it names alone, and from those they import
_SHELVES = ("methods", "datasets", "rivals")


@functools.cache
def source_hash(*modules: str) -> str:
    """The sha256 of the source that makes numbers: no cell made by other code is ever reused.

    With the `modules` of a cell's method and law, other methods and laws are left out; a module
    from elsewhere, as a plugin's, may use any of them.
    """
    digest = hashlib.sha256()
    for path in source_files(*modules):
        relative = path.relative_to(_root()).as_posix()
        digest.update(relative.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def source_files(*modules: str) -> list[Path]:
    """The files that `source_hash` reads."""
    ours = [_file(module) for module in modules if _on_a_shelf(module)]
    everything = sorted(_root().rglob("*.py"))
    found = [path for path in everything if path.relative_to(_root()).parts[0] not in _READERS]
    if not modules or len(ours) < len(modules):
        return found
    needed = _with_imports(ours)
    return [p for p in found if p.relative_to(_root()).parts[0] not in _SHELVES or p in needed]


def _with_imports(files: list[Path]) -> set[Path]:
    """The files, and those on the shelves that they import, and so on."""
    found, todo = set(), list(files)
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            todo += [_file(name) for name in names if name and _on_a_shelf(name)]
    return found


def _on_a_shelf(module: str) -> bool:
    package, *rest = module.split(".")
    return package == "ebmark" and len(rest) == 2 and rest[0] in _SHELVES


def _file(module: str) -> Path:
    return _root().joinpath(*module.split(".")[1:]).with_suffix(".py")


def _root() -> Path:
    return Path(ebmark.__file__).parent


@functools.cache
def versions(*more: str) -> dict[str, str]:
    """The versions of Python and of the packages that numbers come from, and of `more`."""
    packages = ("jax", "equinox", "optax", "numpy", "pot", *more)
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version()} | found


@functools.cache
def device() -> str:
    """The processor and its number of cores, in words."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"cpu: {model}, {os.cpu_count()} cores"
