"""A results folder is a submission: it is checked, and then ranked with the others."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
import pandas as pd

from ebmark import markdown, table
from ebmark.datasets import DATASETS
from ebmark.errors import UserError, shown
from ebmark.files import write_whole
from ebmark.markdown import escaped
from ebmark.sources import Law
from ebmark.statistics import final, ranks, role, summary, verdicts
from ebmark.stored import read_plan
from ebmark.study import TUNING_SEEDS, cell_name

# what must be equal on a dataset for two runs to be of one contest
_PROTOCOL = ("law", "num_train", "num_samples", "transport_points", "langevin", "energy")
_KEYS = ("dataset", "method", "recipe", "seed")
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


class Submission(NamedTuple):
    """A folder that was checked: its table, with entries for methods, and its cells' specs."""

    name: str
    table: pd.DataFrame
    plan: dict[str, dict]


def checked(folder: Path) -> Submission:
    """The submission in a folder. Raises UserError with the first reason why it is none."""
    _, rows = table.load_study(folder), table.read(folder)
    plan = _plan(folder)
    for name, spec in plan.items():
        if cell_name(spec) != name:
            raise UserError(f"{folder}: the cell {name} is not that of its spec: it was changed")
        if spec["dataset"] not in DATASETS or spec["points"] is not None:
            raise UserError(
                f"{folder}: {spec['dataset']} is no built-in law: it cannot be compared"
            )
        if spec["law"] != Law(spec["dataset"]).fingerprint:
            raise UserError(f"{folder}: its {spec['dataset']} is another law than this version's")
        if spec["seed"] >= TUNING_SEEDS:
            raise UserError(f"{folder}: the cell {name} reports the tuning seed {spec['seed']}")
    _check_seeds(folder, plan)
    _check_rows(folder, rows, plan)
    entries = [table.entry(m, r) for m, r in zip(rows["method"], rows["recipe"], strict=True)]
    return Submission(folder.resolve().name, rows.assign(method=entries), plan)


def _plan(folder: Path) -> dict[str, dict]:
    plan = read_plan(folder)
    if not plan:
        raise UserError(f"{folder / 'plan.json'}: not a study's plan: it has no cells")
    return plan


def _check_seeds(folder: Path, plan: dict[str, dict]) -> None:
    seeds: dict[tuple, set[int]] = {}
    for spec in plan.values():
        seeds.setdefault((spec["dataset"], spec["method"], spec["recipe"]), set()).add(spec["seed"])
    most = max(len(found) for found in seeds.values())
    for (dataset, method, recipe), found in seeds.items():
        if found != set(range(most)):
            lacking = sorted(set(range(most)) - found)
            entry = table.entry(method, recipe)
            raise UserError(f"{folder}: {entry} on {dataset} lacks the seeds {lacking} of {most}")


def _check_rows(folder: Path, rows: pd.DataFrame, plan: dict[str, dict]) -> None:
    """The table is that of the plan, whole, and of the cells where they are there."""
    there = set(rows["cell"])
    if missing := [name for name in plan if name not in there]:
        raise UserError(
            f"{folder}: {len(missing)} of {len(plan)} runs are not in the table, such as "
            f"{missing[0]}; the same `ebmark run` ends them"
        )
    if strange := sorted(there - set(plan)):
        raise UserError(f"{folder}: the table's cell {strange[0]} is not in the plan")
    for values in rows[["cell", *_KEYS]].drop_duplicates().itertuples(index=False):
        cell, *what = values
        if what != [plan[cell][key] for key in _KEYS]:
            raise UserError(
                f"{folder}: the table says {what} of the cell {cell}, its spec does not"
            )
    made = table.collect(folder, plan)
    for cell, ours in made.groupby("cell"):
        theirs = rows[rows["cell"] == cell]
        same = len(ours) == len(theirs) and np.array_equal(
            ours["value"].to_numpy(float), theirs["value"].to_numpy(float), equal_nan=True
        )
        if not same or list(ours["metric"]) != list(theirs["metric"]):
            raise UserError(f"{folder}: the table's numbers of the cell {cell} are not the cell's")


def leaderboard(folders: tuple[Path, ...], metric: str, against: str | None) -> tuple[list, list]:
    """(title, heads, rows) of each contest and of the ranks over all; and notes.

    A contest is a dataset under one protocol: what differs in it is never ranked together. A folder
    that is no submission is refused in the notes; UserError where none is left.
    """
    submissions, refused = [], []
    for folder in folders:
        try:
            submissions.append(checked(folder))
        except UserError as error:
            refused.append(error)
    if not submissions:
        raise refused[0]
    whole = _together(submissions)
    datasets, entries = (list(dict.fromkeys(whole[key])) for key in ("dataset", "method"))
    if against is not None and against not in entries:
        alike = [entry for entry in entries if entry.partition(", ")[0] == against]
        named = " or ".join(f'"{shown(entry)}"' for entry in alike or entries[:20])
        several = "several entries are called so" if alike else "no entry is called so"
        raise UserError(f"--against {shown(against)}: {several}; choose {named}")
    judged = verdicts(whole, datasets, entries, metric, against) if against else []
    by_place = {(one.dataset, one.entry): one for one in judged}
    parts = []
    for dataset in datasets:
        found = {entry: summary(one) for entry, one in final(whole, dataset, metric).items()}
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
        where = [contests[cell] for cell in one.table["cell"]]
        tables.append(one.table.assign(method=labels, dataset=where))
    return pd.concat(tables, ignore_index=True)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else "diverged" if math.isinf(value) else f"{value:.3g}"


def _said(verdict) -> str:
    if verdict is None:
        return "-"
    if math.isnan(verdict.adjusted):
        return "too few seeds"
    if not verdict.different:
        return f"not told apart (p = {verdict.adjusted:.2g})"
    return f"{'lower' if verdict.lower else 'higher'} (p = {verdict.adjusted:.2g})"


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
