"""Pictures of one dataset in its plane: samples over densities, energies, trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, PowerNorm
from matplotlib.figure import Figure
from scipy.interpolate import RegularGridInterpolator

from ebmark.report.figures._panels import (
    COLUMNS,
    Panel,
    Window,
    absent,
    bar,
    panes,
    shrunk,
    side,
    title,
)
from ebmark.report.figures._style import DENSITY, DOTS, GREY, INK, blank, styled

PIXELS = 260
DEPTH = 12  # nats of energy shown above the truth's lowest


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
    size *= shrunk(axes) ** 2
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
            fontsize=7 * shrunk(axes),
            color=GREY,
        )


def _inside(view: Window, points: np.ndarray) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    return (x >= view.x[0]) & (x <= view.x[-1]) & (y >= view.y[0]) & (y <= view.y[-1])


@styled
def samples(truth: Panel, models: Sequence[Panel]) -> Figure:
    """Langevin samples over the learned density, truth and models; below them exact samples."""
    reference = truth.arrays["test"]
    if reference.shape[1] == 1:
        return _marginals(truth, models)
    view = window(reference)
    exact = any("exact" in model.arrays for model in models)
    rows = 2 if exact else 1
    figure, axes = panes(view, 1 + len(models), rows)
    density = on(view, truth.arrays, "target_log_density")
    shown = [on(view, model.arrays, "log_density") for model in models]
    densities = [density] if density is not None else [one for one in shown if one is not None]
    top = float(np.exp(max(np.nanmax(one) for one in densities))) if densities else 1.0
    image = _shade(axes[0, 0], view, density, top)
    _dots(axes[0, 0], view, reference)
    title(axes[0, 0], truth)
    side(axes[0, 0], "Langevin samples")
    if exact:
        _shade(axes[1, 0], view, density, top)
        _dots(axes[1, 0], view, truth.arrays["train"][: len(reference)])
        side(axes[1, 0], "exact samples")
    for column, (model, log_density) in enumerate(zip(models, shown, strict=True), start=1):
        title(axes[0, column], model)
        for row, name in enumerate(("langevin", "exact")[:rows]):
            image = _shade(axes[row, column], view, log_density, top) or image
            if log_density is None and name in model.arrays and truth.arrays["test"].shape[1] > 2:
                _dots(axes[row, column], view, reference, "#9aa5b1")
            if name in model.arrays:
                _dots(axes[row, column], view, model.arrays[name])
            else:
                absent(axes[row, column], "no samples" if model.arrays else "no finished run")
    if image is not None:
        bar(
            figure,
            image,
            axes,
            "density, of the truth's highest" if density is not None else "density, of the highest",
            (0, 0.01, 0.1, 0.25, 0.5, 1),
        )
    return figure


def _marginals(truth: Panel, models: Sequence[Panel]) -> Figure:
    """One column: histograms on common bins, the truth's in grey behind each model's."""
    data = truth.arrays["test"][:, 0]
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
            absent(axes, "no finished run")
        title(axes, panel)
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
        if {"target_log_density", "log_density"} & set(panel.arrays)
    ]
    if not panels or truth.arrays["test"].shape[1] != 2:
        return None
    view = window(truth.arrays["test"])
    names = ["target_log_density" if panel is truth else "log_density" for panel in panels]
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
    figure, axes = panes(view, len(some), 1)
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
        title(one, panel)
    bar(figure, filled, axes, "energy \u2212log p, nats", ticks=levels[::2])
    return figure


@styled
def trajectories(truth: Panel, models: Sequence[Panel], num: int = 6) -> Figure | None:
    """The first Langevin chains from noise (rings) to end (dots), over the learned density."""
    models = [model for model in models if "trajectories" in model.arrays]
    if not models or truth.arrays["test"].shape[1] < 2:
        return None
    view = window(truth.arrays["test"])
    figure, axes = panes(view, len(models), 1)
    shown = [on(view, model.arrays, "log_density") for model in models]
    densities = [
        one for one in (on(view, truth.arrays, "target_log_density"), *shown) if one is not None
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
        title(one, model)
    return figure
