"""Recipes as plain data: what a study file may change, and what the spec of a run holds."""

import dataclasses
from collections import ChainMap
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ebmark.errors import UserError, unknown
from ebmark.methods import ABOVE_2D, METHODS, Recipe
from ebmark.methods.external import EXTERNAL_METHODS

# Passes over the rows, and the smallest numbers of updates, where a table decides. In one or two
# dimensions the energy starts at a Gaussian, else at a mixture, from which few updates are needed.
_NUM_EPOCHS = 100
_MIN_UPDATES = 100
_MIN_UPDATES_2D = 1_000
# name -> recipe, of all methods that can be trained
RECIPES = ChainMap(METHODS, EXTERNAL_METHODS)


def as_dict(recipe: Recipe) -> dict[str, Any]:
    """Convert a recipe to plain values.

    Args:
        recipe: a recipe.

    Returns:
        Its fields; `method` holds the name of the method's class and the method's fields.

    Example:
        >>> from ebmark.methods import METHODS
        >>> from ebmark.training.recipes import as_dict
        >>> as_dict(METHODS["dsm"])["method"]["class"]
        'DenoisingScoreMatching'
    """
    fields = _fields(recipe)
    method = fields.pop("method")
    fields["method"] = {"class": type(method).__name__, **_fields(method)}
    return fields


def with_changes(name: str, changes: dict[str, Any], *, dim: int = 2) -> Recipe:
    """Change fields of a registered recipe.

    Args:
        name: a name in `RECIPES`.
        changes: new values by field; `method` holds the method's own fields.
        dim: dimension of the data; above 2, the changes of `ABOVE_2D` are made first.

    Returns:
        The changed recipe.

    Raises:
        UserError: the method or a field is unknown (the nearest is named), or a value is invalid.

    Example:
        >>> from ebmark.training.recipes import with_changes
        >>> with_changes("dsm", {"num_updates": 100, "method": {"sigma": 0.2}}).method.sigma
        0.2
    """
    if name not in RECIPES:
        raise unknown("method", name, RECIPES)
    recipe = RECIPES[name]
    if dim > 2:
        recipe = _change(name, recipe, ABOVE_2D.get(name, {}))
    return _change(name, recipe, changes)


def auto_updates(recipe: Recipe, num_rows: int, dim: int) -> int:
    """Return the number of updates for a table: 100 passes over its rows.

    It is at least 100, or 1,000 in one or two dimensions, and at most the recipe's own number,
    which is 0 for the Gaussian and the kernel density estimate.

    Example:
        >>> from ebmark.methods import METHODS
        >>> auto_updates(METHODS["nce"], 1_024, 3), auto_updates(METHODS["nce"], 1_024, 2)
        (400, 1000)
    """
    smallest = _MIN_UPDATES if dim > 2 else _MIN_UPDATES_2D
    num_updates = max(_NUM_EPOCHS * num_rows // recipe.batch_size, smallest)
    return min(recipe.num_updates, num_updates)


def check_installed(name: str) -> None:
    """Raise UserError if a package that the method needs is not installed."""
    for package in RECIPES[name].method.packages:
        try:
            version(package)
        except PackageNotFoundError:
            raise UserError(
                f"'{name}' needs {package}, which is not installed. Run: pip install '.[external]'."
            ) from None


def _change(name: str, recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return the recipe with fields changed, of its method too."""
    recipe_changes = dict(changes)
    method_changes = recipe_changes.pop("method", {})
    if not isinstance(method_changes, dict):
        raise UserError(
            f"Recipe of '{name}': method must be a table of its fields, not {method_changes!r}."
        )
    method_changes = {key: value for key, value in method_changes.items() if key != "class"}
    method = _replace(recipe.method, method_changes, f"{name}'s method")
    return _replace(dataclasses.replace(recipe, method=method), recipe_changes, f"{name}'s recipe")


def _fields(instance: Any) -> dict[str, Any]:
    return {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}


def _replace(instance: Any, changes: dict[str, Any], owner: str) -> Any:
    """Return the dataclass with some fields replaced, after checking the values."""
    fields = _fields(instance)
    fields.pop("method", None)
    for key, value in changes.items():
        if key not in fields:
            raise unknown(f"field of {owner}", key, fields)
        _check(f"{key} of {owner}", value, fields[key])
    if not changes:
        return instance
    try:
        return dataclasses.replace(instance, **changes)
    except ValueError as error:
        # a name that its class does not know
        raise UserError(f"{owner}: {error}") from None


def _check(field: str, value: Any, default: Any) -> None:
    """Raise UserError if a value does not fit the type and range of the default."""
    if isinstance(default, str):
        # the class of the field knows the valid names
        if not isinstance(value, str):
            raise UserError(f"{field} must be a name, not {value!r}.")
        return
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise UserError(f"{field} must be true or false, not {value!r}.")
        return
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise UserError(f"{field} must be a number, not {value!r}.")
    if isinstance(default, int) and not isinstance(value, int):
        raise UserError(f"{field} must be a whole number, not {value!r}.")
    if value is None:
        if default is not None:
            raise UserError(f"{field} must be a number.")
        return
    if not 0 <= value < float("inf"):
        raise UserError(f"{field} must be a finite number of 0 or more, not {value!r}.")
    if isinstance(default, int) and value == 0 and default > 0:
        raise UserError(f"{field} must be at least 1, not 0.")
