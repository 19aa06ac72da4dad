"""Quality at equal budgets, and the time to a target: tables and words, from one training each."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from ebmark.report.page._comparisons import Sheet
from ebmark.report.page._numbers import DASH, brief, decimals, number
from ebmark.report.page._tables import LAST, Cell, sortable
from ebmark.statistics import (
    BUDGETS,
    AtBudget,
    Curve,
    at_equal_budget,
    curves,
    role,
    time_to_target,
    without_axes,
)

_SHARES = (0.25, 1.0)
_UNITS = {
    "num_updates": "updates",
    "network_evaluations": "network evaluations",
    "train_cpu_seconds": "CPU s",
}


def trainings(
    study: Mapping[str, Any],
    table: pd.DataFrame,
    datasets: Sequence[str],
    entries: Sequence[str],
    swept: bool,
) -> dict[str, tuple[str, dict[str, Curve]]]:
    """The curves of quality against cost: snapshots, or whole trainings of a swept budget."""
    if not swept:
        return curves(table, datasets, entries)
    if study["axes"] != ["network_evaluations"]:
        return {}
    names = {entry: without_axes(entry) for entry in table["method"].unique()}
    table = table.assign(method=[names[entry] for entry in table["method"]])
    return curves(table, datasets, list(dict.fromkeys(names.values())), finished=True)


def budgets(found: Mapping[str, tuple[str, dict[str, Curve]]]) -> list[dict[str, Any]]:
    """For each dataset its words and its table."""
    return [
        {
            "name": dataset,
            "words": _words(one) if len(one) > 1 else [],
            "table": _sheet(one, metric),
        }
        for dataset, (metric, one) in found.items()
    ]


def _sheet(curves: dict[str, Curve], metric: str) -> Sheet:
    heads, columns = ["entry"], []
    for cost in BUDGETS:
        for share in _SHARES:
            budget, reached = at_equal_budget(curves, cost, share)
            heads.append(f"{_budget(budget, cost)}")
            columns.append(reached)
    places = decimals([one.over_seeds.median for c in columns for one in c.values()], 2)
    marked = not any(one.finished for one in curves.values())  # else all have ended
    targets = _targets(curves) if metric == "kl" else []
    heads += [f"s to {target:g}" for target in targets]
    rows = []
    for entry, one in curves.items():
        cells = [_reached(column.get(entry), places, marked) for column in columns]
        cells += [_passage(one, target) for target in targets]
        rows.append((entry, cells))
    return Sheet(heads, rows)


def _budget(budget: float, cost: str) -> str:
    amount = f"{budget:.2g}" if cost == "train_cpu_seconds" else number(round(budget), 0)
    return f"{amount} {_UNITS[cost]}"


def _reached(one: AtBudget | None, places: int, marked: bool) -> Cell:
    if one is None:
        return Cell(DASH, LAST, "", "its first snapshot costs more")
    s = one.over_seeds
    value = sortable(s.median)
    kind = "lost" if math.isinf(s.median) else "best" if one.whole and marked else ""
    title = f"at update {one.step:,}, {100 * one.spent:.0f} % of the budget"
    title += "; the whole training" if one.whole else ""
    return Cell(number(s.median, places), value, kind, title)


def _passage(one: Curve, target: float) -> Cell:
    seconds, there, of = time_to_target(one, target)
    if math.isinf(seconds):
        said = "never" if there == 0 else f"{there} of {of}"
        return Cell(said, LAST, "mean", f"{there} of {of} runs got there")
    missed = f" ({there} of {of})" if there < of else ""
    return Cell(f"{seconds:.2g}{missed}", seconds, "", f"{there} of {of} runs got there")


def _targets(curves: dict[str, Curve]) -> list[float]:
    """Three round numbers that the best methods reach: 1, 2, 5, 10, ..."""
    ends = [_at_the_end(one) for e, one in curves.items() if role(e) is None]
    best = min((v for v in ends if 0 < v < math.inf), default=None)
    if best is None:
        return []
    steps = [m * 10.0**k for k in range(-6, 3) for m in (1, 2, 5)]
    return [float(f"{v:.0e}") for v in steps if v >= best][:3]


def _at_the_end(one: Curve) -> float:
    """The median over seeds at the end."""
    return at_equal_budget({"": one}, "num_updates")[1][""].over_seeds.median


def _words(curves: dict[str, Curve]) -> list[Markup]:
    """The order of the methods for each kind of budget, and whether it depends on that."""
    said, orders = [], {}
    for cost in BUDGETS:
        budget, reached = at_equal_budget(curves, cost)
        methods = {e: r.over_seeds.median for e, r in reached.items() if role(e) is None}
        order = sorted(methods, key=lambda e: (methods[e], e))
        orders[cost] = order
        if not order:
            continue
        first = Markup(", ").join(
            Markup("<b>{}</b> {}").format(e, _value(methods[e])) for e in order[:4]
        )
        more = f" and {len(order) - 4} more" if len(order) > 4 else ""
        words = Markup("At {}: {}{}.")
        said.append(words.format(_budget(budget, cost), first, more))
    leaders = {order[0] for order in orders.values() if order}
    same = len({tuple(order) for order in orders.values()}) == 1
    if same:
        said.append(Markup("The order is the same for all three budgets."))
    elif len(leaders) == 1:
        said.append(Markup("The first is the same for all three; the order of the others is not."))
    else:
        said.append(Markup("Which method is first depends on what is counted."))
    return said


def _value(value: float) -> str:
    return brief(value) if math.isfinite(value) else "diverged"
