"""Records of what produced a number: the hash of the code, the versions and the device."""

import ast
import functools
import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

import ebmark

# the numbers of a run come from these; changes elsewhere leave completed runs valid
_PACKAGES = {
    "system",
    "energies",
    "datasets",
    "samplers",
    "partition_function",
    "metrics",
    "methods",
    "training",
}
_FILES = {
    "studies/density_scores.py",
    "studies/langevin_scores.py",
    "studies/run.py",
    "studies/run_folder.py",
    "studies/scores.py",
    "studies/trained.py",
}
# exceptions: files that only read numbers, or whose values the spec of a run contains in full
_EXCEPTIONS = {
    "datasets/_registry.py",
    "methods/_docstrings.py",
    "metrics/null_ranges.py",
    "metrics/own_energy.py",
    "metrics/power.py",
    "metrics/scores.py",
    "system/distributed.py",
    "training/checks.py",
    "training/sampling.py",
    "training/search_spaces.py",
    "training/tuned.py",
}
# of these packages, a run depends on its own modules and their imports only
_SELECTED = ("methods/", "datasets/synthetic/", "datasets/fitted/")
# methods choose among these by name, so every run depends on all of them
_SHARED = "methods/noises/"


@functools.cache
def code_hash(*modules: str) -> str:
    """Return the sha256 of the source code that produces numbers, except its docstrings.

    Runs of code with another hash are not reused.

    Args:
        modules: the modules of a run's method and dataset. Other methods and datasets are then
            left out, unless a module is not in ebmark: a plugin may use any of them.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in source_files(*modules):
        digest.update(
            _relative(path).encode() + b"\0" + _without_docstrings(path.read_bytes()) + b"\0"
        )
    return digest.hexdigest()


def source_files(*modules: str) -> list[Path]:
    """Return the files that `code_hash` reads, in order."""
    all_files = {_relative(path): path for path in sorted(_root().rglob("*.py"))}
    files = {name: path for name, path in all_files.items() if _produces_numbers(name)}
    selected = [_file(module) for module in modules]
    if not modules or not set(selected) <= set(files.values()):
        return list(files.values())
    needed = _add_imports(selected)
    return [path for name, path in files.items() if not _is_selectable(name) or path in needed]


@functools.cache
def _without_docstrings(source: bytes) -> bytes:
    """Return code without the lines of its docstrings."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Module(body=[ast.Expr(ast.Constant(str())) as text, *_])
                | ast.ClassDef(body=[ast.Expr(ast.Constant(str())) as text, *_])
                | ast.FunctionDef(body=[ast.Expr(ast.Constant(str())) as text, *_])
            ):
                for line in range(text.lineno - 1, text.end_lineno or text.lineno):
                    lines[line] = b""
    return b"".join(lines)


def _produces_numbers(name: str) -> bool:
    if name in _EXCEPTIONS or (name.startswith(_SELECTED) and name.endswith("__init__.py")):
        return False
    return name in _FILES or name.partition("/")[0] in _PACKAGES


def _is_selectable(name: str) -> bool:
    return name.startswith(_SELECTED) and not name.startswith(_SHARED)


def _add_imports(files: list[Path]) -> set[Path]:
    """Return the files and the selectable files that they import, directly or not."""
    visited: set[Path] = set()
    remaining = list(files)
    while remaining:
        path = remaining.pop()
        if path in visited:
            continue
        visited.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported = _file(node.module)
                if imported.is_file() and _is_selectable(_relative(imported)):
                    remaining.append(imported)
    return visited


def _file(module: str) -> Path:
    """Return the file of a module of ebmark, or a path that does not exist for other modules."""
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
    """Return the versions of Python and of the packages that numbers depend on.

    Args:
        more: further packages, such as those of an external library.
    """
    packages = ("jax", "equinox", "optax", "numpy", "pot", *more)
    installed = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **installed}


@functools.cache
def device() -> str:
    """Return the model of the processor and its number of cores."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    # not Linux
    except OSError:
        pass
    return f"cpu: {model}, {os.cpu_count()} cores"
