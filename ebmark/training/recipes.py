"""Recipes as plain data: what a study file may change, and what a cell's spec says."""

import dataclasses
from collections import ChainMap
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ebmark.errors import UserError, unknown
from ebmark.methods import METHODS, Recipe
from ebmark.methods.external import EXTERNAL_METHODS

RECIPES = ChainMap(METHODS, EXTERNAL_METHODS)  # name -> recipe, of all that can be trained


def as_dict(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain values: its own fields, and those of its method."""
    fields = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)}
    method = fields.pop("method")
    inside = {f.name: getattr(method, f.name) for f in dataclasses.fields(method)}
    return fields | {"method": {"class": type(method).__name__} | inside}


def with_changes(name: str, changes: dict[str, Any]) -> Recipe:
    """The registered recipe with some fields changed, `method` holding the method's own.

    Raises UserError for an unknown method or field (the nearest is named) and a wrong value.
    """
    if name not in RECIPES:
        raise unknown("method", name, RECIPES)
    recipe, changes = RECIPES[name], dict(changes)
    inside = changes.pop("method", {})
    if not isinstance(inside, dict):
        raise UserError(f'recipe of "{name}": method must be a table of its fields, not {inside!r}')
    inside = {key: value for key, value in inside.items() if key != "class"}
    method = _changed(recipe.method, inside, f"field of {name}'s method")
    return _changed(
        dataclasses.replace(recipe, method=method), changes, f"field of {name}'s recipe"
    )


def check_installed(name: str) -> None:
    """Raise UserError if the method needs a package that is not there."""
    for package in RECIPES[name].method.packages:
        try:
            version(package)
        except PackageNotFoundError:
            raise UserError(
                f"{name} needs {package}, which is not installed: pip install 'ebmark[peers]'"
            ) from None


def _changed(thing: Any, changes: dict[str, Any], what: str) -> Any:
    fields = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}
    fields.pop("method", None)
    for key, value in changes.items():
        if key not in fields:
            raise unknown(what, key, fields)
        _check(what.replace("field", key, 1), value, fields[key])
    try:
        return dataclasses.replace(thing, **changes) if changes else thing
    except ValueError as error:  # a choice that is none
        raise UserError(f"{what.replace('field of ', '', 1)}: {error}") from None


def _check(what: str, value: Any, default: Any) -> None:
    if isinstance(default, str):  # a named choice: its class knows which there are
        if not isinstance(value, str):
            raise UserError(f"{what} must be a name, not {value!r}")
        return
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise UserError(f"{what} must be true or false, not {value!r}")
        return
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise UserError(f"{what} must be a number, not {value!r}")
    if isinstance(default, int) and not isinstance(value, int):
        raise UserError(f"{what} must be a whole number, not {value!r}")
    if value is None and default is not None:
        raise UserError(f"{what} must be a number")
    if value is not None and (not value >= 0 or value == float("inf")):
        raise UserError(f"{what} must be a finite number of 0 or more, not {value!r}")
    if isinstance(default, int) and value == 0 and default > 0:
        raise UserError(f"{what} must be at least 1, not 0")
