"""The report's figures: drawn from saved arrays, written as files, and embedded in the page."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from ebmark.errors import UserError
from ebmark.report import figures
from ebmark.report.page._diagnostics import count_diverged
from ebmark.report.page._inline import inline
from ebmark.report.page._numbers import format_brief, significant_digits
from ebmark.statistics import final_values, median_seed, role
from ebmark.store.table import load_arrays
from ebmark.system.writing import inside, make_folder, write_whole

_MAX_FINE_PANELS = 60  # more panels are drawn at a lower resolution
_MAX_BYTES = 750_000  # of all figures that are embedded in a page
_METRICS = {"kl": "KL", "nll": "NLL", "w1_langevin": "W1"}  # the first selects the median run


class Picture(NamedTuple):
    """A figure of the page: inline SVG, or else a data URI; its files, alternative text, caption.

    A figure without both did not fit the page and is only linked.
    """

    svg: Markup | None
    uri: str
    files: list[str]
    alt: str
    caption: str


class FigureFolder:
    """The folder of a report's figures: writes each as PNG and SVG, and embeds it in the page."""

    def __init__(self, folder: Path | None, num_panels: int) -> None:
        """Create the folder.

        Args:
            folder: The study's folder; None if no files are written.
            num_panels: Panels of samples in all; many are drawn at a lower resolution.
        """
        self._folder = None if folder is None else inside(folder, "figures")
        self._is_fine = num_panels <= _MAX_FINE_PANELS
        self._dpi = 130 if self._is_fine else 100
        self._quality = 60 if self._is_fine else 40
        self._left = _MAX_BYTES
        self._names: dict[str, str] = {}
        if self._folder is not None:
            make_folder(self._folder)

    def slug(self, name: str) -> str:
        """Return a name as part of a file name, unique to this name."""
        slug = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:80]
        while self._names.setdefault(slug.lower(), name) != name:
            slug += "_"
        return slug

    def add(
        self, figure: Figure | None, name: str, alt: str, caption: str = "", *, lines: bool = False
    ) -> Picture | None:
        """Write a figure, and return it for the page.

        Args:
            figure: The figure; None is passed on.
            name: Name of the files, without suffix.
            alt: Alternative text.
            caption: Caption.
            lines: Whether the figure has only lines: it is embedded as SVG, others as WebP. With
                very many panels, only figures of lines are written as SVG at all.
        """
        if figure is None:
            return None
        files: dict[str, bytes] = {}
        if self._folder is not None or not lines:
            files[f"{name}.png"] = figures.png(figure, self._dpi)
        if lines or (self._folder is not None and self._is_fine):
            files[f"{name}.svg"] = figures.svg(figure)
        svg, uri = None, ""
        if lines:
            svg = inline(files[f"{name}.svg"], name, alt)
        else:
            uri = data_uri(figures.webp(files[f"{name}.png"], self._quality), "webp")
        self._left -= len(svg or uri)
        if self._left < 0:
            self._left += len(svg or uri)
            svg, uri = None, ""
        if self._folder is None:
            return Picture(svg, uri, [], alt, caption) if svg or uri else None
        for file, content in files.items():
            write_whole(inside(self._folder, file), content)
        return Picture(svg, uri, list(files), alt, caption)


class DatasetPictures(NamedTuple):
    """The pictures of one dataset; None where there are no arrays for them."""

    samples: Picture | None = None
    landscapes: Picture | None = None
    trajectories: Picture | None = None


def data_uri(content: bytes, kind: str) -> str:
    """Encode a picture as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def draw_dataset(
    figure_folder: FigureFolder,
    folder: Path,
    study: Mapping[str, Any],
    table: pd.DataFrame,
    dataset: str,
    entries: Sequence[str],
    leading: Sequence[str],
) -> DatasetPictures:
    """Draw samples, energy landscapes and trajectories of one dataset.

    Each configuration is represented by its median run. Samples are drawn of all configurations,
    landscapes and trajectories of the `leading` ones.
    """
    runs = _MedianRuns(folder, study, table, dataset)
    panels = [runs.panel(entry) for entry in entries]
    target = next((panel.arrays for panel in panels if "test" in panel.arrays), None)
    if target is None:
        return DatasetPictures()
    dim = target["test"].shape[1]
    has_exact = dim > 1 and any("exact" in panel.arrays for panel in panels)
    name = "target" if "target_log_density" in target else "data"
    note = "two samples" if has_exact else " "
    data = figures.Panel(name, note, target)
    large = [p for entry, p in zip(entries, panels, strict=True) if entry in leading]
    sampler = _describe_sampler(study, dataset)
    slug = figure_folder.slug(dataset)
    panels_shown = _describe_panels(target["test"], has_exact)
    return DatasetPictures(
        figure_folder.add(
            figures.samples(data, panels),
            f"samples_{slug}",
            f"Samples of each method on {dataset}",
            f"{dataset}. {panels_shown} Langevin: {sampler}. {runs.caption}",
        ),
        figure_folder.add(
            figures.landscapes(data._replace(note=" "), large),
            f"landscapes_{slug}",
            f"Energy landscape of each method on {dataset}",
            f"{dataset}. Energy \u2212log p of each normalized model. All panels share contour "
            f"levels; values beyond them are white. {runs.caption}",
        ),
        figure_folder.add(
            figures.trajectories(data, large),
            f"trajectories_{slug}",
            f"Trajectories of Langevin chains of each method on {dataset}",
            f"{dataset}. Chains from start (rings) to end (dots): {sampler}. {runs.caption}",
        ),
    )


class _MedianRuns:
    """The run with the median metric of each configuration on one dataset, as panels."""

    def __init__(
        self, folder: Path, study: Mapping[str, Any], table: pd.DataFrame, dataset: str
    ) -> None:
        self._folder = folder
        self._table = table
        self._dataset = dataset
        self._run_ids = {
            (run["method"], run["seed"]): run_id
            for run_id, run in study["runs"].items()
            if run["dataset"] == dataset
        }
        measured = [metric for metric in _METRICS if final_values(table, dataset, metric)]
        self._metric = measured[0] if measured else "w1_langevin"
        self._values = final_values(table, dataset, self._metric)
        self._seeds: list[str] = []
        self._dim: int | None = None

    @property
    def caption(self) -> str:
        """State which runs the panels made so far show."""
        seeds = ", ".join(self._seeds)
        return f"Each method: its run with the median {_METRICS[self._metric]} (seeds: {seeds})."

    def panel(self, entry: str) -> figures.Panel:
        """Load the median run of a configuration; without arrays if none is saved."""
        seed = median_seed(self._values.get(entry))
        notes = []
        arrays = {}
        if seed is not None:
            digits = significant_digits(self._metric)
            value = format_brief(float(self._values[entry].loc[seed]), digits)
            notes.append(f"{_METRICS[self._metric]} {value}")
            self._seeds.append(f"{entry} {seed}")
            arrays = self._load(entry, seed)
        num_diverged, num_runs = count_diverged(self._table, self._dataset, entry)
        if num_diverged:
            notes.append(f"{num_diverged} of {num_runs} diverged")
        title = f"{entry} ({role(entry)})" if role(entry) else entry
        return figures.Panel(title, ", ".join(notes) or " ", arrays)

    def _load(self, entry: str, seed: int) -> dict[str, Any]:
        run_id = self._run_ids.get((entry, seed))
        arrays = load_arrays(self._folder, run_id) if run_id else {}
        if not arrays:
            return {}
        place = self._folder / "runs" / str(run_id) / "samples.npz"
        if not {"train", "test"} <= set(arrays):
            raise UserError(f"{place}: arrays 'train' and 'test' are missing. Run the study again.")
        dim = arrays["test"].shape[1]
        if self._dim is not None and dim != self._dim:
            raise UserError(
                f"{place}: the points have {dim} dimensions, those of other runs {self._dim}. Run "
                "the study again."
            )
        self._dim = dim
        return arrays


def _describe_sampler(study: Mapping[str, Any], dataset: str) -> str:
    """Describe the Langevin sampler of a study."""
    settings = study["settings"]
    step_size = study["dataset_info"].get(dataset, {}).get("langevin_step")
    chains = f"{settings['chains']:,} chains" if "chains" in settings else "chains"
    steps = f"{settings['langevin_steps']:,} " if "langevin_steps" in settings else ""
    size = f" with h\u00a0=\u00a0{step_size:.3g}" if step_size else ""
    return (
        f"{chains} from N(0,\u00a0I) in standardized coordinates, {steps}unadjusted steps "
        "x\u00a0\u2190\u00a0x\u00a0\u2212\u00a0h\u2207E(x)\u00a0+\u00a0\u221a(2h)\u00a0\u03be"
        + size
    )


def _describe_panels(test: np.ndarray, has_exact: bool) -> str:
    dim = test.shape[1]
    if dim == 1:
        return "Histograms: data in gray, Langevin samples in orange, exact samples in black."
    if dim > 2 and figures.picture_side(test):
        return (
            "Sixteen pictures per panel, in one gray scale; the first panels are of the target. "
            "SMC samples replace the exact samples of 1-D and 2-D data."
        )
    if dim > 2:
        return (
            "Langevin samples over target samples in gray, for the pairs of columns that are most "
            "correlated in the target."
        )
    if not has_exact:
        return "Langevin samples over the learned density. All panels share axes and color scale."
    return (
        "Top: Langevin samples over the learned density. Bottom: exact samples from the same "
        "energies; a difference between the rows is sampling error. First column: two independent "
        "samples of the target, of the same size. All panels share axes and color scale."
    )
