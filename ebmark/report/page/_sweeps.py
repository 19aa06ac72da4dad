"""The section on a sweep: what changed along the axes, in words, pictures and a table."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from ebmark.report import figures
from ebmark.report.page._figures import Book, Picture
from ebmark.report.page._numbers import brief, decimals, interval, number
from ebmark.report.page._tables import Cell, sortable
from ebmark.statistics import SweepPoint, sweep_points, usable
from ebmark.store.metric_info import metric_info

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_DEFAULT = ("kl", "nll")  # the first that was measured, if a study names no measure


class Sweep(NamedTuple):
    """One measure along the axes."""

    title: str
    says: str
    words: list[Markup]
    picture: Picture | None
    heads: list[str]
    rows: list[list[Cell]]


def sweeps(book: Book, study: dict[str, Any], table: pd.DataFrame) -> list[Sweep]:
    """A section's part for each measure of a study that sweeps something; none if it does not."""
    axes = [axis for axis in study.get("axes", ()) if axis in table]
    if not axes:
        return []
    about, across = study["dataset_info"], set(axes) & {"dim", "separation"}
    families = _families(about) if across else {}
    plot_metrics = (
        study.get("plot_metrics") or [m for m in _DEFAULT if (table["metric"] == m).any()][:1]
    )
    made = []
    for measure in plot_metrics:
        found = sweep_points(table, axes, measure, families)
        if found:
            made.append(_sweep(book, measure, axes, found))
    return made


def _families(about: Mapping[str, Any]) -> dict[str, str]:
    """Dataset -> the name of its family: what its members' names begin with, or its class."""
    members: dict[str, list[str]] = {}
    for name, one in about.items():
        members.setdefault(one.get("family", name), []).append(name)
    return {
        name: os.path.commonprefix(names).rstrip("_") or _CAPITAL.sub("_", family).lower()
        for family, names in members.items()
        for name in names
    }


def _sweep(book: Book, measure: str, axes: list[str], found: list[SweepPoint]) -> Sweep:
    info = metric_info(measure)
    label = info.label_with_unit
    picture = None
    if len(axes) == 1:
        picture = figures.sweep(found, axes[0], label)
    elif len(axes) == 2:
        picture = figures.sweep_map(found, (axes[0], axes[1]), label)
    alt = f"{info.label} along {' and '.join(axes)}"
    ends = [math.isfinite(spot.found.median_low) for spot in found]
    band = ["range of the seeds", "95 % of the median, or range", "95 % of the median"]
    heads = ["dataset", "method", *axes, "seeds", "diverged", "not known", "median"]
    heads.append(band[any(ends) + all(ends)])
    return Sweep(
        label,
        info.description,
        _words(found, axes, info.label),
        book.add(picture, f"sweep_{measure}", alt, lines=True),
        [head.replace("_", " ") for head in heads],
        _rows(found, axes),
    )


def _words(found: Sequence[SweepPoint], axes: list[str], name: str) -> list[Markup]:
    """For each line: where it is best, how far it stays within twice that, where it diverges."""
    said = []
    for panel, line in dict.fromkeys((s.panel, s.line) for s in found):
        here = [s for s in found if (s.panel, s.line) == (panel, line) and s.at]
        if len(here) < 2:
            continue
        lost = [s for s in here if not math.isfinite(s.found.median)]
        alive = [s for s in here if math.isfinite(s.found.median)]
        head = Markup("<b>{}</b> on {}: ").format(line, panel)
        if not alive:
            gone = (
                "not known at any point."
                if any(s.unknown for s in here)
                else "diverged throughout."
            )
            said.append(head + gone)
            continue
        best = min(alive, key=lambda s: s.found.median)
        text = head + Markup("lowest {} {} at {}").format(name, brief(best.found.median), _at(best))
        stretch = usable(here, axes[0]) if len(axes) == 1 and _is_number(best, axes[0]) else None
        if stretch is not None and stretch[0].found.median > 0:
            text += Markup("; at most twice that from {} to {}").format(
                *(_value(v) for v in stretch[1:])
            )
        else:
            worst = max(alive, key=lambda s: s.found.median)
            text += Markup("; highest {} at {}").format(brief(worst.found.median), _at(worst))
        if lost:
            where = "; ".join(_at(s) for s in lost[:6]) + (" and more" if len(lost) > 6 else "")
            kind = "is not known or diverged" if any(s.unknown for s in lost) else "diverged"
            text += Markup("; the median run {} at {}").format(kind, where)
        said.append(text + Markup("."))
    return said


def _is_number(spot: SweepPoint, axis: str) -> bool:
    return isinstance(spot.at.get(axis), int | float)


def _at(spot: SweepPoint) -> str:
    return ", ".join(f"{axis.replace('_', ' ')} {_value(v)}" for axis, v in spot.at.items())


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,g}" if abs(value) < 1e6 else f"{value / 1e6:,g}\u00a0M"


def _rows(found: Sequence[SweepPoint], axes: list[str]) -> list[list[Cell]]:
    places = decimals([spot.found.median for spot in found], 2, 6)
    rows = []
    for panel, line, at, s, ends, unknown in found:
        values = [at.get(axis) for axis in axes]
        where = [
            Cell("", None) if v is None else Cell(_value(v), None if isinstance(v, str) else v)
            for v in values
        ]
        low_high = interval(*ends, places)
        counts = (s.n, s.diverged - unknown, unknown)
        seeds = [Cell(str(count or ""), count) for count in counts]
        known = math.isfinite(s.median) or not unknown
        text = number(s.median, places, pad=True) if known else "not known"
        median = Cell(text, sortable(s.median), "median")
        rows.append([Cell(panel), Cell(line), *where, *seeds, median, Cell(low_high, kind="mean")])
    return rows
