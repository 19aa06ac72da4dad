"""Tuned recipes: what `ebmark tune` found, as data, with what made it.

python -m ebmark.training.tuned FILE...     adds the recipes to those that are shipped
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pydantic
from typing_extensions import TypedDict

from ebmark.errors import UserError
from ebmark.system.reading import SCHEMA, read_json
from ebmark.system.writing import write_whole


class _Tuned(TypedDict):
    changes: dict[str, pydantic.JsonValue]
    made: dict[str, pydantic.JsonValue]


class _File(TypedDict):
    schema: int
    tuned: dict[str, dict[str, _Tuned]]


_FILE = pydantic.TypeAdapter(_File)
_SHIPPED = Path(__file__).parent / "tuned.json"


def tuned_changes(method: str, dataset: str, path: Path | None = None) -> dict[str, Any]:
    """What the tuned recipe of a method on a dataset changes: the shipped one, or a file's.

    Raises UserError where there is none.
    """
    found = read(path or _SHIPPED).get(method, {})
    if dataset not in found:
        known = f"; there are some for {', '.join(sorted(found))}" if found else ""
        raise UserError(
            f"{path or 'ebmark'}: no tuned recipe of {method} for {dataset}{known}; make one: "
            f"ebmark tune --methods {method} --datasets {dataset}"
        )
    return found[dataset]["changes"]


def read(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Method -> dataset -> `changes` of the recipe, and `made` by what. Raises UserError."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        if path == _SHIPPED:
            return {}
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


@cache
def _read(path: Path, changed: int) -> dict[str, dict[str, dict[str, Any]]]:
    del changed
    return read_json(path, _FILE, "`ebmark tune` writes such files", marked=True)["tuned"]


def write(path: Path, tuned: dict[str, dict[str, dict[str, Any]]]) -> None:
    """The file, whole, in order of name."""
    write_whole(
        path, json.dumps({"schema": SCHEMA, "tuned": tuned}, indent=1, sort_keys=True) + "\n"
    )


def main() -> int:
    shipped = {method: dict(datasets) for method, datasets in read(_SHIPPED).items()}
    for path in sys.argv[1:]:
        for method, datasets in read(Path(path)).items():
            shipped.setdefault(method, {}).update(datasets)
    write(_SHIPPED, shipped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
