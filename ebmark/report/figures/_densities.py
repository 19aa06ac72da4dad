"""Pictures of one dataset: samples over learned densities, energy landscapes, trajectories."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ebmark.report.figures._many_columns import samples_of_many_columns
from ebmark.report.figures._panels import (
    MAX_COLUMNS,
    Panel,
    Window,
    add_color_bar,
    add_row_label,
    add_title,
    create_panels,
    mark_missing,
    panel_scale,
)
from ebmark.report.figures._style import DENSITY, DOTS, GREY, INK, blank, styled

NUM_PIXELS = 260
ENERGY_RANGE = 12  # nats of energy shown above the lowest
_DENSITY_TICKS = (0, 0.01, 0.1, 0.25, 0.5, 1)


def window_of(points: np.ndarray) -> Window:
    """Return a box around nearly all points, with a margin that shows off-support mass."""
    low, high = np.quantile(points[:, :2], [0.002, 0.998], axis=0)
    margin = 0.14 * max(*(high - low), 1e-9)
    x, y = (
        np.linspace(start - margin, end + margin, NUM_PIXELS)
        for start, end in zip(low, high, strict=True)
    )
    return Window(x, y)


def evaluate_on(window: Window, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    """Interpolate a saved log density at [x[i], y[j]] of the window.

    Returns:
        NaN outside the grid that it was saved on; None if it was not saved.
    """
    if not {name, "grid_x", "grid_y"} <= set(arrays):
        return None
    grid = (np.asarray(arrays["grid_x"], float), np.asarray(arrays["grid_y"], float))
    values = np.asarray(arrays[name], float)
    # along x, then along y: bilinear
    for axis, points in zip(grid, (window.x, window.y), strict=True):
        values = _interpolate(axis, values, points).T
    return values if np.isfinite(values).any() else None


def _interpolate(axis: np.ndarray, values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Interpolate rows of values linearly; NaN outside."""
    left = np.clip(np.searchsorted(axis, points, side="right") - 1, 0, len(axis) - 2)
    weight = ((points - axis[left]) / (axis[left + 1] - axis[left]))[:, None]
    rows = (1 - weight) * values[left] + weight * values[left + 1]
    rows[(points < axis[0]) | (points > axis[-1])] = np.nan
    return rows


def _shade(
    axes: Axes, window: Window, log_density: np.ndarray | None, highest: float
) -> AxesImage | None:
    """Shade a panel by its density as a fraction of `highest`."""
    if log_density is None:
        return None
    density = np.exp(np.nan_to_num(log_density, nan=-np.inf)).T / highest
    image = axes.imshow(
        density,
        extent=window.extent,
        origin="lower",
        cmap=DENSITY,
        norm=PowerNorm(0.5, vmin=0, vmax=1, clip=True),
        interpolation="bilinear",
    )
    image.set_in_layout(False)
    return image


def _scatter(axes: Axes, window: Window, points: np.ndarray, color: str = DOTS) -> None:
    """Draw points, smaller and paler where they are many, and count those outside."""
    num = max(len(points), 1)
    scale = panel_scale(axes)
    size = np.clip(3400 / num, 0.6, 5.0) * scale**2
    alpha = np.clip(1100 / num, 0.3, 0.8)
    x, y = points[:, :2].T
    dots = axes.scatter(x, y, s=size, c=color, alpha=alpha, linewidths=0, rasterized=True)
    dots.set_in_layout(False)
    num_outside = np.count_nonzero(~_is_inside(window, points))
    if num_outside:
        axes.text(
            0.97,
            0.03,
            f"{num_outside:,} outside",
            transform=axes.transAxes,
            ha="right",
            va="bottom",
            fontsize=7 * scale,
            color=GREY,
        )


def _is_inside(window: Window, points: np.ndarray) -> np.ndarray:
    left, right, bottom, top = window.extent
    x = points[:, 0]
    y = points[:, 1]
    return (x >= left) & (x <= right) & (y >= bottom) & (y <= top)


@styled
def samples(target: Panel, models: Sequence[Panel]) -> Figure:
    """Draw Langevin samples over the learned density, and below them exact samples if saved.

    Samples of more than two columns are drawn as pairs of columns or as pictures.

    Args:
        target: Test and training points, and the target's log density if known.
        models: One panel per configuration.
    """
    test = target.arrays["test"]
    if test.shape[1] == 1:
        return _histograms(target, models)
    if test.shape[1] > 2:
        return samples_of_many_columns(target, models)
    window = window_of(test)
    has_exact = any("exact" in model.arrays for model in models)
    kinds = ("langevin", "exact") if has_exact else ("langevin",)
    figure, panels = create_panels(window, 1 + len(models), len(kinds))
    target_density = evaluate_on(window, target.arrays, "target_log_density")
    densities = [evaluate_on(window, model.arrays, "log_density") for model in models]
    highest = _highest([target_density] if target_density is not None else densities)
    image = None
    target_points = (test, target.arrays["train"][: len(test)])
    for row, kind in enumerate(kinds):
        image = _shade(panels[row, 0], window, target_density, highest)
        _scatter(panels[row, 0], window, target_points[row])
        add_row_label(panels[row, 0], "exact samples" if kind == "exact" else "Langevin samples")
    add_title(panels[0, 0], target)
    for column, (model, log_density) in enumerate(zip(models, densities, strict=True), start=1):
        add_title(panels[0, column], model)
        for row, kind in enumerate(kinds):
            axes = panels[row, column]
            image = _shade(axes, window, log_density, highest) or image
            _draw_samples(axes, window, model, kind)
    if image is not None:
        whose = "the target's" if target_density is not None else "the"
        add_color_bar(figure, image, panels, f"density / {whose} maximum", _DENSITY_TICKS)
    return figure


def _highest(log_densities: Sequence[np.ndarray | None]) -> float:
    """Return the highest density, or 1 if there is none."""
    maxima = [np.nanmax(values) for values in log_densities if values is not None]
    return float(np.exp(max(maxima))) if maxima else 1.0


def _draw_samples(axes: Axes, window: Window, model: Panel, kind: str) -> None:
    if kind in model.arrays:
        _scatter(axes, window, model.arrays[kind])
    else:
        mark_missing(axes, "no samples" if model.arrays else "no completed run")


def _histograms(target: Panel, models: Sequence[Panel]) -> Figure:
    """Draw 1-D data: histograms on common bins, the target's in gray behind each model's."""
    test = target.arrays["test"][:, 0]
    low, high = np.quantile(test, [0.002, 0.998])
    margin = 0.14 * max(high - low, 1e-9)
    bins = np.linspace(low - margin, high + margin, 61)
    num_columns = min(1 + len(models), MAX_COLUMNS)
    num_rows = -(-(1 + len(models)) // num_columns)
    figure = blank(min(11.0, 2.6 * num_columns), 2.1 * num_rows)
    grid = figure.subplots(num_rows, num_columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, panel in zip(grid, [target, *models], strict=False):
        axes.hist(test, bins, density=True, color="#cfdbe6")
        for name, color in (("langevin", DOTS), ("exact", INK)):
            if name in panel.arrays:
                points = panel.arrays[name][:, 0]
                style = {"histtype": "step", "color": color, "linewidth": 1.0}
                axes.hist(points, bins, density=True, **style)
        if not panel.arrays:
            mark_missing(axes, "no completed run")
        add_title(axes, panel)
        axes.set_yticks([])
    for axes in grid[1 + len(models) :]:
        axes.set_axis_off()
    return figure


@styled
def landscapes(target: Panel, models: Sequence[Panel]) -> Figure | None:
    """Draw contours of the energy -log p, at the same levels in all panels.

    Returns:
        None where no density is saved, or data are not 2-D.
    """
    test = target.arrays["test"]
    if test.shape[1] != 2:
        return None
    window = window_of(test)
    log_densities = [evaluate_on(window, target.arrays, "target_log_density")]
    log_densities += [evaluate_on(window, model.arrays, "log_density") for model in models]
    energies = [
        (panel, -log_density)
        for panel, log_density in zip([target, *models], log_densities, strict=True)
        if log_density is not None
    ]
    if not energies:
        return None
    lowest = np.floor(min(np.nanmin(energy) for _, energy in energies))
    levels = np.arange(lowest, lowest + ENERGY_RANGE + 1)
    figure, panels = create_panels(window, len(energies), 1)
    color_map = DENSITY.reversed()
    norm = BoundaryNorm(levels, color_map.N, extend="max")
    filled = None
    for axes, (panel, energy) in zip(panels[0], energies, strict=True):
        place = (window.x, window.y, energy.T)
        filled = axes.contourf(*place, levels, cmap=color_map, norm=norm, extend="max")
        filled.set(rasterized=True, in_layout=False)
        lines = axes.contour(*place, levels[::2], colors=INK, linewidths=0.35, alpha=0.7)
        lines.set_in_layout(False)
        add_title(axes, panel)
    if filled is not None:
        add_color_bar(figure, filled, panels, "energy \u2212log p, nats", levels[::2])
    return figure


@styled
def trajectories(target: Panel, models: Sequence[Panel], num: int = 6) -> Figure | None:
    """Draw the first `num` Langevin chains, from start (rings) to end (dots).

    Returns:
        None where no trajectories are saved, or data are 1-D.
    """
    models = [model for model in models if "trajectories" in model.arrays]
    if not models or target.arrays["test"].shape[1] < 2:
        return None
    window = window_of(target.arrays["test"])
    figure, panels = create_panels(window, len(models), 1)
    target_density = evaluate_on(window, target.arrays, "target_log_density")
    densities = [evaluate_on(window, model.arrays, "log_density") for model in models]
    saved = [values for values in (target_density, *densities) if values is not None]
    highest = _highest(saved[:1])
    for axes, model, log_density in zip(panels[0], models, densities, strict=True):
        image = _shade(axes, window, log_density, highest)
        if image is not None:
            image.set_alpha(0.55)
        paths = model.arrays["trajectories"][:, :num, :2]
        line = {"color": INK, "linewidth": 0.5, "alpha": 0.5, "rasterized": True}
        axes.plot(paths[..., 0], paths[..., 1], **line)
        ring = {"facecolors": "white", "edgecolors": INK, "linewidths": 0.5, "zorder": 3}
        axes.scatter(*paths[0].T, s=9, **ring)
        axes.scatter(*paths[-1].T, s=9, c=DOTS, linewidths=0, zorder=4)
        add_title(axes, model)
    return figure
