"""Samples of more than two columns: pairs of columns, or pictures if the columns are pixels."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from ebmark.report.figures._panels import (
    Panel,
    add_bands,
    add_row_label,
    add_title,
    count_bands,
    mark_missing,
)
from ebmark.report.figures._style import DOTS, GREY, blank

_MAX_PAIRS = 3
_MAX_COLUMNS = 5  # panels side by side
_NUM_POINTS = 600
_SIDE = 4  # pictures per row and column of a panel
_MIN_PIXELS = 64
_MIN_CORRELATION = 0.1  # between neighboring pixels
_KINDS = {"langevin": "Langevin samples", "smc": "SMC samples"}


def picture_side(points: Float[np.ndarray, "n d"]) -> int | None:
    """Return the width of the square pictures that rows are; None if they are no pictures.

    Columns are pixels if there are a square number of them, at least 64, and the mean correlation
    of neighbors, along rows and along columns of the picture, is at least 0.1 and at least twice
    the mean absolute correlation of all columns.
    """
    dim = points.shape[1]
    side = math.isqrt(dim)
    if side * side != dim or dim < _MIN_PIXELS or len(points) < 2:
        return None
    typical = _absolute_correlation(points)[np.triu_indices(dim, 1)].mean()
    scaled = points - points.mean(axis=0)
    scaled = (scaled / np.maximum(scaled.std(axis=0), 1e-9)).reshape(-1, side, side)
    along_rows = np.mean(scaled[:, :, 1:] * scaled[:, :, :-1])
    along_columns = np.mean(scaled[:, 1:] * scaled[:, :-1])
    threshold = max(_MIN_CORRELATION, 2 * typical)
    return side if min(along_rows, along_columns) >= threshold else None


def _absolute_correlation(points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    """Return |correlation| of all pairs of columns, 0 for constant ones."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(np.nan_to_num(np.corrcoef(points, rowvar=False)))


def correlated_pairs(points: Float[np.ndarray, "n d"]) -> list[tuple[int, int]]:
    """Return up to three disjoint pairs of columns, the most correlated ones first."""
    size = _absolute_correlation(points)
    pairs = []
    free = set(range(points.shape[1]))
    order = np.argsort(-np.triu(size, 1), axis=None)
    for i, j in np.transpose(np.unravel_index(order, size.shape)):
        if i < j and {i, j} <= free and len(pairs) < _MAX_PAIRS:
            pairs.append((int(i), int(j)))
            free -= {i, j}
    return pairs


def samples_of_many_columns(target: Panel, models: Sequence[Panel]) -> Figure:
    """Draw samples of each configuration beside the target's, as pictures or pairs of columns."""
    test = target.arrays["test"]
    side = picture_side(test)
    kinds = [kind for kind in _KINDS if any(kind in model.arrays for model in models)]
    pairs = correlated_pairs(test)
    rows = [*kinds] or ["langevin"] if side else [f"columns {i + 1}, {j + 1}" for i, j in pairs]
    figure, panels = _create(1 + len(models), len(rows))
    low, high = np.quantile(test, [0.01, 0.99], axis=0 if side is None else None)
    for column, panel in enumerate([target, *models]):
        add_title(panels[0, column], panel)
        for row, name in enumerate(rows):
            axes = panels[row, column]
            kind = name if side else "langevin"
            points = panel.arrays.get("test" if column == 0 else kind)
            if column == 0:
                add_row_label(axes, _KINDS.get(name, name))
            if points is None:
                mark_missing(axes, "no samples" if panel.arrays else "no completed run")
            elif side:
                start = row * _SIDE**2 if column == 0 else 0
                axes.imshow(_tile(points[start:], side), cmap="gray", vmin=low, vmax=high)
            else:
                i, j = pairs[row]
                shown = [(points, DOTS)] if column == 0 else [(test, GREY), (points, DOTS)]
                for values, color in shown:
                    x, y = values[:_NUM_POINTS, [i, j]].T
                    axes.scatter(x, y, s=3, c=color, alpha=0.5, linewidths=0, rasterized=True)
                margin = 0.25 * (high - low)
                axes.set(xlim=(low - margin)[[i]].tolist() + (high + margin)[[i]].tolist())
                axes.set(ylim=(low - margin)[[j]].tolist() + (high + margin)[[j]].tolist())
    return figure


def _create(num: int, num_rows: int) -> tuple[Figure, np.ndarray]:
    """Create square panels in bands of at most five, and return them as (rows, num)."""
    num_columns = min(num, _MAX_COLUMNS)
    num_bands = count_bands(num, num_columns)
    figure = blank(2.1 * num_columns + 0.4, (2.0 * num_rows + 0.55) * num_bands)
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.03)
    panels = add_bands(figure, num, num_rows, num_columns)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[], box_aspect=1)
    return figure, panels


def _tile(points: Float[np.ndarray, "n d"], side: int) -> Float[np.ndarray, "height width"]:
    """Place the first 16 pictures in a square, with a gap between them."""
    gap = max(1, side // 8)
    size = side + gap
    sheet = np.full((_SIDE * size - gap,) * 2, np.nan)
    for n, picture in enumerate(points[: _SIDE**2].reshape(-1, side, side)):
        i, j = divmod(n, _SIDE)
        sheet[i * size : i * size + side, j * size : j * size + side] = picture
    return sheet
