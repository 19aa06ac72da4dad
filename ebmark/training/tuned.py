"""Tuned recipes, as written by `ebmark tune`, and those shipped with ebmark.

python -m ebmark.training.tuned FILE...     adds the recipes of files to the shipped ones
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any

import pydantic
from typing_extensions import TypedDict

from ebmark.errors import UserError
from ebmark.system.reading import read_json
from ebmark.system.writing import write_json


class _Tuned(TypedDict):
    changes: dict[str, pydantic.JsonValue]
    made: dict[str, pydantic.JsonValue]


class _File(TypedDict):
    schema: int
    tuned: dict[str, dict[str, _Tuned]]


_FILE = pydantic.TypeAdapter(_File)
_FIX = "Repeat the `ebmark tune` command with --repair, which writes it again."
_SHIPPED = Path(__file__).parent / "tuned.json"


def tuned_changes(method: str, dataset: str, path: Path | None = None) -> dict[str, Any]:
    """Return the changes that turn the default recipe of a method into the tuned one.

    Args:
        method: name of the method.
        dataset: name of the dataset that it was tuned on.
        path: a file of `ebmark tune`; by default, the recipes shipped with ebmark.

    Returns:
        The changes, as `recipes.with_changes` takes them.

    Raises:
        UserError: there is no such recipe, or the file cannot be read.
    """
    recipes = read(path or _SHIPPED).get(method, {})
    if dataset not in recipes:
        others = f" (there are some for {', '.join(sorted(recipes))})" if recipes else ""
        raise UserError(
            f"{path or 'ebmark'}: no tuned recipe of '{method}' for '{dataset}'{others}. "
            f"Create one with: ebmark tune --methods {method} --datasets {dataset}"
        )
    return recipes[dataset]["changes"]


def read(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Read method -> dataset -> `changes` and `made` (how they were found). Raises UserError."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        if path == _SHIPPED:
            return {}
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None


@cache
def _read(path: Path, modified_ns: int) -> dict[str, dict[str, dict[str, Any]]]:
    del modified_ns
    return read_json(path, _FILE, _FIX)["tuned"]


def write(path: Path, tuned: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Write a file atomically, sorted by name."""
    write_json(path, {"tuned": tuned}, sort_keys=True)


def main() -> int:
    """Add the recipes of the files in `sys.argv` to the shipped ones."""
    shipped = {method: dict(datasets) for method, datasets in read(_SHIPPED).items()}
    for path in sys.argv[1:]:
        for method, datasets in read(Path(path)).items():
            shipped.setdefault(method, {}).update(datasets)
    write(_SHIPPED, shipped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
