"""The recipes of a study as a table."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Recipes(NamedTuple):
    """Keys that all recipes have, and rows of a name, the values of these, and the rest."""

    keys: list[str]
    rows: list[tuple[str, list[str], str]]


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings into texts by dotted keys.

    Example:
        >>> flatten({"num_updates": 1000, "method": {"sigma": 0.5}})
        {'num_updates': '1,000', 'method.sigma': '0.5'}
    """
    flat: dict[str, str] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = _format_value(value)
    return flat


def _format_value(value: Any) -> str:
    if value is None:
        return "auto"
    if type(value) is int:
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def build_recipes(nested: Mapping[str, Mapping[str, Any]]) -> Recipes:
    """Put what all recipes have into columns, the rest into one text."""
    flats = {name: flatten(recipe) for name, recipe in nested.items()}
    first = next(iter(flats.values()), {})
    common = [key for key in first if all(key in flat for flat in flats.values())]
    rows = []
    for name, flat in flats.items():
        rest = [f"{key.rpartition('.')[2]} {flat[key]}" for key in flat if key not in common]
        rows.append((name, [flat[key] for key in common], ", ".join(rest)))
    return Recipes(common, rows)
