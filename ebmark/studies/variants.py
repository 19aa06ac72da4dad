"""Variants: one method more than once in a study, under recipes and settings that have names."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ebmark.errors import UserError, unknown
from ebmark.statistics import ROLES
from ebmark.training import recipes
from ebmark.training.tuned import tuned_changes

SETTINGS = ("num_train", "network_evaluations")  # a study's numbers that may be swept
DATASET_ATTRIBUTES = ("dim", "separation")  # a law's numbers that a study may be seen along


@dataclasses.dataclass(frozen=True)
class Variant:
    """An entry of a study: its name, what it changes, and where it stands on the swept axes."""

    name: str  # the table's `recipe`
    changes: dict[str, Any]  # of the method's recipe
    settings: dict[str, Any]  # of the study
    axes: dict[str, float | str]  # the table's columns
    pinned: bool = False  # whether the number of updates is asked for, and no study's to change


def variants(
    method: str,
    dataset: str,
    *,
    names: tuple[str, ...] = ("default",),
    changes: dict[str, Any] | None = None,
    sweep: dict[str, tuple] | None = None,
) -> Iterator[Variant]:
    """The entries of a method on a dataset: its named recipes, at each point of the sweep.

    A name is `default`, `tuned`, or a file of tuned recipes. An axis that a method does not have
    is left out of its variants; the oracle and the anchors have their default recipe alone.
    """
    names = ("default",) if method in ROLES else names
    own = [axis for axis in sweep or {} if axis in SETTINGS or _has(method, axis)]
    for name, point in itertools.product(names, itertools.product(*[sweep[a] for a in own])):
        at = dict(zip(own, point, strict=True))
        asked = merged(
            changes or {}, *[_change(axis, at[axis]) for axis in own if axis not in SETTINGS]
        )
        words = [Path(name).stem] if name != "default" else []
        words += ["custom"] if changes else []
        words += [f"{column(axis)}={value}" for axis, value in at.items()]
        yield Variant(
            ", ".join(words) or "default",
            merged(_named(name, method, dataset), asked),
            {axis: value for axis, value in at.items() if axis in SETTINGS},
            {column(axis): value for axis, value in at.items()},
            "num_updates" in asked,
        )


def check_sweep(sweep: dict[str, tuple], methods: tuple[str, ...]) -> None:
    """Raise UserError for an axis that nothing has, or that holds no value or one twice."""
    for axis, values in sweep.items():
        if axis not in SETTINGS and not any(_has(method, axis) for method in methods):
            fields = {f for m in methods if m not in ROLES for f in _fields(m)}
            raise unknown("axis of the sweep:", axis, [*SETTINGS, *sorted(fields)])
        if not values or len(set(values)) != len(values):
            raise UserError(f"sweep: {axis}: wants values, each once, not {list(values)}")
        for method in methods:
            if axis not in SETTINGS and _has(method, axis):
                for value in values:
                    recipes.with_changes(method, _change(axis, value))
    if len({column(axis) for axis in sweep}) < len(sweep):
        raise UserError(f"sweep: two axes have one name: {', '.join(sweep)}")


def column(axis: str) -> str:
    """An axis's name in the table: `step_size` of `method.step_size`."""
    return axis.removeprefix("method.")


def merged(first: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """Changes of a recipe, later ones above earlier ones, `method` merged by field."""
    found = dict(first)
    for other in others:
        inside = found.get("method", {}) | other.get("method", {})
        found = found | other | ({"method": inside} if inside else {})
    return found


def _named(name: str, method: str, dataset: str) -> dict[str, Any]:
    if name == "default":
        return {}
    if name == "tuned":
        return tuned_changes(method, dataset)
    if Path(name).suffix == ".json":
        return tuned_changes(method, dataset, Path(name))
    raise unknown("variant", name, ["default", "tuned", "a .json file of tuned recipes"])


def _change(axis: str, value: Any) -> dict[str, Any]:
    inside, _, name = axis.rpartition(".")
    return {inside: {name: value}} if inside else {name: value}


def _has(method: str, axis: str) -> bool:
    return method not in ROLES and axis in _fields(method)


def _fields(method: str) -> list[str]:
    """What of a method's recipe can be swept, `method.` before the method's own."""
    recipe = recipes.as_dict(recipes.RECIPES[method])
    own = [f"method.{name}" for name in recipe.pop("method") if name != "class"]
    return [*recipe, *own]
