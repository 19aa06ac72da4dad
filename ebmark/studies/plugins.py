"""A person's own methods and laws, from a Python file that she names on the command line.

    METHODS = {"mine": Recipe(method=MyLoss())}      DATASETS = {"my_law": MyLaw()}

A study keeps a copy of the file in its folder, and the hash of it in the spec of each cell that it
serves. No file is ever run that was not named by the person who runs the command.
"""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ebmark.datasets import DATASETS, AbstractDataset
from ebmark.errors import UserError
from ebmark.methods import METHODS, Recipe
from ebmark.system.writing import make_folder, write_whole

_KINDS = {"METHODS": (METHODS, Recipe), "DATASETS": (DATASETS, AbstractDataset)}
_ORIGINS: dict[str, str] = {}  # the name of a method or law -> the sha256 of its file


def load(path: Path) -> None:
    """Run the file and enter its `METHODS` and `DATASETS` beside the built-in ones.

    Raises UserError if it cannot be read or run, names nothing, or names what is there already.
    """
    module, digest = run_file(path), hashlib.sha256(path.read_bytes()).hexdigest()
    found = {kind: getattr(module, kind, {}) for kind in _KINDS}
    if not any(found.values()):
        raise UserError(
            f'{path}: defines no METHODS and no DATASETS, such as {{"mine": Recipe(...)}}'
        )
    for kind, named in found.items():
        registry, wanted = _KINDS[kind]
        if not isinstance(named, dict):
            raise UserError(f"{path}: {kind} must be a dictionary from names, not {type(named)}")
        for name, thing in named.items():
            if name in registry and _ORIGINS.get(name) != digest:
                raise UserError(f'{path}: {kind} names "{name}", which is there already; rename it')
            if not (isinstance(name, str) and 0 < len(name) <= 100 and name.isprintable()):
                raise UserError(f"{path}: {kind}: a name is 1 to 100 letters, not {name!r:.80}")
            if not isinstance(thing, wanted):
                raise UserError(
                    f"{path}: {kind}[{name!r}] must be a {wanted.__name__}, not {thing!r:.80}"
                )
            registry[name], _ORIGINS[name] = thing, digest


def load_kept(folder: Path, wanted: frozenset[str]) -> None:
    """Load those plugins of a study's folder whose hash is wanted: that of a file named before.

    Whatever else lies there is not run: the folder may be a stranger's.
    """
    for path in sorted((folder / "plugins").glob("*.py")) if wanted else ():
        if hashlib.sha256(path.read_bytes()).hexdigest() in wanted:
            load(path)


def keep(paths: tuple[Path, ...], folder: Path) -> None:
    """Copy the files into the study's folder, where its workers find them."""
    if len({path.name for path in paths}) < len(paths):
        raise UserError(f"two plugins have the same file name: {', '.join(map(str, paths))}")
    for path in paths:
        make_folder(folder / "plugins")
        write_whole(folder / "plugins" / path.name, path.read_bytes())


def origin(*names: str) -> dict[str, str]:
    """Those of the names that come from a plugin, with the hash of its file."""
    return {name: _ORIGINS[name] for name in names if name in _ORIGINS}


def run_file(path: Path) -> ModuleType:
    """The module of a person's Python file. Raises UserError, naming the line, if it fails."""
    if path.suffix != ".py":
        raise UserError(f"{path}: is no Python file, with the ending .py")
    name = f"ebmark_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = getattr(error, "lineno", None) or (frames[-1].lineno if frames else "?")
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{path}: line {line}: {what}") from None
    return module
