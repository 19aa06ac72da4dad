"""A results folder is a submission: it is checked, and then ranked with the others."""

import json
import math
from pathlib import Path

import jinja2
import pandas as pd

from ebmark.errors import UserError, shown
from ebmark.report import markdown
from ebmark.report.markdown import escaped
from ebmark.statistics import compare_to_reference, final_values, ranks, role, summary
from ebmark.store.submission import Submission
from ebmark.system.writing import write_whole

# what must be equal on a dataset for two runs to be of one contest
_PROTOCOL = (
    "dataset_fingerprint",
    "num_train",
    "num_samples",
    "num_metric_samples",
    "langevin",
    "energy",
)

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Leaderboard</title>
<style>body { font: 16px/1.5 serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .2em .8em; text-align: right }
td:first-child, th:first-child { text-align: left } tr { border-bottom: 1px solid #ddd }</style>
<h1>Leaderboard</h1>
{% for title, heads, rows in parts %}<h2>{{ title }}</h2>
<table><tr>{% for head in heads %}<th>{{ head }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endfor %}{% for note in notes %}<p>{{ note }}</p>
{% endfor %}</html>
"""


def leaderboard(
    submissions: list[Submission], refused: list[UserError], metric: str, against: str | None
) -> tuple[list, list]:
    """(title, heads, rows) of each contest and of the ranks over all; and notes.

    A contest is a dataset under one protocol: what differs in it is never ranked together. What
    was refused is in the notes.
    """
    whole = _together(submissions)
    datasets, entries = (list(dict.fromkeys(whole[key])) for key in ("dataset", "method"))
    if against is not None and against not in entries:
        alike = [entry for entry in entries if entry.partition(", ")[0] == against]
        named = " or ".join(f'"{shown(entry)}"' for entry in alike or entries[:20])
        several = "several entries are called so" if alike else "no entry is called so"
        raise UserError(f"--reference {shown(against)}: {several}; choose {named}")
    judged = compare_to_reference(whole, datasets, entries, metric, against) if against else []
    by_place = {(one.dataset, one.entry): one for one in judged}
    parts = []
    for dataset in datasets:
        found = {entry: summary(one) for entry, one in final_values(whole, dataset, metric).items()}
        if not found:
            continue
        order = sorted(found, key=lambda e: (role(e) is not None, found[e].median, e))
        rows = []
        for place, entry in enumerate(order, 1):
            s, verdict = found[entry], by_place.get((dataset, entry))
            rows.append(
                [entry, role(entry) or str(place), f"{s.n - s.diverged} of {s.n}"]
                + [_number(s.median), f"{_number(s.median_low)} to {_number(s.median_high)}"]
                + ([_said(verdict)] if against else [])
            )
        heads = ["entry", "place", "runs ended", metric, "95 % of the median"]
        parts.append((dataset, heads + ([f"against {against}"] if against else []), rows))
    if not parts:
        raise UserError(f"--metric {metric}: never measured")
    ranked = ranks(whole, datasets, entries, metric)
    names = ", ".join(one.name for one in submissions)
    notes = [f"Submissions: {names}. The unit is the seed; a diverged run is the worst."]
    notes += [f"Refused: {error}." for error in refused]
    if ranked is not None:
        rows = [[e, f"{m:.2f}"] for e, m in zip(ranked.entries, ranked.mean, strict=True)]
        parts.append((f"Mean rank over {len(ranked.datasets)} datasets", ["entry", "rank"], rows))
        if ranked.enough:
            close = f"mean ranks less than {ranked.critical:.2f} apart are not told apart"
            notes.append(f"Friedman's test: p = {ranked.p:.2g}; {close}.")
        else:
            notes.append("Below 6 datasets no difference of mean ranks is tested.")
    return parts, notes


def _contests(submissions: list[Submission]) -> dict[str, str]:
    """Cell -> its contest: the dataset, and, where that stands under several protocols, which."""
    specs = {name: spec for one in submissions for name, spec in one.plan.items()}
    protocols: dict[str, dict[str, dict]] = {}
    for spec in specs.values():
        own = {key: spec[key] for key in _PROTOCOL}
        protocols.setdefault(spec["dataset"], {})[json.dumps(own, sort_keys=True)] = own
    found = {}
    for name, spec in specs.items():
        others = list(protocols[spec["dataset"]].values())
        unequal = [key for key in _PROTOCOL if any(spec[key] != one[key] for one in others)]
        says = [_says(key, spec[key]) for key in unequal]
        found[name] = ", ".join([spec["dataset"], *says])
    return found


def _says(key: str, value) -> str:
    if isinstance(value, dict):
        value = " ".join(f"{k.replace('_', ' ')} {v}" for k, v in value.items())
    return f"{key.replace('_', ' ')} {value}"


def _together(submissions: list[Submission]) -> pd.DataFrame:
    """One table of contests; an entry that two submissions have is told by its folder."""
    names = [set(one.table["method"]) for one in submissions]
    contests = _contests(submissions)
    tables = []
    for one, own in zip(submissions, names, strict=True):
        twice = {entry for entry in own if sum(entry in other for other in names) > 1}
        labels = [f"{e}, {one.name}" if e in twice else e for e in one.table["method"]]
        where = [contests[cell] for cell in one.table["run_id"]]
        tables.append(one.table.assign(method=labels, dataset=where))
    return pd.concat(tables, ignore_index=True)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else "diverged" if math.isinf(value) else f"{value:.3g}"


def _said(verdict) -> str:
    if verdict is None:
        return "-"
    if math.isnan(verdict.adjusted):
        return "too few seeds"
    if not verdict.is_significant:
        return f"not told apart (p = {verdict.adjusted:.2g})"
    return f"{'lower' if verdict.is_lower else 'higher'} (p = {verdict.adjusted:.2g})"


def write_page(path: Path, parts: list, notes: list[str]) -> None:
    """The leaderboard as one page: Markdown, or HTML by the file's ending."""
    if path.suffix == ".html":
        template = jinja2.Environment(autoescape=True).from_string(_PAGE)
        write_whole(path, template.render(parts=parts, notes=notes))
        return
    lines = ["# Leaderboard", ""]
    for title, heads, rows in parts:
        cells = [[escaped(cell) for cell in row] for row in (heads, *rows)]
        lines += [f"## {escaped(title)}", "", *markdown.table(cells[0], cells[1:]), ""]
    write_whole(path, "\n".join([*lines, *map(escaped, notes)]) + "\n")
