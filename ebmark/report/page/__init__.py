"""A results folder -> report.html, one file that needs nothing else, and its figures."""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from ebmark.errors import unknown
from ebmark.report import figures
from ebmark.report.page._budgets import budgets, trainings
from ebmark.report.page._comparisons import comparisons
from ebmark.report.page._decomposition import error_sources_by_dataset, sources
from ebmark.report.page._figures import Book, Picture, data_uri, planes
from ebmark.report.page._overview import glance
from ebmark.report.page._sentences import answer, made_of
from ebmark.report.page._step_bias import step_biases
from ebmark.report.page._sweeps import sweeps
from ebmark.report.page._tables import details, flat, main, recipes
from ebmark.report.page._top_entries import leading
from ebmark.statistics import metric_of, profiles, ranks, role, without_axes
from ebmark.store.metric_info import METRICS, stem
from ebmark.store.schema import load_study
from ebmark.store.table import current, with_entries, write
from ebmark.system.writing import inside, write_whole

_HERE = Path(__file__).parent / "assets"
_COST = "Quality against updates, evaluations and CPU seconds"
_FACTORS = np.geomspace(0.8, 50, 140)  # of the best, at which profiles are drawn


def write_report(folder: Path, reference: str | None = None) -> Path:
    """Write `report.html` and `figures/` from what the folder holds, finished or not.

    Entries are compared with `reference`, or with the study's first method. The same folder gives
    the same bytes. Raises UserError where there is no such entry.
    """
    folder = Path(folder)
    study = load_study(folder)
    table, saved = current(folder, study)
    if not saved:
        write(folder, table)
    study, table = with_entries(study, table)
    entries = {cell["method"] for cell in study["runs"].values()}
    if reference is not None and reference not in entries:
        raise unknown("entry", reference, sorted(entries))
    contents = _contents(folder, study, _quick(table), reference)
    page = _environment().get_template("template.html").render(contents)
    write_whole(inside(folder, "report.html"), page)
    return folder / "report.html"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _quick(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its words as categories, which are compared far faster."""
    words = ["dataset", "method", "metric", "status"]
    return table.astype({name: "category" for name in words})


def _contents(
    folder: Path, study: dict[str, Any], table: pd.DataFrame, reference: str | None
) -> dict[str, Any]:
    """All that the template sets."""
    cells = list(study["runs"].values())
    planned = {cell["dataset"] for cell in cells}
    datasets = [d for d in dict.fromkeys([*study["datasets"], *sorted(planned)]) if d in planned]
    entries = dict.fromkeys(cell["method"] for cell in cells)
    order = [*study["methods"], *entries]
    methods = sorted(entries, key=lambda method: (role(method) is not None, order.index(method)))
    lost = table[table["status"] == "diverged"].drop_duplicates(["dataset", "method", "seed"])
    metrics = {stem(metric) for metric in table["metric"].unique()}
    swept = any("=" in cell["recipe"] for cell in cells)  # entries are points of a sweep
    shown = [] if swept else datasets
    book = Book(folder, len(shown) * (1 + len(methods)))
    apart = error_sources_by_dataset(table, shown, methods, study["null_ranges"])
    along = trainings(study, table, datasets, methods, swept)
    lines = [entry for _, found in along.values() for entry in found]
    first = leading(table, shown, methods, reference)
    return {
        "study": study,
        "swept": swept,
        "num_datasets": len(datasets),
        "sweeps": sweeps(book, study, table),
        "glance": glance(table, shown, methods),
        "first": first if len(first) < len(methods) else [],
        "sections": [
            _section(book, folder, study, table, dataset, methods, first) for dataset in shown
        ],
        "charts": _charts(book, study, table, shown, methods, first, apart)
        | {"cost": book.add(figures.cost(along, lines), "cost", _COST, lines=True)},
        "comparisons": comparisons(table, shown, methods, reference),
        "budgets": budgets(along),
        "sources": sources(table, apart, study["null_ranges"]),
        "step_biases": step_biases(study["step_bias"], shown),
        "done": table["run_id"].nunique(),
        "planned": len(cells),
        "lost": lost[["dataset", "method", "seed", "reason"]].to_dict("records"),
        "methods": [_method(study, m) for m in dict.fromkeys(map(without_axes, methods))],
        "recipes": recipes(study["recipes"]),
        "settings": flat(study["settings"]),
        "glossary": [info for metric, info in METRICS.items() if metric in metrics],
        "colours": {
            method: look[0]
            for method, look in figures.colours({*methods, *map(without_axes, methods)}).items()
        },
        "roles": {method: role(method) for method in methods if role(method)},
        "files": [
            name
            for name in ("results.csv", "results.parquet", "study.json")
            if (folder / name).exists()
        ],
        "css": (_HERE / "style.css").read_text(encoding="utf-8"),
        "js": (_HERE / "script.js").read_text(encoding="utf-8"),
    }


def _section(
    book: Book,
    folder: Path,
    study: dict[str, Any],
    table: pd.DataFrame,
    dataset: str,
    methods: list[str],
    first: list[str],
) -> dict[str, Any]:
    """One dataset: its words, tables and pictures."""
    table = table[table["dataset"] == dataset]
    cells = [cell for cell in study["runs"].values() if cell["dataset"] == dataset]
    here = [method for method in methods if any(cell["method"] == method for cell in cells)]
    seeds = {m: sum(cell["method"] == m for cell in cells) for m in here}
    null_ranges = study["null_ranges"].get(dataset, {})
    about = study["dataset_info"].get(dataset, {})
    return {
        "name": dataset,
        "title": about.get("title", "").rstrip("."),
        "entropy": about.get("entropy"),
        "answer": answer(table, dataset, here, null_ranges.get("w1")),
        "made_of": made_of(table, dataset, here),
        "table": main(table, dataset, here, study["method_info"], null_ranges, seeds),
        "details": details(table, dataset, here, null_ranges),
        **planes(book, folder, study, table, dataset, here, first),
    }


def _charts(
    book: Book,
    study: dict[str, Any],
    table: pd.DataFrame,
    datasets: list[str],
    methods: list[str],
    first: list[str],
    apart: dict[str, Any],
) -> dict[str, Picture | None]:
    steps, metric = study["settings"].get("langevin_steps"), metric_of(table, datasets)
    ranked = ranks(table, datasets, methods, metric) if metric else None
    within = profiles(table, datasets, methods, "kl", _FACTORS)
    drawn = {
        "sources": (
            figures.sources(
                {name: [p for p in one if p.entry in first] for name, one in apart.items()}, first
            ),
            "The parts of W1: floor, data, training, sampler",
        ),
        "profile": (
            figures.profile(within, _FACTORS, methods),
            "The share of runs within a factor of the best",
        ),
        "ranks": (figures.critical(ranked), "Mean ranks, and which are not told apart"),
        "anatomy": (figures.anatomy(table, datasets, first), "The parts of KL"),
        "errors": (
            figures.errors(table, datasets, first, study["null_ranges"], steps),
            "W1 of exact and of Langevin samples",
        ),
    }
    return {name: book.add(one, name, alt, lines=True) for name, (one, alt) in drawn.items()}


def _method(study: dict[str, Any], method: str) -> dict[str, Any]:
    about = study["method_info"].get(method.partition(", ")[0], {})
    about = {"title": method, "loss": "", "reference": ""} | about
    picture = figures.formula(about["loss"])
    return about | {"name": method, "formula": data_uri(picture, "svg+xml") if picture else None}
