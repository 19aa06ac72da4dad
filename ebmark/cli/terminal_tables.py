"""What a command prints: tables in the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ebmark.statistics import summary
from ebmark.store import table
from ebmark.store.schema import load_study

_SHOWN = ("kl", "nll", "w1_exact", "w1_langevin", "w2_langevin", "train_cpu_seconds")


def print_summary(folder: Path) -> None:
    """The medians over seeds, a table per dataset, with the floors and the runs that diverged."""
    study, results = table.with_entries(load_study(folder), table.read(folder))
    entries = list(dict.fromkeys(cell["method"] for cell in study["runs"].values()))
    console = Console()
    last = results[results["step"] == results.groupby("run_id")["step"].transform("max")]
    for dataset in study["datasets"]:
        rows = last[last["dataset"] == dataset]
        shown = [metric for metric in _SHOWN if metric in set(rows["metric"])]
        shown = ["kl"] * ("kl" in shown) + [
            m for m in shown if m != "kl" and not _redundant(m, shown)
        ]
        title = f"{escape(dataset)}: medians over seeds"  # names are no markup
        printed = Table(title=title, title_justify="left")
        for column in ("method", *shown, "seeds", "diverged"):
            justify = "left" if column == "method" else "right"
            printed.add_column(
                column.replace("_", " "), justify=justify, no_wrap=column == "method"
            )
        for method in entries:
            values = rows[rows["method"] == method]
            if values.empty:
                continue
            medians = [
                f"{summary(values.loc[values['metric'] == metric, 'value'].to_numpy()).median:.3g}"
                for metric in shown
            ]
            cells = values.drop_duplicates("run_id")
            diverged = int((cells["status"] == "diverged").sum())
            printed.add_row(escape(method), *medians, str(len(cells)), str(diverged or "-"))
        floor = [study["null_ranges"].get(dataset, {}).get(m.rsplit("_", 1)[0]) for m in shown]
        ends = [f"{f['low']:.3g} to {f['high']:.3g}" if f else "" for f in floor]
        printed.add_section()
        printed.add_row("floor (truth)", *ends, "", "")
        console.print(printed)


def _redundant(metric: str, shown: list[str]) -> bool:
    return metric == "nll" and "kl" in shown


def print_checks(rows: list[tuple[str, str, str, bool]], method: str) -> None:
    """What was checked, found and wanted."""
    printed = Table(title=f"{method}: checks", title_justify="left")
    for column in ("check", "found", "wanted", ""):
        printed.add_column(column, justify="right" if column == "found" else "left")
    for what, found, wanted, passed in rows:
        printed.add_row(what, found, wanted, "ok" if passed else "FAILED")
    Console().print(printed)


def print_tuned(tuned: dict[str, dict[str, dict]]) -> None:
    """The recipes that were found, beside the default's quality at the same budget."""
    printed = Table(title="tuned recipes: medians over the tuning seeds", title_justify="left")
    columns = (
        "method",
        "dataset",
        "tuned",
        "default",
        "recipe",
        "num_updates",
        "trials",
        "diverged",
    )
    for column in columns:
        words = column in ("method", "dataset", "recipe")
        printed.add_column(column, justify="left" if words else "right")
    for method, datasets in tuned.items():
        for dataset, found in datasets.items():
            made, changes = found["made"], dict(found["changes"])
            updates = changes.pop("num_updates")
            own = changes | changes.pop("method", {})
            own.pop("method", None)
            recipe = ", ".join(f"{key} {value:g}" for key, value in own.items())
            default = made["score_of_default"]
            default = "diverged" if default is None else f"{default:.3g}"
            trials = [str(n) for n in (updates, len(made["trials"]), made["diverged"])]
            printed.add_row(
                *map(escape, (method, dataset)), f"{made['score']:.3g}", default, recipe, *trials
            )
    Console().print(printed)


def print_parts(parts: list[tuple[str, list[str], list[list[str]]]], notes: list[str]) -> None:
    """Tables as rows of text, each with its title, and what is to be said of them."""
    for title, heads, rows in parts:
        printed = Table(title=escape(title), title_justify="left")
        for i, head in enumerate(heads):
            printed.add_column(escape(head), justify="right" if i else "left")
        for row in rows:
            printed.add_row(*map(escape, row))
        Console().print(printed)
    for note in notes:
        print(note)


def print_scores(rows: Sequence[tuple[str, float, Mapping[str, Any] | None]], title: str) -> None:
    """Metrics with their floors."""
    printed = Table(title=escape(title), title_justify="left")
    for column in ("metric", "value", "floor, 95 % range"):
        printed.add_column(column, justify="left" if column == "metric" else "right")
    for metric, value, floor in rows:
        ends = f"{floor['low']:.3g} to {floor['high']:.3g}" if floor else ""
        printed.add_row(metric, f"{value:.4g}", ends)
    Console().print(printed)
