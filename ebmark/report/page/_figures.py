"""The report's figures: made from the saved arrays, written as files, and put into the page."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from ebmark.errors import UserError
from ebmark.report import figures
from ebmark.report.page._numbers import brief, digits
from ebmark.report.page._sentences import diverged
from ebmark.statistics import final_values, median_seed, role
from ebmark.store.table import load_arrays
from ebmark.system.writing import inside, make_folder, write_whole

_FEW = 60  # panels that are drawn finely
_LIGHT = 300_000  # bytes of an SVG that the page takes as it is


class Picture(NamedTuple):
    """A figure in the page: its data URI, its files, its words."""

    uri: str
    files: list[str]
    alt: str
    caption: str


class Book:
    """The figures made so far: each written as PNG and SVG, and handed to the page."""

    def __init__(self, folder: Path, panels: int) -> None:
        """For so many panels in all, of methods on datasets: the more, the coarser."""
        self._folder = inside(folder, "figures")
        few = panels <= _FEW
        self._dpi, self._quality = (150, 85) if few else (100, 40)
        self._twice = few
        self._slugs: dict[str, str] = {}
        make_folder(self._folder)

    def slug(self, name: str) -> str:
        """A name as part of a file's name, another for each name."""
        slug = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:80]
        while self._slugs.setdefault(slug.lower(), name) != name:
            slug += "_"
        return slug

    def add(
        self, figure: Figure | None, name: str, alt: str, caption: str = "", *, lines: bool = False
    ) -> Picture | None:
        """Write PNG and SVG; the page gets the SVG of mere lines, WebP of what is dense.

        Where they are very many panels, what is dense is written as PNG alone.
        """
        if figure is None:
            return None
        files = {f"{name}.png": figures.png(figure, self._dpi)}
        if self._twice or lines:
            files[f"{name}.svg"] = figures.svg(figure)
        for file, content in files.items():
            write_whole(inside(self._folder, file), content)
        drawn = files.get(f"{name}.svg", b"")
        if lines and len(drawn) <= _LIGHT:
            uri = data_uri(drawn, "svg+xml")
        else:
            uri = data_uri(figures.webp(files[f"{name}.png"], self._quality), "webp")
        return Picture(uri, list(files), alt, caption)


def data_uri(content: bytes, kind: str) -> str:
    """A picture that is its own address."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def planes(
    book: Book,
    folder: Path,
    study: Mapping[str, Any],
    table: pd.DataFrame,
    dataset: str,
    methods: Sequence[str],
    first: Sequence[str],
) -> dict[str, Picture | None]:
    """The pictures of one dataset: each method by the run in the middle of its seeds.

    Samples of all methods; energies and trajectories of the first alone.
    """
    panels, median = _panels(folder, study, table, dataset, methods)
    truth = next((p.arrays for p in panels if "test" in p.arrays), None)
    if truth is None:
        return dict.fromkeys(("samples", "landscapes", "trajectories"))
    dim = truth["test"].shape[1]
    rows = 2 if dim > 1 and any("exact" in p.arrays for p in panels) else 1
    note = "two draws" if rows == 2 else " "
    name = "truth" if "target_log_density" in truth else "data"
    data = figures.Panel(name, note, truth)
    large = [panel for method, panel in zip(methods, panels, strict=True) if method in first]
    langevin, slug = _setting(study, dataset), book.slug(dataset)
    return {
        "samples": book.add(
            figures.samples(data, panels),
            f"samples_{slug}",
            f"Samples of each method on {dataset}",
            f"{dataset}. {_where(rows, dim)} Langevin: {langevin}. {median}",
        ),
        "landscapes": book.add(
            figures.landscapes(data._replace(note=" "), large),
            f"landscapes_{slug}",
            f"Energy landscapes on {dataset}",
            f"{dataset}. The energy \u2212log p of each normalised model, contours at the same "
            f"levels throughout; white is beyond them. {median}",
        ),
        "trajectories": book.add(
            figures.trajectories(data, large),
            f"trajectories_{slug}",
            f"Langevin trajectories on {dataset}",
            f"{dataset}. The first chains, from start (rings) to end (dots): {langevin}. {median}",
        ),
    }


def _panels(
    folder: Path,
    study: Mapping[str, Any],
    table: pd.DataFrame,
    dataset: str,
    methods: Sequence[str],
) -> tuple[list[figures.Panel], str]:
    """A panel a method, of its median run, and the words that say which run that is."""
    label = {"kl": "KL", "nll": "NLL", "w1_langevin": "W1"}
    by = next((metric for metric in label if final_values(table, dataset, metric)), "w1_langevin")
    cells = {
        (cell["method"], cell["seed"]): name
        for name, cell in study["runs"].items()
        if cell["dataset"] == dataset
    }
    values, shown, panels, dims = final_values(table, dataset, by), [], [], set()
    for method in methods:
        seed = median_seed(values.get(method))
        lost, of = diverged(table, dataset, method)
        notes = (
            [f"{label[by]} {brief(values[method][seed], digits(by))}"] if seed is not None else []
        )
        notes += [f"{lost} of {of} diverged"] if lost else []
        arrays = load_arrays(folder, cells[method, seed]) if (method, seed) in cells else {}
        whole = {"train", "test"} <= set(arrays)
        dims |= {arrays["test"].shape[1]} if whole else set()
        if len(dims) > 1 or (arrays and not whole):
            place = folder / "runs" / cells[method, seed] / "samples.npz"
            raise UserError(f"{place}: lacks the points, or they are of another dimension")
        title = f"{method} ({role(method)})" if role(method) else method
        panels.append(figures.Panel(title, ", ".join(notes) or " ", arrays))
        shown += [f"{method} {seed}"] if seed is not None else []
    return panels, f"Each method by its run of median {label[by]} (seed: {', '.join(shown)})."


def _setting(study: Mapping[str, Any], dataset: str) -> str:
    """The Langevin sampler in words."""
    settings = study["settings"]
    h = study["dataset_info"].get(dataset, {}).get("langevin_step")
    chains = f"{settings['chains']:,} chains" if "chains" in settings else "chains"
    steps = f"{settings['langevin_steps']:,} " if "langevin_steps" in settings else ""
    return (
        f"{chains} from N(0,\u00a0I) in standardised units, {steps}unadjusted steps "
        "x\u00a0\u2190\u00a0x\u00a0\u2212\u00a0h\u2207E(x)\u00a0+\u00a0\u221a(2h)\u00a0\u03be"
        + (f" with h\u00a0=\u00a0{h:.3g}" if h else "")
    )


def _where(rows: int, dim: int) -> str:
    if dim == 1:
        return "Histograms: data grey, Langevin samples orange, exact samples black."
    if dim > 2:
        return "Langevin samples, first two columns, the data in grey; same axes throughout."
    if rows == 1:
        return "Langevin samples over the learned density; same axes and colours throughout."
    return (
        "Upper row: Langevin samples over the learned density. Lower row: exact samples of the "
        "same energies, so that what differs between the rows is the sampler\u2019s doing. Left: "
        "two fresh samples of the data, what perfection looks like at this size. Same axes and "
        "colours throughout."
    )
