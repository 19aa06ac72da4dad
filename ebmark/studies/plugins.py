"""Plugins: the user's methods and datasets, from Python files named on the command line.

    METHODS = {"mine": Recipe(method=MyLoss())}      DATASETS = {"my_dataset": MyDataset()}

A study keeps a copy of each file in its folder, and the file's hash in the spec of every run that
uses it. Only files that the user names in the command are executed, and only the bytes that were
hashed. Installed packages name modules as entry points of the group `ebmark.plugins`.
"""

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ebmark.datasets import DATASETS, AbstractDataset, Dataset
from ebmark.energies import NETWORKS, as_maker
from ebmark.errors import UserError, shown
from ebmark.methods import METHODS, Recipe
from ebmark.system import user_code
from ebmark.system.flags import pin_flags
from ebmark.system.writing import make_folder, write_whole

_KINDS: dict[str, tuple[dict[str, Any], Any]] = {
    "METHODS": (METHODS, Recipe),
    "DATASETS": (DATASETS, AbstractDataset),
    "NETWORKS": (NETWORKS, Callable),
}
_MAX_NAME_LENGTH = 100
# the name of a method, dataset or network -> the sha256 of its file, or of its definition
_ORIGINS: dict[str, str] = {}
_IN_PROCESS: dict[str, str] = {}  # the name of an object of this process -> its kind


def load(path: Path) -> None:
    """Execute the file and register its `METHODS` and `DATASETS`.

    Raises:
        UserError: if the file cannot be read or executed, defines nothing, or uses a name that is
            already registered.
    """
    _load(read_file(path), path)


def load_network(where: str) -> tuple[str, Path]:
    """Register the network of FILE.py:FUNCTION, a function make(dim, key) that returns an energy.

    Returns:
        Its name, FILE.py:FUNCTION without the folder, and the file.

    Raises:
        UserError: if the file cannot be read or executed, or defines no such function.
    """
    file, _, function = where.rpartition(":")
    path = Path(file)
    if not file or not function.isidentifier():
        raise UserError(f"--network must be FILE.py:FUNCTION, not '{shown(where)}'.")
    name = f"{path.name}:{function}"
    _load(read_file(path), path, (name,))
    return name, path


def register(kind: str, name: str, value: Any, digest: str) -> None:
    """Register an object of this process, which no file defines; a former one is replaced.

    Args:
        kind: `METHODS`, `DATASETS` or `NETWORKS`.
        name: what it is called.
        value: the object.
        digest: the sha256 of its definition.

    Raises:
        UserError: if a built-in one or one of a file has the name.
    """
    if _IN_PROCESS.get(name) == kind:
        del _KINDS[kind][0][name]
    _register(Path("this session"), digest, kind, name, value)
    _IN_PROCESS[name] = kind


def in_process(names: Iterable[str]) -> list[str]:
    """Return the names of objects of this process, which no worker can load."""
    return [name for name in names if name in _IN_PROCESS]


def _load(source: bytes, path: Path, networks: tuple[str, ...] = ()) -> None:
    """Execute a file and register what it defines, and the `networks` FILE.py:FUNCTION of it."""
    module, digest = run_file(source, path), hashlib.sha256(source).hexdigest()
    for name in networks:
        function = getattr(module, name.rpartition(":")[2], None)
        if function is None:
            raise UserError(f"{path}: defines no '{name.rpartition(':')[2]}'.")
        _register(path, digest, "NETWORKS", name, as_maker(function))
    _register_all(module, path, digest, has_network=bool(networks))


def load_installed() -> None:
    """Register what installed packages define, by their entry points.

    Raises:
        UserError: a module cannot be imported, defines nothing, or uses a name that is taken.
    """
    for entry in user_code.installed_plugins():
        try:
            spec = importlib.util.find_spec(entry.module)
            path = Path(str(spec and spec.origin))
            user_code.mark(path)
            module = importlib.import_module(entry.module)
        except Exception as error:
            package = entry.dist.name if entry.dist else "unknown"
            raise UserError(
                f"The plugin '{entry.name}' of the installed package '{package}' cannot be "
                f"imported: {user_code.explain(error)}. Update or uninstall the package."
            ) from None
        _register_all(module, path, hashlib.sha256(path.read_bytes()).hexdigest())


def _register_all(
    module: ModuleType, path: Path, digest: str, *, has_network: bool = False
) -> None:
    # the file may have set JAX's flags for all that follows
    pin_flags()
    definitions = {kind: getattr(module, kind, {}) for kind in _KINDS}
    if not any(definitions.values()) and not has_network:
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
    if isinstance(value, Dataset):
        value = value.dataset
    if name in registry and _ORIGINS.get(name) != digest:
        raise UserError(f"{path}: {kind}: '{name}' is already registered. Choose another name.")
    is_text = isinstance(name, str) and name.isprintable()
    if not is_text or not 0 < len(name) <= _MAX_NAME_LENGTH:
        raise UserError(
            f"{path}: {kind}: a name must be 1 to {_MAX_NAME_LENGTH} printable characters, "
            f"not {name!r:.80}."
        )
    if "=" in name or "," in name:
        raise UserError(
            f"{path}: {kind}: a name must not contain '=' or ',', which separate settings in "
            f"results, but '{name}' does. Rename it."
        )
    if not isinstance(value, expected):
        raise UserError(
            f"{path}: {kind}[{name!r}] must be a {expected.__name__}, not {value!r:.80}."
        )
    registry[name] = value
    _ORIGINS[name] = digest


def load_kept(folder: Path, origins: Mapping[str, str]) -> None:
    """Load the plugins in a study's folder, and the installed ones, that a run uses.

    Other files there are not executed, as the folder may come from an untrusted source. Errors name
    the user's own file instead of its copy.

    Args:
        folder: the folder of the study.
        origins: name -> sha256 of its file.
    """
    digests = set(origins.values()) - set(_ORIGINS.values())
    if not digests:
        return
    load_installed()
    own_files = {path.name: path for path in user_code.named_files()}
    for path in sorted((folder / "plugins").glob("*.py")):
        source = path.read_bytes()
        digest = hashlib.sha256(source).hexdigest()
        if digest in digests:
            networks = tuple(name for name in origins if name.startswith(f"{path.name}:"))
            _load(source, own_files.get(path.name, path), networks)
    if digests - set(_ORIGINS.values()):
        raise UserError(
            "A plugin of this run is missing or differs on this worker. "
            "Repeat the command with the plugin, or install the same version everywhere."
        )


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


def read_file(path: Path) -> bytes:
    """Return the content of a Python file.

    Raises:
        UserError: if it cannot be read.
    """
    if path.suffix != ".py":
        raise UserError(f"{path}: a Python file must have the ending .py.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from None


def run_file(source: bytes, path: Path) -> ModuleType:
    """Execute the content of a Python file and return its module.

    Raises:
        UserError: if this fails; the message names the line.
    """
    try:
        return user_code.execute(source, path)
    except Exception as error:
        message = user_code.explain(error)
        is_located = user_code.locate(error) is not None
        raise UserError(message if is_located else f"{path}: {message}") from None
