"""What Langevin's step alone does to the learned energies: a table and words for each dataset."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ebmark.report.page._comparisons import Sheet
from ebmark.report.page._numbers import brief, decimals, number
from ebmark.report.page._tables import Cell

_SURE = 3  # standard errors within which the limit and the truth agree


def step_biases(
    found: Mapping[str, Mapping[str, Mapping[str, Any]]], datasets: Sequence[str]
) -> list[dict[str, Any]]:
    """For each dataset that was measured its words and its table."""
    return [
        {"name": name, "words": _words(found[name]), "table": _sheet(found[name])}
        for name in datasets
        if found.get(name)
    ]


def _sheet(entries: Mapping[str, Mapping[str, Any]]) -> Sheet:
    heads = ["entry", "step h", "at h", "at h/2", "at h/4", "step 0 less exact", "seed"]
    places = decimals([min(map(abs, one["biases"])) for one in entries.values()], 2)
    rows = []
    for entry, one in entries.items():
        cells = [Cell(f"{one['steps'][0]:.3g}", one["steps"][0])]
        for bias, error in zip(one["biases"], one["bias_errors"], strict=True):
            cells.append(_with_error(bias, error, places))
        left = one["limit"] - one["exact"]
        cells.append(_with_error(left, _error(one), places, "" if _agrees(one) else "lost"))
        rows.append((entry, [*cells, Cell(str(one["seed"]), one["seed"])]))
    return Sheet(heads, rows)


def _with_error(value: float, error: float, places: int, kind: str = "") -> Cell:
    return Cell(f"{number(value, places)} \u00b1 {number(error, places)}", value, kind)


def _error(one: Mapping[str, Any]) -> float:
    return math.hypot(one["limit_error"], one["exact_error"])


def _agrees(one: Mapping[str, Any]) -> bool:
    return abs(one["limit"] - one["exact"]) < _SURE * _error(one)


def _words(entries: Mapping[str, Mapping[str, Any]]) -> list[Markup]:
    first = {entry: one["biases"][0] for entry, one in entries.items()}
    order = sorted(first, key=lambda entry: first[entry])
    low, high = order[0], order[-1]
    words = (
        "Started at exact samples, chains of the study\u2019s step end with a mean energy that is "
        "off by {}"
    )
    said = [Markup(words).format(_nats(first[low]))]
    if low != high:
        said[0] += Markup(" (<b>{}</b>) to {} (<b>{}</b>)").format(low, _nats(first[high]), high)
    said[0] += Markup(" nats: the step\u2019s own doing, whatever the method.")
    astray = [entry for entry, one in entries.items() if not _agrees(one)]
    if astray:
        listed = ", ".join(astray)
        words = (
            "At step 0 it is not the exact one for {}: the step is too long to extrapolate from."
        )
        said.append(Markup(words).format(listed))
    else:
        words = "Extrapolated to step 0 it is the exact one, within {} standard errors, for all."
        said.append(Markup(words).format(_SURE))
    return said


def _nats(value: float) -> str:
    return ("+" if value > 0 else "") + brief(value)
