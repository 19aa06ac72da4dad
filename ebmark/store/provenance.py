"""What made a number: the code's hash, the versions, the device."""

import ast
import functools
import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

import ebmark

# a run's numbers come from these; changing anything else leaves finished runs valid
_PACKAGES = ("system", "energies", "datasets", "samplers", "partition_function", "metrics")
_PACKAGES += ("methods", "training")
_FILES = {"studies/run.py", "studies/run_folder.py", "studies/trained.py"}
_FILES |= {"studies/scores.py", "studies/density_scores.py", "studies/langevin_scores.py"}
# less what only reads numbers, and what a run's spec holds in full
_EXCEPT = {
    "datasets/_registry.py",
    "methods/_docstrings.py",
    "metrics/null_ranges.py",
    "metrics/power.py",
    "metrics/scores.py",
    "system/distributed.py",
    "training/checks.py",
    "training/sampling.py",
    "training/search_spaces.py",
    "training/tuned.py",
}
# of these, a run depends on the modules that it names, and on what those import
_SHELVES = ("methods/", "datasets/synthetic/")
_SHARED = "methods/noises/"  # chosen by name inside a method


@functools.cache
def code_hash(*modules: str) -> str:
    """The sha256 of the source that makes numbers: no cell made by other code is ever reused.

    With the `modules` of a cell's method and law, other methods and laws are left out; a module
    from elsewhere, as a plugin's, may use any of them.
    """
    digest = hashlib.sha256()
    for path in source_files(*modules):
        digest.update(_relative(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def source_files(*modules: str) -> list[Path]:
    """The files that `source_hash` reads."""
    everything = {_relative(path): path for path in sorted(_root().rglob("*.py"))}
    found = {name: path for name, path in everything.items() if _makes_numbers(name)}
    named = [_file(module) for module in modules]
    if not modules or not all(path in found.values() for path in named):
        return list(found.values())
    needed = _with_imports(named)
    return [path for name, path in found.items() if not _is_on_shelf(name) or path in needed]


def _makes_numbers(name: str) -> bool:
    if name in _EXCEPT or (name.startswith(_SHELVES) and name.endswith("__init__.py")):
        return False
    return name in _FILES or name.partition("/")[0] in _PACKAGES


def _is_on_shelf(name: str) -> bool:
    return name.startswith(_SHELVES) and not name.startswith(_SHARED)


def _with_imports(files: list[Path]) -> set[Path]:
    """The files, and those on the shelves that they import, and so on."""
    found: set[Path] = set()
    todo = list(files)
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported = _file(node.module)
                if imported.is_file() and _is_on_shelf(_relative(imported)):
                    todo.append(imported)
    return found


def _file(module: str) -> Path:
    """The file of a module of ebmark; a path that does not exist for any other module."""
    package, *rest = module.split(".")
    if package != "ebmark" or not rest:
        return _root() / "no such module"
    return _root().joinpath(*rest).with_suffix(".py")


def _relative(path: Path) -> str:
    return path.relative_to(_root()).as_posix()


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
