"""Animated error maps of four methods over training, for the README.

python -m benchmarks.report.error_maps STUDY PICTURE    # the study has its runs

Red: the model has too much mass; blue: too little; full color at a factor of 2. The dotted line
bounds the region that holds 99.9% of the target's mass. Where both densities are low, colors fade.
"""

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ebmark.report.figures._style import GREY, INK, blank, styled
from ebmark.report.page._error_map import HIGH, LOW, error_map
from ebmark.store import table
from ebmark.store.maps import Maps, read_maps
from ebmark.system.writing import write_whole

DATASETS, METHODS, SEED = ("half_moons", "eight_gaussians"), ("nce", "ed", "dsm", "cd"), 0
# of a frame and of the last one, in ms
_DURATION, _PAUSE = 500, 3_000
_DPI = 110
_MASS = 0.999
# around the region of that mass, in data units
_MARGIN = 0.4


def draw(folder: Path) -> list[Image.Image]:
    """Draw a picture for each snapshot of the training."""
    rows = table.read(folder)
    rows = rows[(rows["seed"] == SEED) & (rows["metric"] == "kl")]
    maps = {}
    for dataset in DATASETS:
        for method in METHODS:
            one = rows[(rows["dataset"] == dataset) & (rows["method"] == method)]
            run_id = one["run_id"].iloc[0]
            maps[dataset, method] = (read_maps(table.load_arrays(folder, run_id)), one)
    num = min(len(run.steps) for run, _ in maps.values())
    return [_as_image(_draw_frame(maps, index)) for index in range(num)]


@styled
def _draw_frame(maps: dict[tuple[str, str], tuple[Maps, pd.DataFrame]], index: int) -> Figure:
    figure = blank(10, 4.4)
    figure.set_layout_engine("none")
    edges = {
        "wspace": 0.04,
        "hspace": 0.14,
        "left": 0.01,
        "right": 0.99,
        "top": 0.9,
        "bottom": 0.02,
    }
    panels = figure.subplots(
        len(DATASETS), len(METHODS), height_ratios=(1.35, 2), gridspec_kw=edges
    )
    for row, dataset in enumerate(DATASETS):
        for column, method in enumerate(METHODS):
            run, kl = maps[dataset, method]
            axes = panels[row, column]
            _draw_map(axes, run, index)
            value = kl.set_index("step")["value"].loc[run.steps[index]]
            axes.set_title(f"KL {value:.3f}", fontsize=10, color=GREY, pad=2)
            if row == 0:
                x = axes.get_position().x0 + axes.get_position().width / 2
                figure.text(x, 0.985, method.upper(), ha="center", va="top", color=INK, fontsize=13)
    done = run.steps[index] / run.steps[-1]
    figure.text(0.99, 0.98, f"training: {done:.0%}", ha="right", va="top", color=GREY, fontsize=9)
    return figure


def _draw_map(axes: Axes, run: Maps, index: int) -> None:
    assert run.target is not None
    model, target = run.log_density[index], run.target
    shades = error_map(model, target, target.max())[..., None]
    color = np.where(shades > 0, HIGH, LOW) / 255
    pixels = 1 - np.abs(shades) * (1 - color)
    box = (run.x[0], run.x[-1], run.y[0], run.y[-1])
    axes.imshow(pixels.swapaxes(0, 1), origin="lower", extent=box, interpolation="bilinear")
    ordered = np.sort(np.exp(target).ravel())[::-1]
    edge = ordered[np.searchsorted(np.cumsum(ordered), _MASS * ordered.sum())]
    contour = (run.x, run.y, np.exp(target).T, [edge])
    axes.contour(*contour, colors=[INK], linewidths=0.7, linestyles="dotted")
    is_inside = np.exp(target) > edge
    for values, axis, set_limits in ((run.x, 1, axes.set_xlim), (run.y, 0, axes.set_ylim)):
        inside = values[is_inside.any(axis=axis)]
        set_limits(inside[0] - _MARGIN, inside[-1] + _MARGIN)
    axes.set_axis_off()


def _as_image(figure: Figure) -> Image.Image:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI)
    return Image.open(file).convert("RGB")


def main() -> int:
    """Write the picture named on the command line."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    frames = draw(Path(sys.argv[1]))
    durations = [_DURATION] * (len(frames) - 1) + [_PAUSE]
    file = io.BytesIO()
    frames[0].save(
        *(file, "webp"),
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        quality=85,
        method=6,
    )
    write_whole(Path(sys.argv[2]), file.getvalue())
    print(f"{sys.argv[2]}: {len(file.getvalue()) / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
