"""A results folder -> report.html, one file that needs nothing else, and its figures."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ebmark import figures
from ebmark.files import write_whole
from ebmark.report import _tables, _words
from ebmark.statistics import ORACLES, final, median_run
from ebmark.table import load_arrays, load_study, read

_HERE = Path(__file__).parent


class Picture(NamedTuple):
    """A figure in the page: its data URI, the name of its files, its words."""

    uri: str
    file: str
    alt: str
    caption: str
    wide: bool


def write_report(folder: Path) -> Path:
    """Write `report.html` and `figures/` from what the folder holds, finished or not. The same folder, the same bytes."""
    folder = Path(folder)
    study, table = _relabelled(load_study(folder), read(folder))
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


def _relabelled(study: dict[str, Any], table: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """A method under another recipe is an entry of its own: `cd, tuned`."""

    def label(method: str, recipe: str) -> str:
        return method if recipe == "default" else f"{method}, {recipe}"

    cells = {name: cell | {"method": label(cell["method"], cell["recipe"])} for name, cell in study["cells"].items()}
    labels = [label(m, r) for m, r in zip(table["method"], table["recipe"], strict=True)]
    return study | {"cells": cells}, table.assign(method=labels)


def _contents(folder: Path, study: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    planned = list(study["cells"].values())
    datasets = [d for d in dict.fromkeys([*study["datasets"], *(c["dataset"] for c in planned)])]
    known = dict.fromkeys([*study["methods"], *(c["method"] for c in planned)])
    methods = sorted((m for m in known if any(c["method"] == m for c in planned)), key=lambda m: m in ORACLES)
    about = {d: {"title": d, "dim": None, "langevin_step": None} | study["datasets_about"].get(d, {}) for d in datasets}
    titles = {d: d for d in datasets}
    books = _Book(folder, dpi=round(150 * min(1.0, (4 / max(len(datasets), 1)) ** 0.5)))
    sections = []
    for dataset in datasets:
        here = [m for m in methods if any(c["method"] == m and c["dataset"] == dataset for c in planned)]
        floors = study.get("floors", {}).get(dataset, {})
        seeds = len({c["seed"] for c in planned if c["dataset"] == dataset})
        sections.append(
            {
                "name": dataset,
                "title": about[dataset]["title"].rstrip("."),
                "dim": about[dataset]["dim"],
                "answer": _words.answer(table, dataset, here, floors.get("w1")),
                "table": _tables.main(table, dataset, here, study["methods_about"], floors, seeds),
                "details": _tables.details(table, dataset, here, floors),
                "made_of": _words.made_of(table, dataset, here),
                "entropy": about[dataset].get("entropy"),
                **_planes(books, folder, study, table, dataset, about[dataset], here),
            }
        )
    charts = {
        "anatomy": books.add(figures.anatomy(table, titles, methods), "anatomy", "The parts of KL", "", crisp=True),
        "cost": books.add(figures.cost(table, titles, methods), "cost", "Quality against training seconds", "", crisp=True),
        "errors": books.add(
            figures.errors(table, titles, methods, study.get("floors", {}), study["settings"].get("langevin_steps")),
            "errors", "W1 of exact and of Langevin samples", "", crisp=True,
        ),
    }  # fmt: skip
    lost = table[table["status"] == "diverged"].drop_duplicates(["dataset", "method", "seed"])
    shown = [m for m in _words.METRICS if any(x == m or x.startswith((m + "_langevin", m + "_exact")) for x in table["metric"].unique())]
    return {
        "study": study,
        "sections": sections,
        "charts": charts,
        "done": table["cell"].nunique(),
        "planned": len(planned),
        "lost": lost[["dataset", "method", "seed", "reason"]].to_dict("records"),
        "methods": [_method(study, m, [c["method"] for c in planned]) for m in methods],
        "recipes": _tables.recipes({m: study["recipes"][m] for m in methods if m in study["recipes"]}),
        "settings": _tables.flat(study["settings"]),
        "glossary": [_words.METRICS[m] for m in shown],
        "colours": {m: look[0] for m, look in figures.colours(methods).items()},
        "oracles": sorted(ORACLES & set(methods)),
        "files": [f for f in ("results.csv", "results.parquet", "study.json") if (folder / f).exists()],
        "css": (_HERE / "style.css").read_text(encoding="utf-8"),
        "js": (_HERE / "script.js").read_text(encoding="utf-8"),
    }


def _method(study: dict[str, Any], method: str, planned: Sequence[str]) -> dict[str, Any]:
    del planned
    about = {"title": method, "loss": "", "reference": ""} | study["methods_about"].get(method.partition(", ")[0], {})
    picture = figures.formula(about["loss"])
    return about | {"name": method, "formula": _uri(picture, "svg+xml") if picture else None}


def _planes(
    book: _Book, folder: Path, study: dict[str, Any], table: pd.DataFrame, dataset: str, about: Mapping[str, Any], methods: Sequence[str]
) -> dict[str, Picture | None]:
    """The pictures of one dataset, each method by the run that stands in the middle of its seeds."""
    by = next((m for m in ("kl", "nll", "w1_langevin") if final(table, dataset, m)), "w1_langevin")
    cells = {(c["method"], c["seed"]): name for name, c in study["cells"].items() if c["dataset"] == dataset}
    values, chosen, panels = final(table, dataset, by), {}, []
    for method in methods:
        seed = median_run(table, dataset, method, by)
        arrays = load_arrays(folder, cells[method, seed]) if (method, seed) in cells else {}
        lost, of = _words.diverged(table, dataset, method)
        label = {"kl": "KL", "nll": "NLL"}.get(by, "W1")
        note = [f"{label} {_words.brief(values[method][seed])}"] if seed is not None else []
        note += [f"{lost} of {of} diverged"] if lost else []
        panels.append(figures.Panel(method + (" (oracle)" if method in ORACLES else ""), ", ".join(note), arrays))
        chosen |= {method: seed} if seed is not None else {}
    truth = next((p.arrays for p in panels if "reference" in p.arrays), None)
    if truth is None:
        return {"samples": None, "landscapes": None, "trajectories": None}
    known = figures.Panel("truth" if "truth_log_density" in truth else "data", " ", truth)
    has_exact = any("exact" in p.arrays for p in panels)
    seeds = ", ".join(f"{method} {seed}" for method, seed in chosen.items())
    median = f"Each method by its run with the median {dict(kl='KL', nll='NLL').get(by, 'W1')} (seed: {seeds})."
    settings, title = study["settings"], dataset
    h = f", h = {about['langevin_step']:.3g}" if about["langevin_step"] else ""
    steps, chains = settings.get("langevin_steps"), settings.get("chains")
    langevin = (
        f"{chains or 0:,} chains from N(0, I) in standardised units, {steps or 0:,} unadjusted steps "
        f"x \u2190 x \u2212 h\u2207E(x) + \u221a(2h) \u03be{h}"
    )
    two, one = len(truth["reference"][0]) == 2, len(truth["reference"][0]) == 1
    where = "over the learned density" if two else "as histograms" if one else "first two columns, data in grey"
    first = "Upper row: samples" if has_exact and two else "Samples"
    caption = f"{title}. {first} by Langevin, {langevin}; {where}. "
    if has_exact and two:
        caption += (
            "Lower row: exact samples of the same energies, so that what differs between the rows is the sampler\u2019s "
            "doing. Left: two fresh samples of the data, what perfection looks like at this size. "
        )
    caption += ("Same axes and colours throughout. " if two else "") + median
    lower = "The energy \u2212log p of each normalised model, contours at the same levels throughout; white is beyond them. "
    paths = f"The first chains from their start (rings) to their end (dots), {langevin}. " + median
    slug = book.slug(dataset)
    return {
        "samples": book.add(figures.samples(known._replace(note="two draws" if has_exact and two else " "), panels), f"samples_{slug}", f"Samples of each method, {title}", caption),
        "landscapes": book.add(figures.landscapes(known, panels), f"landscapes_{slug}", f"Energy landscapes, {title}", f"{title}. {lower}{median}"),
        "trajectories": book.add(figures.trajectories(known, panels), f"trajectories_{slug}", f"Langevin trajectories, {title}", f"{title}. {paths}"),
    }  # fmt: skip


class _Book:
    """The figures made so far: each written as PNG and SVG, and handed to the page."""

    def __init__(self, folder: Path, dpi: int) -> None:
        self.folder, self.dpi, self.slugs = folder / "figures", dpi, {}
        self.folder.mkdir(exist_ok=True)

    def slug(self, name: str) -> str:
        """A name as part of a file's name, another for each name."""
        slug = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:80]
        while self.slugs.setdefault(slug.lower(), name) != name:
            slug += "_"
        return slug

    def add(self, figure: Figure | None, name: str, alt: str, caption: str, crisp: bool = False) -> Picture | None:
        """Write both files; the page gets the SVG where it is crisp lines, the PNG where it is dense."""
        if figure is None:
            return None
        png, svg = figures.png(figure, self.dpi), figures.svg(figure)
        write_whole(self.folder / f"{name}.png", png)
        write_whole(self.folder / f"{name}.svg", svg)
        uri = _uri(svg, "svg+xml") if crisp else _uri(png, "png")
        return Picture(uri, name, alt, caption, bool(np.divide(*figure.get_size_inches()) > 1.6))


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
