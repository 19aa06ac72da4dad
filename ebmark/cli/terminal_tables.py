"""Tables that commands print on the terminal."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from rich.markup import escape
from rich.table import Table

from ebmark.cli.terminal import fits, say, show
from ebmark.statistics import LEVEL, Summary, final_values, other_level, summary
from ebmark.store import table
from ebmark.store.schema import load_study
from ebmark.store.units import DATA_UNITS, ROBUST_UNITS, distance_unit

if TYPE_CHECKING:
    from ebmark.datasets import DataSource
    from ebmark.metrics.columns import ColumnComparison

# columns that are printed
_MAX_COLUMNS = 20
# in the order of importance: the last ones are left out on a narrow terminal
_SUMMARY_METRICS = ("kl", "nll", "w1_langevin", "w1_exact", "train_cpu_seconds", "w2_langevin")


def print_summary(folder: Path) -> None:
    """Print the medians over seeds, one table per dataset, with null ranges and diverged runs."""
    study, results = table.with_entries(load_study(folder), table.read(folder))
    configurations = list(dict.fromkeys(run["method"] for run in study["runs"].values()))
    for dataset in study["datasets"]:
        rows = pd.DataFrame(results.loc[results["dataset"] == dataset])
        null_ranges = study["null_ranges"].get(dataset, {})
        unit = distance_unit(study)
        stored = set(rows["metric"])
        # KL is NLL minus the entropy of the target, so that NLL says nothing more.
        names = [m for m in _SUMMARY_METRICS if m in stored and not (m == "nll" and "kl" in stored)]
        tables = [
            _summary_table(dataset, rows, configurations, null_ranges, unit, names[:num])
            for num in range(len(names), 0, -1)
        ]
        num_left_out = next((i for i, printed in enumerate(tables) if fits(printed)), 0)
        show(tables[num_left_out] if tables else _new_table(f"{dataset}: no completed run"))
        if left_out := names[len(names) - num_left_out :]:
            say(f"Left out on this narrow terminal: {', '.join(left_out)}.".replace("_", " "))
        for note in _unresolved_notes(rows, configurations):
            print(note)


def print_answer(folder: Path) -> None:
    """Print the answer to the study's question, and the test behind it."""
    # the report loads matplotlib
    from ebmark.report.page import answer

    study, results = table.with_entries(load_study(folder), table.read(folder))
    found = answer(results, study)
    say(f"{found.question} {found.sentence}")
    if found.test:
        say(found.test)


def _unresolved_notes(rows: pd.DataFrame, configurations: list[str]) -> list[str]:
    """Return what is known of KL where log Z is unresolved (d > 2)."""
    notes: list[str] = []
    for configuration in configurations:
        own = pd.DataFrame(rows.loc[rows["method"] == configuration])
        values = own.pivot_table(index="run_id", columns="metric", values="value", aggfunc="last")
        if not {"kl", "kl_lower", "kl_upper"} <= set(values.columns):
            continue
        unresolved = values.loc[values["kl"] == math.inf]
        if len(unresolved):
            lowest, highest = unresolved["kl_lower"].min(), unresolved["kl_upper"].max()
            notes.append(
                f"note: {configuration}: log Z is unresolved in {len(unresolved)} of {len(values)} "
                f"runs. Their KL lies between {lowest:.3g} and {highest:.3g} nats."
            )
    return notes


def _summary_table(
    dataset: str,
    rows: pd.DataFrame,
    configurations: list[str],
    null_ranges: dict[str, dict],
    unit: str,
    metrics: list[str],
) -> Table:
    runs = {metric: final_values(rows, dataset, metric) for metric in metrics}
    caption = f"Distances in {unit}. Null ranges are those of a single run."
    printed = _new_table(f"{dataset}: medians over seeds", caption)
    printed.add_column("method", no_wrap=True)
    for column in (*metrics, "seeds", "diverged"):
        printed.add_column(column.replace("_", " "), justify="right")
    for configuration in configurations:
        values = pd.DataFrame(rows.loc[rows["method"] == configuration])
        if values.empty:
            continue
        num_seeds = values["run_id"].nunique()
        num_diverged = values.loc[values["status"] == "diverged", "run_id"].nunique()
        medians = [
            _median_text(summary(runs[metric].get(configuration, ())), num_diverged)
            for metric in metrics
        ]
        printed.add_row(
            escape(configuration),
            *medians,
            str(num_seeds),
            str(num_diverged or "-"),
        )
    printed.add_section()
    ranges = [_range(null_ranges.get(metric.rsplit("_", 1)[0])) for metric in metrics]
    printed.add_row("null range", *ranges, "", "")
    return printed


def _median_text(stats: Summary, num_diverged: int) -> str:
    """Return a median, or why there is none: most runs diverged, or have no value."""
    if math.isinf(stats.median):
        return "unresolved" if stats.diverged > num_diverged else "diverged"
    return "-" if math.isnan(stats.median) else f"{stats.median:.3g}"


def print_checks(checks: Sequence[tuple[str, str, str, bool]], method: str) -> None:
    """Print checks: what is checked, the result, the expected result, and whether they agree."""
    printed = _new_table(f"{method}: checks")
    printed.add_column("check")
    printed.add_column("result", justify="right")
    printed.add_column("expected")
    printed.add_column("")
    for what, result, expected, has_passed in checks:
        printed.add_row(what, result, expected, "ok" if has_passed else "FAILED")
    show(printed)


def print_tuned(tuned: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Print tuned recipes by method and dataset, with the default's score at the same budget."""
    printed = _new_table("tuned recipes: medians over the tuning seeds")
    for column in ("method", "dataset", "tuned", "default", "recipe"):
        is_text = column in ("method", "dataset", "recipe")
        printed.add_column(column, justify="left" if is_text else "right")
    for column in ("updates", "trials", "diverged"):
        printed.add_column(column, justify="right")
    for method, datasets in tuned.items():
        for dataset, entry in datasets.items():
            made = entry["made"]
            default = made["score_of_default"]
            printed.add_row(
                escape(method),
                escape(dataset),
                f"{made['score']:.3g}",
                "diverged" if default is None else f"{default:.3g}",
                _describe_changes(entry["changes"]),
                str(entry["changes"]["num_updates"]),
                str(len(made["trials"])),
                str(made["diverged"]),
            )
    show(printed)


def _describe_changes(changes: dict[str, Any]) -> str:
    """Return the changed fields of a recipe, without the number of updates."""
    fields = {key: value for key, value in changes.items() if key not in ("num_updates", "method")}
    fields.update(changes.get("method", {}))
    return ", ".join(f"{key} {value:g}" for key, value in fields.items())


def print_parts(
    parts: Sequence[tuple[str, list[str], list[list[str]]]], notes: Sequence[Any]
) -> None:
    """Print tables of text, each as title, heads and rows, then the notes on them."""
    for title, heads, rows in parts:
        printed = _new_table(title)
        for column, head in enumerate(heads):
            printed.add_column(escape(head), justify="right" if column else "left")
        for row in rows:
            printed.add_row(*map(escape, row))
        show(printed)
    for note in notes:
        print(note)


def unit_of(source: "DataSource") -> str:
    """Return the unit of distances between samples of a data source."""
    is_user_data = hasattr(source, "metric_units")
    return ROBUST_UNITS if is_user_data else DATA_UNITS


def print_scores(
    scores: Sequence[tuple[str, float, Mapping[str, Any] | None]], title: str, unit: str
) -> None:
    """Print metrics as name, value and null range, and the unit of their distances."""
    printed = _new_table(title, f"Distances in {unit}.")
    printed.add_column("metric")
    printed.add_column("value", justify="right")
    printed.add_column("null range (95%)", justify="right")
    for metric, value, null_range in scores:
        text = "unresolved" if math.isinf(value) else f"{value:.4g}"
        printed.add_row(metric, text, _range(null_range))
    show(printed)


class Likelihood(NamedTuple):
    """The mean log-likelihood of held-out points under a density.

    `error` is that of its log Z, infinite where log Z is unresolved; `is_better` says whether it
    is significantly higher than that of the model.
    """

    name: str
    value: float
    error: float = 0.0
    is_better: bool = False


def print_likelihoods(model: Likelihood, others: Sequence[Likelihood], points: str) -> None:
    """Print the log-likelihood of points under a model and baselines, and which has more."""
    printed = _new_table(f"mean log-likelihood of {points}, in nats")
    printed.add_column("density")
    printed.add_column("log-likelihood", justify="right")
    for likelihood in (model, *others):
        text = f"{likelihood.value:.4g}"
        if not math.isfinite(likelihood.value) or math.isinf(likelihood.error):
            text = "unresolved"
        elif likelihood.error:
            text += f" ± {likelihood.error:.2g}"
        printed.add_row(escape(likelihood.name), text)
    show(printed)
    better = [other for other in others if other.is_better]
    if better:
        best = max(better, key=lambda other: other.value)
        print(f"note: {best.name} has a higher log-likelihood than {model.name}: use it instead,")
        print("      or train with more data, another method or other settings.")


def print_columns(comparison: "ColumnComparison") -> None:
    """Print W1 of each column with its null range and what differs, and rank correlations.

    Of many columns, those farthest above their null range are printed.
    """
    scores = comparison.columns
    if len(scores) > _MAX_COLUMNS:
        order = sorted(scores, key=lambda score: score.null_range["high"] - score.w1)
        scores = order[:_MAX_COLUMNS]
    title = "each column"
    if len(scores) < len(comparison.columns):
        title = f"{len(scores)} of {len(comparison.columns)} columns"
    caption = "By chance, 2.5% of columns are above their range."
    printed = _new_table(title, caption)
    for head in ("column", "W1 (SD)", "null range (95%)", "what differs"):
        printed.add_column(head, justify="right" if head[0] in "Wn" else "left")
    for score in scores:
        words = "; ".join(score.findings)
        printed.add_row(escape(score.column), f"{score.w1:.3g}", _range(score.null_range), words)
    show(printed)
    if not comparison.correlations:
        return
    largest = _range(comparison.correlations[0].null_range)
    caption = f"Null range (95%) of the largest absolute difference of all pairs: {largest}."
    printed = _new_table("strongest differences of rank correlation", caption)
    for head in ("columns", "samples", "target", "difference"):
        printed.add_column(head, justify="left" if head == "columns" else "right")
    for pair in comparison.correlations:
        difference = pair.value - pair.target
        numbers = (pair.value, pair.target, difference)
        name = escape(" and ".join(pair.columns))
        printed.add_row(name, *(f"{number:+.2f}" for number in numbers))
    show(printed)


def _new_table(title: str, caption: str | None = None) -> Table:
    """Return an empty table; names in the title are no markup."""
    return Table(title=escape(title), title_justify="left", caption=caption, caption_justify="left")


def _range(null_range: Mapping[str, Any] | None) -> str:
    if not null_range:
        return ""
    ends = f"{null_range['low']:.3g} to {null_range['high']:.3g}"
    return ends + other_level(null_range.get("level", LEVEL))
