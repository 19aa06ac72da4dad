"""The report of a study: `report.html`, one file that needs nothing else, and its figures.

May import `report.figures`, `statistics`, `store` and `system`, never JAX. A new section is one
file here that returns plain text, and a block of `assets/template.html` that lays it out.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from ebmark.errors import unknown
from ebmark.report.page._answer import Answer as Answer
from ebmark.report.page._answer import answer as answer
from ebmark.report.page._comparisons import compare_entries
from ebmark.report.page._contents import (
    Contents,
    DatasetPage,
    build_contents,
    is_sweep,
    order_datasets,
    order_entries,
)
from ebmark.report.page._figures import FigureFolder
from ebmark.report.page._numbers import count_seeds as count_seeds
from ebmark.report.page._numbers import state_p as state_p
from ebmark.report.page._rows import select_rows
from ebmark.report.page._see_it import MapsOfRun as MapsOfRun
from ebmark.report.page._see_it import compare_maps
from ebmark.store.schema import load_study
from ebmark.store.table import current, with_entries, write
from ebmark.system.writing import inside, make_folder, write_whole

_ASSETS = Path(__file__).parent / "assets"
_FILES = ("results.csv", "results.csv.zst", "results.parquet", "study.json")
_MAX_DATASETS = 4  # of more, each has a page
_CATEGORICAL = ["dataset", "method", "metric", "status"]


def write_report(folder: Path, reference: str | None = None, place: Path | None = None) -> Path:
    """Write `report.html` and `figures/` from a study's folder, finished or not.

    The same folder gives the same bytes. With more than four datasets, each has a page and figures
    in `datasets/`, and `report.html` lists them.

    Args:
        folder: The study's folder.
        reference: The configuration that others are compared with; by default the study's first
            method.
        place: Another folder for the page, which then links to its files and has no figures/.

    Returns:
        The path of the report.

    Raises:
        UserError: There is no such configuration, or the folder holds no results.
    """
    folder = Path(folder)
    study = load_study(folder)
    table, is_saved = current(folder, study)
    if not is_saved:
        write(folder, table)
    study, table = with_entries(study, table)
    entries = {run["method"] for run in study["runs"].values()}
    if reference is not None and reference not in entries:
        raise unknown("configuration", reference, sorted(entries))
    # categories are compared much faster than strings
    table = table.astype(dict.fromkeys(_CATEGORICAL, "category"))
    is_elsewhere, place = place is not None, Path(place or folder)
    for link, contents in _build_pages(folder, study, table, reference, is_elsewhere):
        contents.files = [name for name in _FILES if (place / name).exists()]
        _write(inside(place, link), contents)
    return place / "report.html"


def _build_pages(
    folder: Path,
    study: dict[str, Any],
    table: pd.DataFrame,
    reference: str | None,
    is_elsewhere: bool,
) -> Iterator[tuple[str, Contents]]:
    """Yield each page and its path: one per dataset if there are many, and that of the study."""
    shown = [] if is_sweep(study) else order_datasets(study)
    compared = compare_entries(table, shown, order_entries(study), reference)
    titles = {name: info.get("title", "") for name, info in study["dataset_info"].items()}
    many = shown if len(shown) > _MAX_DATASETS else []
    names = FigureFolder(None, 0)
    pages = [
        DatasetPage(name, titles.get(name, ""), f"datasets/{names.slug(name)}/report.html")
        for name in many
    ]
    for page in pages:
        part = study | {
            "title": f"{page.name}: {study['title']}",
            "datasets": [page.name],
            "runs": {k: r for k, r in study["runs"].items() if r["dataset"] == page.name},
        }
        figures = None if is_elsewhere else folder / Path(page.link).parent
        rows = select_rows(table, dataset=page.name)
        options = {"reference": reference, "home": "../../"}
        yield page.link, build_contents(folder, part, rows, compared, figures, **options)
    figures = None if is_elsewhere else folder
    options = {"reference": reference, "pages": pages}
    yield "report.html", build_contents(folder, study, table, compared, figures, **options)


def _write(path: Path, contents: Contents) -> None:
    page = (
        _environment()
        .get_template("template.html")
        .render(
            vars(contents),
            css=_read("style.css") + _read("see_it.css"),
            js=_read("url_state.js") + _read("script.js") + _read("see_it.js"),
        )
    )
    make_folder(path.parent)
    write_whole(path, page)


def live_maps(
    name: str, runs: Sequence[MapsOfRun], *, metric: str = "kl", step_size: float = 0.001
) -> str:
    """Return "See it" of a report as an HTML element, for pages with `url_state.js`, `see_it.js`.

    Args:
        name: Title, and name of its state in the URL.
        runs: The configurations; all their maps are on one grid.
        metric: The metric of their curves, "kl" or "nll".
        step_size: h of the Langevin chains at first.
    """
    module = _environment().get_template("see_it.html").module
    return str(module.see_it(name, compare_maps(runs, metric, step_size), 2))  # type: ignore


def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
