"""The code of others that a command may execute, and the names that it may use.

Executed are plugins that the command line names, installed ones (entry points of the group
`ebmark.plugins`), and with `--allow-plugins` those that a study names or keeps.
"""

from collections.abc import Sequence
from pathlib import Path

from ebmark.cli.list import read_catalogue
from ebmark.errors import UserError, shown, unknown
from ebmark.system import user_code


def load_plugins(
    files: Sequence[Path],
    *,
    methods: Sequence[str] = (),
    datasets: Sequence[str] = (),
    folder: Path | None = None,
    network: str | None = None,
) -> tuple[Path, ...]:
    """Register the methods and datasets of plugins beside the built-in ones.

    Without plugins, names are compared with the catalogue, which takes less time than the import
    of JAX.

    Args:
        files: the files that may be executed.
        methods: names of methods that the command needs.
        datasets: names of datasets that it needs.
        folder: the folder of the study, whose plugins may define an unknown name.
        network: FILE.py:FUNCTION of a network, or None.

    Returns:
        The files, with that of the network.

    Raises:
        UserError: a plugin cannot be loaded, or a name is unknown.
    """
    named = (*files, *([Path(network.rpartition(":")[0])] if network else []))
    user_code.name_files(named)
    if not named and not user_code.installed_plugins():
        _check_names(methods, datasets, folder)
        return ()
    from ebmark.studies import plugins

    plugins.load_installed()
    for path in files:
        plugins.load(path)
    if network:
        plugins.load_network(network)
    return tuple(dict.fromkeys(named))


def network_name(network: str | None) -> str | None:
    """Return the name of the network FILE.py:FUNCTION, as studies store it."""
    return network and f"{Path(network.rpartition(':')[0]).name}:{network.rpartition(':')[2]}"


def plugins_of_study(study: str, folder: Path, allowed: bool) -> tuple[Path, ...]:
    """Return the plugins that a TOML file names, or that a study's folder keeps if it names none.

    Args:
        study: a built-in study or a TOML file.
        folder: the folder of the study, which need not exist.
        allowed: whether they may be executed.

    Raises:
        UserError: they may not, and the TOML file names some.
    """
    named = _named_in(Path(study)) if study.endswith(".toml") else ()
    if allowed:
        return named or _kept_in(folder)
    if named:
        names = ", ".join(shown(path, 80) for path in named)
        raise UserError(
            f"{study}: names plugins ({names}), whose code would be executed. "
            "Read them, then pass --allow-plugins."
        )
    return ()


def _kept_in(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted((folder / "plugins").glob("*.py")))


def _named_in(path: Path) -> tuple[Path, ...]:
    from ebmark.system.reading import read_toml

    names = read_toml(path).get("plugins", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: plugins must be a list of Python files, not {shown(names)}.")
    return tuple(path.parent / name for name in names)


def _check_names(methods: Sequence[str], datasets: Sequence[str], folder: Path | None) -> None:
    catalogue = read_catalogue()
    known = [name for kind, names in catalogue.items() if "methods" in kind for name in names]
    for kind, names, choices in (
        ("method", methods, known),
        ("dataset", datasets, list(catalogue["datasets"])),
    ):
        for name in names:
            if name in choices:
                continue
            error = unknown(kind, name, choices)
            if folder is not None and _kept_in(folder):
                error = UserError(f"{error} {folder} keeps plugins: --allow-plugins executes them.")
            raise error
