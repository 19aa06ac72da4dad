"""Pictures of one dataset in its plane: samples over densities, energies, trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, PowerNorm
from matplotlib.figure import Figure
from scipy.interpolate import RegularGridInterpolator

from ebmark.figures._style import DENSITY, DOTS, GREY, INK, blank, styled

PIXELS = 260
COLUMNS = 6  # panels side by side
MANY = 18  # panels from which on they are small, and half as many again stand side by side
DEPTH = 12  # nats of energy shown above the truth's lowest


class Panel(NamedTuple):
    """One method in the plane: its name, what to say of it, its arrays (maybe none)."""

    title: str
    note: str
    arrays: Mapping[str, np.ndarray]


class Window(NamedTuple):
    """The part of the plane that all panels of a dataset show."""

    x: np.ndarray
    y: np.ndarray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        return self.x[0], self.x[-1], self.y[0], self.y[-1]


def window(points: np.ndarray) -> Window:
    """A box round nearly all of the points, with a margin to show what leaks."""
    low, high = np.quantile(points[:, :2], [0.002, 0.998], axis=0)
    margin = 0.14 * max(*(high - low), 1e-9)
    axes = (np.linspace(a - margin, b + margin, PIXELS) for a, b in zip(low, high, strict=True))
    return Window(*axes)


def on(view: Window, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    """A saved log-density at [x[i], y[j]] of the window; NaN outside the grid it was saved on."""
    if not {name, "grid_x", "grid_y"} <= set(arrays):
        return None
    grid = np.asarray(arrays["grid_x"], float), np.asarray(arrays["grid_y"], float)
    known = RegularGridInterpolator(grid, np.asarray(arrays[name], float), bounds_error=False)
    found = known(np.stack(np.meshgrid(view.x, view.y, indexing="ij"), axis=-1))
    return found if np.isfinite(found).any() else None


def columns(num: int) -> int:
    """How many panels stand side by side."""
    return min(num, COLUMNS if num <= MANY else 3 * COLUMNS // 2)


def _shrunk(axes: Axes) -> float:
    """The width of this panel as a share of that of one of a few."""
    spec = axes.get_subplotspec()
    return min(1.0, COLUMNS / spec.get_gridspec().ncols) if spec else 1.0


def _grid(figure: Figure, view: Window, num: int, rows: int) -> tuple[Figure, np.ndarray]:
    """Axes[row, panel] on one scale; more panels than COLUMNS go on below."""
    across = columns(num)
    bands = -(-num // across)
    axes = figure.subplots(bands * rows, across, squeeze=False)
    for one in axes.flat:
        one.set_axis_off()
    by_panel = [
        [axes[(p // across) * rows + row, p % across] for p in range(num)] for row in range(rows)
    ]
    for one in (one for row in by_panel for one in row):
        one.set_axis_on()
        one.set(xticks=[], yticks=[], aspect="equal", xlim=view.x[[0, -1]], ylim=view.y[[0, -1]])
        one.spines[:].set(visible=True, linewidth=0.5, color=GREY)
        for axis in (one.xaxis, one.yaxis):
            axis.set_visible(False)  # or all that is not there is laid out
    panels = np.array(by_panel, dtype=object)
    if num > MANY:
        _place(figure, view, panels)
    return figure, panels


def _sized(view: Window, num: int, rows: int) -> Figure:
    across = columns(num)
    width = min(11.0, 2.6 * across + 0.6)
    ratio = (view.y[-1] - view.y[0]) / (view.x[-1] - view.x[0])
    panel = width / (across + 0.35)
    figure = blank(width, (panel * ratio + 0.16) * rows * -(-num // across) + 0.45)
    close = {"w_pad": 0.02, "h_pad": 0.02, "wspace": 0.02, "hspace": 0.02}
    figure.set_layout_engine("compressed", **close)  # panels of fixed aspect, side by side
    if num > MANY:
        figure.set_layout_engine("none")  # `_place` does it: an engine takes seconds
    return figure


def _place(figure: Figure, view: Window, axes: np.ndarray) -> None:
    """Many panels in bands, by inches: a title's height above each band, a bar's width beside."""
    rows, num = axes.shape
    across, (width, _) = columns(num), figure.get_size_inches()
    left, bar, head, gap = 0.3, 0.8, 0.36, 0.05
    panel = (width - left - bar) / across - gap
    tall = panel * (view.y[-1] - view.y[0]) / (view.x[-1] - view.x[0])
    band = head + rows * (tall + gap)
    height = band * -(-num // across) + 0.05
    figure.set_size_inches(width, height)
    for (row, p), one in np.ndenumerate(axes):
        x = left + (p % across) * (panel + gap)
        y = height - (p // across) * band - head - row * (tall + gap) - tall
        one.set_position((x / width, y / height, panel / width, tall / height))


def _shade(
    axes: Axes, view: Window, log_density: np.ndarray | None, top: float
) -> matplotlib.image.AxesImage | None:
    if log_density is None:
        return None
    density = np.exp(np.nan_to_num(log_density, nan=-np.inf)).T / top
    norm = PowerNorm(0.5, vmin=0, vmax=1, clip=True)
    image = axes.imshow(
        density,
        extent=view.extent,
        origin="lower",
        cmap=DENSITY,
        norm=norm,
        interpolation="bilinear",
    )
    image.set_in_layout(False)
    return image


def _dots(axes: Axes, view: Window, points: np.ndarray, colour: str = DOTS) -> None:
    n = max(len(points), 1)
    size, alpha = np.clip(3400 / n, 0.6, 5.0), np.clip(1100 / n, 0.3, 0.8)
    size *= _shrunk(axes) ** 2
    x, y = points[:, :2].T
    axes.scatter(x, y, s=size, c=colour, alpha=alpha, linewidths=0, rasterized=True).set_in_layout(
        False
    )
    outside = np.count_nonzero(~_inside(view, points))
    if outside:
        text = f"{outside:,} not in view"
        axes.text(
            0.97,
            0.03,
            text,
            transform=axes.transAxes,
            ha="right",
            va="bottom",
            fontsize=7 * _shrunk(axes),
            color=GREY,
        )


def _inside(view: Window, points: np.ndarray) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    return (x >= view.x[0]) & (x <= view.x[-1]) & (y >= view.y[0]) & (y <= view.y[-1])


def _title(axes: Axes, panel: Panel) -> None:
    share = _shrunk(axes) ** 0.5
    pad = 15 * share if panel.note else 4
    axes.set_title(panel.title, pad=pad, fontweight="bold", fontsize=10.5 * share)
    if panel.note:
        axes.annotate(
            panel.note,
            (0.5, 1),
            (0, 3.5),
            "axes fraction",
            "offset points",
            ha="center",
            fontsize=8 * share,
            color=GREY,
        )


def _side(axes: Axes, label: str) -> None:
    axes.yaxis.set_visible(True)
    axes.set_ylabel(label, labelpad=5, fontsize=9.5 * _shrunk(axes))


def _absent(axes: Axes, why: str) -> None:
    axes.text(
        0.5,
        0.5,
        why,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
        style="italic",
        fontsize=8.5 * _shrunk(axes),
    )


def _bar(
    figure: Figure, image: matplotlib.cm.ScalarMappable, axes: np.ndarray, label: str, ticks=None
) -> None:
    if axes.shape[1] > MANY:
        width, height = figure.get_size_inches()
        place = figure.add_axes((1 - 0.75 / width, 0.5 - 2 / height, 0.13 / width, 4 / height))
        bar = figure.colorbar(image, cax=place, ticks=ticks)
    else:
        bar = figure.colorbar(
            image, ax=list(axes.ravel()), shrink=0.7, aspect=28, pad=0.012, ticks=ticks
        )
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=8.5, color=GREY)
    bar.ax.tick_params(length=2, labelsize=7.5)
    bar.ax.minorticks_off()
    if ticks is not None:
        bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])


@styled
def samples(truth: Panel, models: Sequence[Panel]) -> Figure:
    """Langevin samples over the learned density, truth and models; below them exact samples."""
    reference = truth.arrays["reference"]
    if reference.shape[1] == 1:
        return _marginals(truth, models)
    view = window(reference)
    exact = any("exact" in model.arrays for model in models)
    rows = 2 if exact else 1
    figure, axes = _grid(_sized(view, 1 + len(models), rows), view, 1 + len(models), rows)
    density = on(view, truth.arrays, "truth_log_density")
    shown = [on(view, model.arrays, "log_density") for model in models]
    densities = [density] if density is not None else [one for one in shown if one is not None]
    top = float(np.exp(max(np.nanmax(one) for one in densities))) if densities else 1.0
    image = _shade(axes[0, 0], view, density, top)
    _dots(axes[0, 0], view, reference)
    _title(axes[0, 0], truth)
    _side(axes[0, 0], "Langevin samples")
    if exact:
        _shade(axes[1, 0], view, density, top)
        _dots(axes[1, 0], view, truth.arrays["train"][: len(reference)])
        _side(axes[1, 0], "exact samples")
    for column, (model, log_density) in enumerate(zip(models, shown, strict=True), start=1):
        _title(axes[0, column], model)
        for row, name in enumerate(("langevin", "exact")[:rows]):
            image = _shade(axes[row, column], view, log_density, top) or image
            if (
                log_density is None
                and name in model.arrays
                and truth.arrays["reference"].shape[1] > 2
            ):
                _dots(axes[row, column], view, reference, "#9aa5b1")
            if name in model.arrays:
                _dots(axes[row, column], view, model.arrays[name])
            else:
                _absent(axes[row, column], "no samples" if model.arrays else "no finished run")
    if image is not None:
        _bar(
            figure,
            image,
            axes,
            "density, of the truth's highest" if density is not None else "density, of the highest",
            (0, 0.01, 0.1, 0.25, 0.5, 1),
        )
    return figure


def _marginals(truth: Panel, models: Sequence[Panel]) -> Figure:
    """One column: histograms on common bins, the truth's in grey behind each model's."""
    data = truth.arrays["reference"][:, 0]
    low, high = np.quantile(data, [0.002, 0.998])
    margin = 0.14 * max(high - low, 1e-9)
    bins = np.linspace(low - margin, high + margin, 61)
    columns = min(1 + len(models), COLUMNS)
    rows = -(-(1 + len(models)) // columns)
    figure = blank(min(11.0, 2.6 * columns), 2.1 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, panel in zip(grid, [truth, *models], strict=False):
        axes.hist(data, bins, density=True, color="#cfdbe6")
        for name, colour in (("langevin", DOTS), ("exact", INK)):
            if name in panel.arrays:
                axes.hist(
                    panel.arrays[name][:, 0],
                    bins,
                    density=True,
                    histtype="step",
                    color=colour,
                    linewidth=1.0,
                )
        if not panel.arrays:
            _absent(axes, "no finished run")
        _title(axes, panel)
        axes.set_yticks([])
    for axes in grid[1 + len(models) :]:
        axes.set_axis_off()
    return figure


@styled
def landscapes(truth: Panel, models: Sequence[Panel]) -> Figure | None:
    """Contours of the energy -log p, at the same levels for all. None where no density is known."""
    panels = [
        panel
        for panel in [truth, *models]
        if {"truth_log_density", "log_density"} & set(panel.arrays)
    ]
    if not panels or truth.arrays["reference"].shape[1] != 2:
        return None
    view = window(truth.arrays["reference"])
    names = ["truth_log_density" if panel is truth else "log_density" for panel in panels]
    energies = [on(view, panel.arrays, name) for panel, name in zip(panels, names, strict=True)]
    some = [
        (panel, -energy)
        for panel, energy in zip(panels, energies, strict=True)
        if energy is not None
    ]
    if not some:
        return None
    low = np.floor(min(np.nanmin(energy) for _, energy in some))
    levels = np.arange(low, low + DEPTH + 1)
    figure, axes = _grid(_sized(view, len(some), 1), view, len(some), 1)
    colours = DENSITY.reversed()
    norm = BoundaryNorm(levels, colours.N, extend="max")
    for one, (panel, energy) in zip(axes[0], some, strict=True):
        filled = one.contourf(
            view.x, view.y, energy.T, levels, cmap=colours, norm=norm, extend="max"
        )
        lines = one.contour(
            view.x, view.y, energy.T, levels[::2], colors=INK, linewidths=0.35, alpha=0.7
        )
        filled.set(rasterized=True, in_layout=False)
        lines.set_in_layout(False)
        _title(one, panel)
    _bar(figure, filled, axes, "energy \u2212log p, nats", ticks=levels[::2])
    return figure


@styled
def trajectories(truth: Panel, models: Sequence[Panel], num: int = 6) -> Figure | None:
    """The first Langevin chains from noise (rings) to end (dots), over the learned density."""
    models = [model for model in models if "trajectories" in model.arrays]
    if not models or truth.arrays["reference"].shape[1] < 2:
        return None
    view = window(truth.arrays["reference"])
    figure, axes = _grid(_sized(view, len(models), 1), view, len(models), 1)
    shown = [on(view, model.arrays, "log_density") for model in models]
    densities = [
        one for one in (on(view, truth.arrays, "truth_log_density"), *shown) if one is not None
    ]
    top = float(np.exp(np.nanmax(densities[0]))) if densities else 1.0
    for one, model, log_density in zip(axes[0], models, shown, strict=True):
        image = _shade(one, view, log_density, top)
        if image is not None:
            image.set_alpha(0.55)
        paths = model.arrays["trajectories"][:, :num, :2]
        one.plot(paths[..., 0], paths[..., 1], color=INK, linewidth=0.5, alpha=0.5, rasterized=True)
        one.scatter(*paths[0].T, s=9, facecolors="white", edgecolors=INK, linewidths=0.5, zorder=3)
        one.scatter(*paths[-1].T, s=9, c=DOTS, linewidths=0, zorder=4)
        _title(one, model)
    return figure
