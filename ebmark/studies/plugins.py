"""Plugins: the user's methods and datasets, from Python files named on the command line.

    METHODS = {"mine": Recipe(method=MyLoss())}      DATASETS = {"my_dataset": MyDataset()}

A study keeps a copy of each file in its folder, and the file's hash in the spec of every run that
uses it. Only files that the user names in the command are executed.
"""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ebmark.datasets import DATASETS, AbstractDataset
from ebmark.errors import UserError
from ebmark.methods import METHODS, Recipe
from ebmark.system.writing import make_folder, write_whole

_KINDS: dict[str, tuple[dict[str, Any], type]] = {
    "METHODS": (METHODS, Recipe),
    "DATASETS": (DATASETS, AbstractDataset),
}
_MAX_NAME_LENGTH = 100
_ORIGINS: dict[str, str] = {}  # the name of a method or dataset -> the sha256 of its file


def load(path: Path) -> None:
    """Execute the file and register its `METHODS` and `DATASETS`.

    Raises:
        UserError: if the file cannot be read or executed, defines nothing, or uses a name that is
            already registered.
    """
    module = run_file(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    definitions = {kind: getattr(module, kind, {}) for kind in _KINDS}
    if not any(definitions.values()):
        raise UserError(
            f'{path}: defines no METHODS and no DATASETS. Add METHODS = {{"mine": Recipe(...)}}.'
        )
    for kind, entries in definitions.items():
        if not isinstance(entries, dict):
            raise UserError(
                f"{path}: {kind} must be a dictionary from names, not {type(entries).__name__}."
            )
        for name, value in entries.items():
            _register(path, digest, kind, name, value)


def _register(path: Path, digest: str, kind: str, name: Any, value: Any) -> None:
    registry, expected = _KINDS[kind]
    if name in registry and _ORIGINS.get(name) != digest:
        raise UserError(f"{path}: {kind}: '{name}' is already registered. Choose another name.")
    is_text = isinstance(name, str) and name.isprintable()
    if not is_text or not 0 < len(name) <= _MAX_NAME_LENGTH:
        raise UserError(
            f"{path}: {kind}: a name must be 1 to {_MAX_NAME_LENGTH} printable characters, "
            f"not {name!r:.80}."
        )
    if not isinstance(value, expected):
        raise UserError(
            f"{path}: {kind}[{name!r}] must be a {expected.__name__}, not {value!r:.80}."
        )
    registry[name] = value
    _ORIGINS[name] = digest


def load_kept(folder: Path, digests: frozenset[str]) -> None:
    """Load the plugins in a study's folder that have one of the hashes.

    Other files there are not executed, as the folder may come from an untrusted source.
    """
    if not digests:
        return
    for path in sorted((folder / "plugins").glob("*.py")):
        if hashlib.sha256(path.read_bytes()).hexdigest() in digests:
            load(path)


def keep(paths: tuple[Path, ...], folder: Path) -> None:
    """Copy the files into the study's folder, where its workers find them.

    Raises:
        UserError: if two files have the same name, or one cannot be written.
    """
    if len({path.name for path in paths}) < len(paths):
        names = ", ".join(map(str, paths))
        raise UserError(f"Two plugins have the same file name: {names}. Rename one of them.")
    for path in paths:
        make_folder(folder / "plugins")
        write_whole(folder / "plugins" / path.name, path.read_bytes())


def origin(*names: str) -> dict[str, str]:
    """Return the sha256 of the file of each name that comes from a plugin."""
    return {name: _ORIGINS[name] for name in names if name in _ORIGINS}


def run_file(path: Path) -> ModuleType:
    """Execute a Python file and return its module.

    Raises:
        UserError: if this fails; the message names the line.
    """
    if path.suffix != ".py":
        raise UserError(f"{path}: a Python file must have the ending .py.")
    name = f"ebmark_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: cannot be loaded as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file.") from None
    except Exception as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{path}: line {_line_of(error, path)}: {message}") from None
    return module


def _line_of(error: Exception, path: Path) -> int | str:
    """Return the line of a file where an error arose, if it is known."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return (lines[-1] if lines else None) or "?"
