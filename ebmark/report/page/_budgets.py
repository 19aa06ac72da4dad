"""Equal budgets: the metric at a common budget, and the time to a target, from saved snapshots."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from ebmark.report.page._cells import LAST, Block, Cell, Sheet, sortable
from ebmark.report.page._numbers import DASH, count_decimals, format_brief, format_number
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

_FRACTIONS = (0.25, 1.0)  # of the largest common budget
_MAX_NAMED = 4  # methods named per budget
_NUM_TARGETS = 3
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
    is_sweep: bool,
) -> dict[str, tuple[str, dict[str, Curve]]]:
    """Collect the metric against cost: snapshots, or completed trainings of a swept budget.

    Returns:
        Dataset -> its metric, and the curve of each configuration.
    """
    if not is_sweep:
        return curves(table, datasets, entries)
    if study["axes"] != ["network_evaluations"]:
        return {}
    names = {entry: without_axes(entry) for entry in table["method"].unique()}
    table = table.assign(method=[names[entry] for entry in table["method"]])
    return curves(table, datasets, list(dict.fromkeys(names.values())), finished=True)


def build_budgets(costs: Mapping[str, tuple[str, dict[str, Curve]]]) -> list[Block]:
    """Describe the metric at equal budgets: sentences and a table per dataset."""
    blocks = []
    for dataset, (metric, by_entry) in costs.items():
        sentences = _sentences(by_entry) if len(by_entry) > 1 else []
        blocks.append(Block(dataset, sentences, _sheet(by_entry, metric)))
    return blocks


def _sheet(by_entry: dict[str, Curve], metric: str) -> Sheet:
    heads = ["configuration"]
    columns: list[dict[str, AtBudget]] = []
    for cost in BUDGETS:
        for fraction in _FRACTIONS:
            budget, reached = at_equal_budget(by_entry, cost, fraction)
            heads.append(_describe_budget(budget, cost))
            columns.append(reached)
    medians = [at.over_seeds.median for column in columns for at in column.values()]
    decimals = count_decimals(medians, 2)
    # if all trainings are completed ones, there is nothing to mark
    is_marked = not any(curve.finished for curve in by_entry.values())
    targets = _choose_targets(by_entry) if metric == "kl" else []
    heads += [f"s to {target:g}" for target in targets]
    rows = []
    for entry, curve in by_entry.items():
        cells = [_budget_cell(column.get(entry), decimals, is_marked) for column in columns]
        cells += [_time_cell(curve, target) for target in targets]
        rows.append((entry, cells))
    return Sheet(heads, rows)


def _describe_budget(budget: float, cost: str) -> str:
    if cost == "train_cpu_seconds":
        return f"{budget:.2g} {_UNITS[cost]}"
    return f"{format_number(round(budget), 0)} {_UNITS[cost]}"


def _budget_cell(at: AtBudget | None, decimals: int, is_marked: bool) -> Cell:
    if at is None:
        return Cell(DASH, LAST, "", "the first snapshot exceeds the budget")
    median = at.over_seeds.median
    kind = ""
    if math.isinf(median):
        kind = "diverged"
    elif at.whole and is_marked:
        kind = "best"
    title = f"at update {at.step:,}, {100 * at.spent:.0f}% of the budget"
    if at.whole:
        title += "; training completed"
    return Cell(format_number(median, decimals), sortable(median), kind, title)


def _time_cell(curve: Curve, target: float) -> Cell:
    seconds, num_reached, num_runs = time_to_target(curve, target)
    title = f"reached by {num_reached} of {num_runs} runs"
    if math.isinf(seconds):
        text = f"{num_reached} of {num_runs}" if num_reached else "never"
        return Cell(text, LAST, "mean", title)
    missed = f" ({num_reached} of {num_runs})" if num_reached < num_runs else ""
    return Cell(f"{seconds:.2g}{missed}", seconds, "", title)


def _choose_targets(by_entry: dict[str, Curve]) -> list[float]:
    """Round numbers (1, 2, 5, 10, ...) that the best methods reach."""
    finals = [_final_median(curve) for entry, curve in by_entry.items() if role(entry) is None]
    reached = [value for value in finals if 0 < value < math.inf]
    if not reached:
        return []
    candidates = [factor * 10.0**power for power in range(-6, 3) for factor in (1, 2, 5)]
    return [float(f"{value:.0e}") for value in candidates if value >= min(reached)][:_NUM_TARGETS]


def _final_median(curve: Curve) -> float:
    """Median over seeds at the end of training."""
    return at_equal_budget({"": curve}, "num_updates")[1][""].over_seeds.median


def _sentences(by_entry: dict[str, Curve]) -> list[Markup]:
    """State the order of the methods for each kind of budget, and whether they agree."""
    sentences = []
    orders = []
    for cost in BUDGETS:
        budget, reached = at_equal_budget(by_entry, cost)
        medians = {e: at.over_seeds.median for e, at in reached.items() if role(e) is None}
        order = sorted(medians, key=lambda entry: (medians[entry], entry))
        orders.append(order)
        if not order:
            continue
        listed = Markup(", ").join(
            Markup("<b>{}</b> {}").format(entry, _format_median(medians[entry]))
            for entry in order[:_MAX_NAMED]
        )
        more = f", and {len(order) - _MAX_NAMED} more" if len(order) > _MAX_NAMED else ""
        sentence = Markup("At {}: {}{}.")
        sentences.append(sentence.format(_describe_budget(budget, cost), listed, more))
    return [*sentences, _agreement(orders)]


def _agreement(orders: Sequence[Sequence[str]]) -> Markup:
    leaders = {order[0] for order in orders if order}
    if all(order == orders[0] for order in orders):
        return Markup("The order is the same for all three budgets.")
    if len(leaders) == 1:
        return Markup(
            "The lowest is the same for all three budgets, the order of the others is not."
        )
    return Markup("Which method is lowest depends on the kind of budget.")


def _format_median(value: float) -> str:
    return format_brief(value) if math.isfinite(value) else "diverged"
