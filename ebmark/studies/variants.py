"""Variants: the configurations of one method in a study, by recipe and point of the sweep."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ebmark.errors import UserError, unknown
from ebmark.statistics import ROLES
from ebmark.training import recipes
from ebmark.training.tuned import tuned_changes

SETTINGS = ("num_train", "network_evaluations")  # of a study, that may be swept
DATASET_ATTRIBUTES = ("dim", "separation")  # of datasets, that a study may be plotted along


@dataclasses.dataclass(frozen=True)
class Variant:
    """A configuration of a method: its recipe, and where it lies on the swept axes.

    Attributes:
        name: the `recipe` in the table.
        changes: of the method's default recipe.
        settings: of the study, that the sweep changes.
        axes: the table's columns, by name.
        pinned: whether the number of updates is given and no study may change it.
    """

    name: str
    changes: dict[str, Any]
    settings: dict[str, Any]
    axes: dict[str, float | str]
    pinned: bool = False


def variants(
    method: str,
    dataset: str,
    *,
    names: tuple[str, ...] = ("default",),
    changes: dict[str, Any] | None = None,
    sweep: dict[str, tuple] | None = None,
) -> Iterator[Variant]:
    """Yield the configurations of a method on a dataset: its recipes, at each point of the sweep.

    The oracle and the baselines have their default recipe only.

    Args:
        method: the method's name.
        dataset: the dataset's name, by which tuned recipes are found.
        names: of recipes: `default`, `tuned`, or a file of tuned recipes.
        changes: of the recipe, given by the user.
        sweep: values of swept settings; those that the method does not have are ignored.

    Raises:
        UserError: for an unknown recipe.
    """
    changes = {} if changes is None else changes
    sweep = {} if sweep is None else sweep
    if method in ROLES:
        names = ("default",)
    own_axes = [axis for axis in sweep if axis in SETTINGS or _has(method, axis)]
    points = itertools.product(*(sweep[axis] for axis in own_axes))
    for name, values in itertools.product(names, points):
        point = dict(zip(own_axes, values, strict=True))
        recipe_changes = [
            _nest(axis, value) for axis, value in point.items() if axis not in SETTINGS
        ]
        requested = merged(changes, *recipe_changes)
        yield Variant(
            name=_label(name, bool(changes), point),
            changes=merged(_load_changes(name, method, dataset), requested),
            settings={axis: value for axis, value in point.items() if axis in SETTINGS},
            axes={column(axis): value for axis, value in point.items()},
            pinned="num_updates" in requested,
        )


def check_names(names: tuple[str, ...]) -> None:
    """Raise UserError if two recipes have the same name in the table, or one is ambiguous there."""
    by_label: dict[str, str] = {}
    for name in names:
        if "=" in Path(name).stem or "," in Path(name).stem:
            raise UserError(
                f"variants: the name of '{name}' contains '=' or ',', which separate settings in "
                "results. Rename the file."
            )
        other = by_label.setdefault(Path(name).stem, name)
        if other != name or names.count(name) > 1:
            raise UserError(
                f"variants: '{other}' and '{name}' are both named '{Path(name).stem}' in the "
                "table. Rename the file, or leave one out."
            )


def _label(name: str, is_custom: bool, point: dict[str, Any]) -> str:
    """Return the name of a recipe, such as `tuned, custom, sigma=0.1`."""
    parts = []
    if name != "default":
        parts.append(Path(name).stem)
    if is_custom:
        parts.append("custom")
    parts += [f"{column(axis)}={value}" for axis, value in point.items()]
    return ", ".join(parts) or "default"


def check_sweep(sweep: dict[str, tuple], methods: tuple[str, ...]) -> None:
    """Raise UserError for an unknown axis, one without values, or invalid or duplicate values."""
    for axis, values in sweep.items():
        if axis not in SETTINGS and not any(_has(method, axis) for method in methods):
            tunable = [method for method in methods if method not in ROLES]
            fields = {field for method in tunable for field in _fields(method)}
            raise unknown("axis of the sweep:", axis, [*SETTINGS, *sorted(fields)])
        if not values or len(set(values)) != len(values):
            raise UserError(
                f"sweep: '{axis}' has no values or duplicate values: {list(values)}. "
                "List each of its values once."
            )
        for method in methods:
            if axis not in SETTINGS and _has(method, axis):
                for value in values:
                    recipes.with_changes(method, _nest(axis, value))
    if len({column(axis) for axis in sweep}) < len(sweep):
        raise UserError(
            f"sweep: two of the axes {', '.join(sweep)} have the same column. Sweep one of them."
        )


def column(axis: str) -> str:
    """Return the name of an axis in the table.

    Example:
        >>> column("method.step_size")
        'step_size'
    """
    return axis.removeprefix("method.")


def merged(first: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """Merge changes of a recipe: later ones win, and `method` is merged by field.

    Example:
        >>> merged({"method": {"sigma": 0.1}}, {"batch_size": 64, "method": {"noise": "kde"}})
        {'method': {'sigma': 0.1, 'noise': 'kde'}, 'batch_size': 64}
    """
    result = dict(first)
    for other in others:
        method_fields = result.get("method", {}) | other.get("method", {})
        result |= other
        if method_fields:
            result["method"] = method_fields
    return result


def _load_changes(name: str, method: str, dataset: str) -> dict[str, Any]:
    if name == "default":
        return {}
    if name == "tuned":
        return tuned_changes(method, dataset)
    if Path(name).suffix == ".json":
        return tuned_changes(method, dataset, Path(name))
    raise unknown("variant", name, ["default", "tuned", "a .json file of tuned recipes"])


def _nest(axis: str, value: Any) -> dict[str, Any]:
    """Return the change of a recipe that sets an axis to a value."""
    table, _, field = axis.rpartition(".")
    return {table: {field: value}} if table else {field: value}


def _has(method: str, axis: str) -> bool:
    return method not in ROLES and axis in _fields(method)


def _fields(method: str) -> list[str]:
    """Return what can be swept of a method's recipe; its hyperparameters begin with `method.`."""
    recipe = recipes.as_dict(recipes.RECIPES[method])
    hyperparameters = [f"method.{name}" for name in recipe.pop("method") if name != "class"]
    return [*recipe, *hyperparameters]
