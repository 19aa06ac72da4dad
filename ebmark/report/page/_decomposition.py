"""Where the error comes from: the parts of W1 as a table and in words, of KL in words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from ebmark.report.page._comparisons import Sheet
from ebmark.report.page._numbers import brief, decimals, number
from ebmark.report.page._tables import Cell, sortable
from ebmark.statistics import ErrorSources, error_sources, final_values, role, summary


def error_sources_by_dataset(
    table: pd.DataFrame,
    datasets: Sequence[str],
    entries: Sequence[str],
    null_ranges: Mapping[str, Mapping[str, Any]],
) -> dict[str, list[ErrorSources]]:
    """The parts of W1 by dataset, where it has a floor."""
    found = {
        name: error_sources(table, name, entries, null_ranges[name]["w1"])
        for name in datasets
        if null_ranges.get(name, {}).get("w1")
    }
    return {name: one for name, one in found.items() if one}


def sources(
    table: pd.DataFrame,
    found: Mapping[str, Sequence[ErrorSources]],
    null_ranges: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """For each dataset its words and its table."""
    return [
        {
            "name": name,
            "words": [*_of_kl(table, name), *_of_w1(one, null_ranges[name]["w1"])],
            "table": _sheet(one),
        }
        for name, one in found.items()
    ]


def _sheet(found: Sequence[ErrorSources]) -> Sheet:
    columns = {"floor": [one.null_mean for one in found]}
    columns["data, network"] = [one.model for one in found]
    columns["training"] = [one.method for one in found]
    columns["sampler"] = [one.sampling for one in found]
    columns["together"] = [one.total for one in found]
    columns["reported"] = [one.langevin for one in found]
    columns["hidden"] = [one.masked or math.nan for one in found]
    shown = {name: column for name, column in columns.items() if not np.isnan(column).all()}
    if "sampler" not in shown:
        shown.pop("together", None)
    places = decimals([found[0].null_mean], 3)
    rows = [
        (one.entry, [_cell(column[i], places, name) for name, column in shown.items()])
        for i, one in enumerate(found)
    ]
    return Sheet(["entry", *shown], rows)


def _cell(value: float, places: int, column: str) -> Cell:
    if column == "hidden":
        return Cell(
            "" if math.isnan(value) else number(value, places), np.nan_to_num(value), "lost"
        )
    return Cell(number(value, places), sortable(value))


def _of_kl(table: pd.DataFrame, dataset: str) -> list[Markup]:
    """What the data and the network cost, and what each method adds, in nats."""
    medians = {e: summary(one).median for e, one in final_values(table, dataset, "kl").items()}
    oracles = [e for e in medians if role(e) == "oracle" and math.isfinite(medians[e])]
    if not oracles:
        return []
    oracle = min(oracles, key=lambda e: medians[e])
    adds = {
        e: m - medians[oracle] for e, m in medians.items() if role(e) is None and math.isfinite(m)
    }
    if not adds:
        return []
    order = sorted(adds, key=lambda e: adds[e])
    listed = Markup(", ").join(
        Markup("<b>{}</b> {}").format(e, brief(adds[e]) if adds[e] > 0 else "nothing")
        for e in order[:6]
    )
    more = f", and {len(order) - 6} others more" if len(order) > 6 else ""
    words = (
        "In nats: finite data and the network cost {} (the oracle\u2019s KL); training adds {}{}."
    )
    return [Markup(words).format(brief(medians[oracle]), listed, more)]


def _of_w1(found: Sequence[ErrorSources], floor: Mapping[str, Any]) -> list[Markup]:
    """Which energies W1 can tell from the truth, whose chains have not settled, what is hidden."""
    said = []
    unseen = [one.entry for one in found if one.exact <= floor["high"]]
    seen = [one for one in found if one.exact > floor["high"]]
    if unseen and seen:
        words = "Exact samples stand out of the floor\u2019s range for {} alone."
        said.append(Markup(words).format(_names([one.entry for one in seen])))
    elif unseen:
        words = "At {:,} points W1 tells no entry\u2019s exact samples from the truth."
        said.append(Markup(words).format(int(floor["n"])))
    measured = [one for one in found if not math.isnan(one.sampling)]
    astray = [one for one in measured if not one.is_converged]
    if not measured:
        said.append(Markup("The sampler\u2019s own error was not measured in these runs."))
    elif not astray:
        said.append(
            Markup("No entry\u2019s chains are told apart from exact samples of its energy.")
        )
    else:
        words = "The chains are told apart from exact samples of the same energy for {}."
        adds = [f"{one.entry} (W1 {brief(one.sampling)} above its floor)" for one in astray]
        said.append(Markup(words).format(_names(adds)))
    hiding = [one for one in found if one.masked > 0]
    if hiding:
        words = (
            "<b>Hidden by short chains:</b> {} would look better than the energy is: the chains, "
            "not settled, lie nearer to the truth than exact samples do, by {}."
        )
        names = _names([one.entry for one in hiding])
        amounts = _names([brief(one.masked) for one in hiding])
        said.append(Markup(words).format(names, amounts))
    return said


def _names(names: Sequence[str], most: int = 8) -> str:
    listed = list(names[:most]) + ([f"{len(names) - most} more"] if len(names) > most else [])
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " and " + listed[-1]
