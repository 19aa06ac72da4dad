"""Step-size bias of Langevin sampling on the learned energies: sentences and a table."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ebmark.report.page._cells import Block, Cell, Sheet
from ebmark.report.page._numbers import count_decimals, format_brief, format_number

_MAX_ERRORS = 3  # standard errors within which the extrapolated and the exact mean energy agree


def step_biases(
    measured: Mapping[str, Mapping[str, Mapping[str, Any]]], datasets: Sequence[str]
) -> list[Block]:
    """Describe the step-size bias on each dataset where it was measured.

    Args:
        measured: The study's `step_bias`: dataset -> configuration -> measurement.
        datasets: Datasets of the page.
    """
    return [
        Block(name, _sentences(measured[name]), _sheet(measured[name]))
        for name in datasets
        if measured.get(name)
    ]


def _sheet(entries: Mapping[str, Mapping[str, Any]]) -> Sheet:
    heads = ["configuration", "step size h", "bias at h", "bias at h/2", "bias at h/4"]
    heads += ["extrapolated \u2212 exact", "seed"]
    smallest = [min(map(abs, bias["biases"])) for bias in entries.values()]
    decimals = count_decimals(smallest, 2)
    rows = []
    for entry, bias in entries.items():
        cells = [Cell(f"{bias['steps'][0]:.3g}", bias["steps"][0])]
        for value, error in zip(bias["biases"], bias["bias_errors"], strict=True):
            cells.append(_cell(value, error, decimals))
        remainder = bias["limit"] - bias["exact"]
        kind = "" if _agrees(bias) else "diverged"
        cells.append(_cell(remainder, _error(bias), decimals, kind))
        cells.append(Cell(str(bias["seed"]), bias["seed"]))
        rows.append((entry, cells))
    return Sheet(heads, rows)


def _cell(value: float, error: float, decimals: int, kind: str = "") -> Cell:
    text = f"{format_number(value, decimals)} \u00b1 {format_number(error, decimals)}"
    return Cell(text, value, kind)


def _error(bias: Mapping[str, Any]) -> float:
    """Standard error of the difference between the extrapolated and the exact mean energy."""
    return math.hypot(bias["limit_error"], bias["exact_error"])


def _agrees(bias: Mapping[str, Any]) -> bool:
    return abs(bias["limit"] - bias["exact"]) < _MAX_ERRORS * _error(bias)


def _sentences(entries: Mapping[str, Mapping[str, Any]]) -> list[Markup]:
    biases = {entry: bias["biases"][0] for entry, bias in entries.items()}
    order = sorted(biases, key=lambda entry: biases[entry])
    lowest = order[0]
    highest = order[-1]
    bias = Markup("{} nats (<b>{}</b>)").format(_nats(biases[lowest]), lowest)
    if highest != lowest:
        bias += Markup(" to {} nats (<b>{}</b>)").format(_nats(biases[highest]), highest)
    claim = "The study\u2019s step size biases the mean energy of Langevin samples by {}."
    return [Markup(claim).format(bias), _agreement(entries)]


def _agreement(entries: Mapping[str, Mapping[str, Any]]) -> Markup:
    """State where the extrapolation to step size 0 gives the exact mean energy."""
    disagreeing = [entry for entry, bias in entries.items() if not _agrees(bias)]
    if disagreeing:
        sentence = (
            "Extrapolated to step size 0, the mean energy differs from the exact one for {}: the "
            "step size is too large for the extrapolation."
        )
        return Markup(sentence).format(", ".join(disagreeing))
    sentence = (
        "Extrapolated to step size 0, the mean energy agrees with the exact one within {} standard "
        "errors for all configurations."
    )
    return Markup(sentence).format(_MAX_ERRORS)


def _nats(value: float) -> str:
    return ("+" if value > 0 else "") + format_brief(value)
