"""Rank submissions, which are results folders that were checked."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pandas as pd

from ebmark.errors import UserError, shown
from ebmark.report import markdown
from ebmark.report.markdown import escaped
from ebmark.statistics import (
    Comparison,
    Ranks,
    Summary,
    compare_to_reference,
    final_values,
    ranks,
    role,
    summary,
)
from ebmark.store.metric_info import COSTS, UNRANKED, metric_info
from ebmark.store.submission import Submission
from ebmark.system.writing import write_whole

# What two runs on a dataset must have in common to be in one ranking group.
_PROTOCOL = (
    "dataset_fingerprint",
    "num_train",
    "num_samples",
    "num_metric_samples",
    "langevin",
    "energy",
)
_MAX_SUGGESTIONS = 20  # configurations named in an error message

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Leaderboard</title>
<style>body { font: 16px/1.5 serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .2em .8em; text-align: right }
td:first-child, th:first-child { text-align: left } tr { border-bottom: 1px solid #ddd }</style>
<h1>Leaderboard</h1>
{% for part in parts %}<h2>{{ part.title }}</h2>
<table><tr>{% for head in part.heads %}<th>{{ head }}</th>{% endfor %}</tr>
{% for row in part.rows %}<tr>{% for text in row %}<td>{{ text }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endfor %}{% for note in notes %}<p>{{ note }}</p>
{% endfor %}</html>
"""


class Part(NamedTuple):
    """A table of the leaderboard, as text: a ranking group, or the mean ranks."""

    title: str
    heads: list[str]
    rows: list[list[str]]


def leaderboard(
    submissions: Sequence[Submission],
    refused: Sequence[UserError],
    metric: str,
    reference: str | None,
) -> tuple[list[Part], list[str]]:
    """Rank the configurations of submissions.

    A ranking group is a dataset under one protocol: runs under different protocols are never
    ranked together.

    Args:
        submissions: checked results folders.
        refused: why other folders are not ranked; listed in the notes.
        metric: what is ranked, in its own direction.
        reference: the configuration that all others are tested against; None for no tests.

    Returns:
        The tables and the notes below them.

    Raises:
        UserError: if the reference is unknown or ambiguous, or the metric was not measured or has
            no better direction.
    """
    if metric in UNRANKED - COSTS:
        raise UserError(f"--metric {metric}: neither higher nor lower is better. Choose another.")
    higher_is_better = metric_info(metric).higher_is_better
    table = _join(submissions)
    groups = list(dict.fromkeys(table["dataset"]))
    configurations = list(dict.fromkeys(table["method"]))
    comparisons: dict[tuple[str, str], Comparison] = {}
    if reference is not None:
        _check_reference(reference, configurations)
        for comparison in compare_to_reference(
            table, groups, configurations, metric, reference, higher_is_better=higher_is_better
        ):
            comparisons[comparison.dataset, comparison.entry] = comparison
    parts = []
    for group in groups:
        values = final_values(table, group, metric)
        summaries = {
            configuration: summary(runs, higher_is_better=higher_is_better)
            for configuration, runs in values.items()
        }
        if summaries:
            parts.append(_rank_group(group, summaries, metric, reference, comparisons))
    if not parts:
        raise UserError(f"--metric {metric}: no run has this metric. Choose another one.")
    names = ", ".join(submission.name for submission in submissions)
    order = "highest" if higher_is_better else "lowest"
    notes = [
        f"Submissions: {names}. Ranked by the {order} median. The unit is the seed; a run that "
        "diverged or whose value is unresolved counts as the worst."
    ]
    notes += [f"Refused: {error}" for error in refused]
    mean_ranks = ranks(table, groups, configurations, metric, higher_is_better=higher_is_better)
    if mean_ranks:
        title = f"Mean rank over {len(mean_ranks.datasets)} datasets"
        pairs = zip(mean_ranks.entries, mean_ranks.mean, strict=True)
        rows = [[configuration, f"{mean:.2f}"] for configuration, mean in pairs]
        parts.append(Part(title, ["configuration", "mean rank"], rows))
        notes.append(_friedman_note(mean_ranks))
    return parts, notes


def _friedman_note(mean_ranks: Ranks) -> str:
    if not mean_ranks.enough:
        return "With fewer than 6 datasets, differences of mean ranks are not tested."
    return (
        f"Friedman test: p = {mean_ranks.p:.2g}. Mean ranks that differ by less than "
        f"{mean_ranks.critical:.2f} are not significantly different."
    )


def _check_reference(reference: str, configurations: Sequence[str]) -> None:
    if reference in configurations:
        return
    same_method = [name for name in configurations if name.partition(", ")[0] == reference]
    problem = "several configurations have this name" if same_method else "no such configuration"
    choices = same_method or configurations[:_MAX_SUGGESTIONS]
    listed = " or ".join(f"'{shown(name)}'" for name in choices)
    raise UserError(f"--reference {shown(reference)}: {problem}. Choose {listed}.")


def _rank_group(
    group: str,
    summaries: Mapping[str, Summary],
    metric: str,
    reference: str | None,
    comparisons: Mapping[tuple[str, str], Comparison],
) -> Part:
    """Order the configurations of a ranking group by their medians; oracle and baselines last."""
    heads = ["configuration", "rank", "completed runs", metric, "95% CI of the median"]
    if reference is not None:
        heads.append(f"vs. {reference}")
    sign = -1 if metric_info(metric).higher_is_better else 1
    order = sorted(
        summaries, key=lambda name: (role(name) is not None, sign * summaries[name].median, name)
    )
    rows = []
    for rank, name in enumerate(order, 1):
        values = summaries[name]
        row = [
            name,
            role(name) or str(rank),
            f"{values.n - values.diverged} of {values.n}",
            _number(values.median),
            f"{_number(values.median_low)} to {_number(values.median_high)}",
        ]
        if reference is not None:
            row.append(_significance(comparisons.get((group, name))))
        rows.append(row)
    return Part(group, heads, rows)


def _join(submissions: Sequence[Submission]) -> pd.DataFrame:
    """Return one table of all submissions, with ranking groups for datasets.

    A configuration that several submissions have is labeled by its folder.
    """
    configurations = [set(submission.table["method"]) for submission in submissions]
    groups = _ranking_groups(submissions)
    tables = []
    for submission, own in zip(submissions, configurations, strict=True):
        shared = {name for name in own if sum(name in others for others in configurations) > 1}
        labels = {name: f"{name}, {submission.name}" for name in shared}
        table = submission.table
        methods = [labels.get(name, name) for name in table["method"]]
        datasets = [groups[run] for run in table["run_id"]]
        tables.append(table.assign(method=methods, dataset=datasets))
    return pd.concat(tables, ignore_index=True)


def _ranking_groups(submissions: Sequence[Submission]) -> dict[str, str]:
    """Return the ranking group of each run: its dataset, and what distinguishes its protocol."""
    specs: dict[str, Mapping[str, Any]] = {}
    for submission in submissions:
        specs |= submission.plan
    protocols: dict[str, dict[str, Mapping[str, Any]]] = {}
    for spec in specs.values():
        protocol = {key: spec[key] for key in _PROTOCOL}
        known = protocols.setdefault(spec["dataset"], {})
        known[json.dumps(protocol, sort_keys=True)] = protocol
    groups = {}
    for name, spec in specs.items():
        others = protocols[spec["dataset"]].values()
        differing = [key for key in _PROTOCOL if any(spec[key] != other[key] for other in others)]
        settings = [_describe(key, spec[key]) for key in differing]
        groups[name] = ", ".join([spec["dataset"], *settings])
    return groups


def _describe(key: str, value: Any) -> str:
    """Return a setting as words: `langevin steps 2000 step size 0.001`."""
    text = str(value)
    if isinstance(value, dict):
        text = " ".join(f"{name.replace('_', ' ')} {item}" for name, item in value.items())
    return f"{key.replace('_', ' ')} {text}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "diverged" if math.isinf(value) else f"{value:.3g}"


def _significance(comparison: Comparison | None) -> str:
    """Return the result of a test as words; p is Holm-adjusted."""
    if comparison is None:
        return "-"
    if math.isnan(comparison.adjusted):
        return "too few seeds"
    p = f"(p = {comparison.adjusted:.2g})"
    if not comparison.is_significant:
        return f"not significant {p}"
    return f"significantly {'lower' if comparison.is_lower else 'higher'} {p}"


def write_page(path: Path, parts: Sequence[Part], notes: Sequence[str]) -> None:
    """Write the leaderboard as one page: HTML if the file ends in `.html`, else Markdown."""
    if path.suffix == ".html":
        template = jinja2.Environment(autoescape=True).from_string(_PAGE)
        write_whole(path, template.render(parts=parts, notes=notes))
        return
    lines = ["# Leaderboard", ""]
    for part in parts:
        heads = [escaped(head) for head in part.heads]
        rows = [[escaped(text) for text in row] for row in part.rows]
        lines += [f"## {escaped(part.title)}", "", *markdown.table(heads, rows), ""]
    lines += [escaped(note) for note in notes]
    write_whole(path, "\n".join(lines) + "\n")
