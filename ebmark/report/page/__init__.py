"""The report of a study: `report.html`, one file that needs nothing else, and its figures.

May import `report.figures`, `statistics`, `store` and `system`, never JAX. A new section is one
file here that returns plain text, and a block of `assets/template.html` that lays it out.
"""

from pathlib import Path

import jinja2

from ebmark.errors import unknown
from ebmark.report.page._answer import Answer as Answer
from ebmark.report.page._answer import answer as answer
from ebmark.report.page._contents import build_contents
from ebmark.report.page._numbers import count_seeds as count_seeds
from ebmark.report.page._numbers import state_p as state_p
from ebmark.store.schema import load_study
from ebmark.store.table import current, with_entries, write
from ebmark.system.writing import inside, write_whole

_ASSETS = Path(__file__).parent / "assets"
_CATEGORICAL = ["dataset", "method", "metric", "status"]


def write_report(folder: Path, reference: str | None = None, place: Path | None = None) -> Path:
    """Write `report.html` and `figures/` from a study's folder, finished or not.

    The same folder gives the same bytes.

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
    contents = build_contents(folder, study, table, reference, place)
    page = (
        _environment()
        .get_template("template.html")
        .render(
            vars(contents),
            css=_read("style.css") + _read("see_it.css"),
            js=_read("script.js") + _read("see_it.js"),
        )
    )
    place = folder if place is None else Path(place)
    write_whole(inside(place, "report.html"), page)
    return place / "report.html"


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
