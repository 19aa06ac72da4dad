"""A results folder -> report.html, one file that needs nothing else, and its figures."""

from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from ebmark import figures
from ebmark.files import write_whole
from ebmark.report._metrics import METRICS, stem
from ebmark.report._pictures import Book, Picture, data_uri, planes
from ebmark.report._sweeps import sweeps
from ebmark.report._tables import details, flat, main, recipes
from ebmark.report._words import answer, made_of
from ebmark.statistics import ROLES
from ebmark.sweeps import without_axes
from ebmark.table import load_study, read, with_entries

_HERE = Path(__file__).parent


def write_report(folder: Path) -> Path:
    """Write `report.html` and `figures/` from what the folder holds, finished or not.

    The same folder gives the same bytes.
    """
    folder = Path(folder)
    study, table = with_entries(load_study(folder), read(folder))
    page = _environment().get_template("template.html").render(_contents(folder, study, table))
    write_whole(folder / "report.html", page)
    return folder / "report.html"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _contents(folder: Path, study: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """All that the template sets."""
    cells = list(study["cells"].values())
    planned = {cell["dataset"] for cell in cells}
    datasets = [d for d in dict.fromkeys([*study["datasets"], *sorted(planned)]) if d in planned]
    entries = dict.fromkeys(cell["method"] for cell in cells)
    order = [*study["methods"], *entries]
    methods = sorted(entries, key=lambda method: (method in ROLES, order.index(method)))
    book = Book(folder, dpi=round(150 * min(1.0, (4 / max(len(datasets), 1)) ** 0.5)))
    lost = table[table["status"] == "diverged"].drop_duplicates(["dataset", "method", "seed"])
    metrics = {stem(metric) for metric in table["metric"].unique()}
    swept = any("=" in cell["recipe"] for cell in cells)  # entries are points of a sweep
    shown = [] if swept else datasets
    return {
        "study": study,
        "swept": swept,
        "num_datasets": len(datasets),
        "sweeps": sweeps(book, study, table),
        "sections": [_section(book, folder, study, table, dataset, methods) for dataset in shown],
        "charts": _charts(book, study, table, shown, methods),
        "done": table["cell"].nunique(),
        "planned": len(cells),
        "lost": lost[["dataset", "method", "seed", "reason"]].to_dict("records"),
        "methods": [_method(study, m) for m in dict.fromkeys(map(without_axes, methods))],
        "recipes": recipes(study["recipes"]),
        "settings": flat(study["settings"]),
        "glossary": [says for metric, says in METRICS.items() if metric in metrics],
        "colours": {
            method: look[0]
            for method, look in figures.colours({*methods, *map(without_axes, methods)}).items()
        },
        "roles": {method: ROLES[method] for method in methods if method in ROLES},
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
) -> dict[str, Any]:
    """One dataset: its words, tables and pictures."""
    cells = [cell for cell in study["cells"].values() if cell["dataset"] == dataset]
    here = [method for method in methods if any(cell["method"] == method for cell in cells)]
    seeds = {m: sum(cell["method"] == m for cell in cells) for m in here}
    floors = study["floors"].get(dataset, {})
    about = study["datasets_about"].get(dataset, {})
    return {
        "name": dataset,
        "title": about.get("title", "").rstrip("."),
        "entropy": about.get("entropy"),
        "answer": answer(table, dataset, here, floors.get("w1")),
        "made_of": made_of(table, dataset, here),
        "table": main(table, dataset, here, study["methods_about"], floors, seeds),
        "details": details(table, dataset, here, floors),
        **planes(book, folder, study, table, dataset, here),
    }


def _charts(
    book: Book, study: dict[str, Any], table: pd.DataFrame, datasets: list[str], methods: list[str]
) -> dict[str, Picture | None]:
    steps = study["settings"].get("langevin_steps")
    drawn = {
        "anatomy": (figures.anatomy(table, datasets, methods), "The parts of KL"),
        "cost": (figures.cost(table, datasets, methods), "Quality against training seconds"),
        "errors": (
            figures.errors(table, datasets, methods, study["floors"], steps),
            "W1 of exact and of Langevin samples",
        ),
    }
    return {name: book.add(one, name, alt, lines=True) for name, (one, alt) in drawn.items()}


def _method(study: dict[str, Any], method: str) -> dict[str, Any]:
    about = study["methods_about"].get(method.partition(", ")[0], {})
    about = {"title": method, "loss": "", "reference": ""} | about
    picture = figures.formula(about["loss"])
    return about | {"name": method, "formula": data_uri(picture, "svg+xml") if picture else None}
