"""The section "See it": learned densities as maps to compare, and chains that move on them.

The page holds the maps of each configuration's median run; `assets/see_it.js` draws them. Without
JavaScript, one small map per configuration remains.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from ebmark.report.page._error_map import HIGH, LOW, error_map, shades_as_png
from ebmark.report.page._numbers import format_brief, significant_digits
from ebmark.statistics import final_values, median_seed
from ebmark.store.maps import Maps, encode, read_maps
from ebmark.store.table import load_arrays

_LABELS = {"kl": "KL", "nll": "NLL"}
# (snapshots, grid points per axis); the first that fits the page is taken
_SIZES = ((8, 128), (8, 96), (4, 96), (2, 96), (1, 96))
_MAX_BYTES = 450_000  # of the maps of all datasets of a page
_SUPPORT = 1e-4  # fraction of the highest density that is shown
_MARGIN = 0.15  # around it, of its width
_THUMBNAIL = 200  # pixels of its longer side
_MAX_MODES = 40  # more are not drawn as bars


class Thumbnail(NamedTuple):
    """The map of one configuration, for pages without JavaScript."""

    name: str
    value: str
    uri: str
    alt: str


class SeeIt(NamedTuple):
    """What the section shows of one dataset.

    Attributes:
        thumbnails: one map per configuration, of log p_model / p_target if the target is known.
        has_target: whether it is.
        seeds: which runs are shown, as text; "" if there is one of each.
        right: the configuration that is shown on the right at first, the worst except the first.
        data: what `see_it.js` reads, as JSON; "" if it does not fit the page.
    """

    thumbnails: list[Thumbnail]
    has_target: bool
    seeds: str
    right: int
    data: str


class MapsOfRun(NamedTuple):
    """What a configuration has learned, by its median run.

    Attributes:
        name: the configuration.
        maps: log-densities of its snapshots, on the grid of the others.
        curve: a metric by number of updates; may be empty.
        seed: the seed of the run; None if there is only one.
    """

    name: str
    maps: Maps
    curve: Sequence[tuple[int, float]] = ()
    seed: int | None = None


def build_see_it(
    folder: Path,
    study: Mapping[str, Any],
    table: pd.DataFrame,
    dataset: str,
    entries: Sequence[str],
    num_sections: int,
) -> SeeIt | None:
    """Collect the maps of one dataset.

    Args:
        folder: The study's folder.
        study: Its `study.json`.
        table: Its results.
        dataset: Name of the dataset.
        entries: Its configurations.
        num_sections: Number of datasets on the page, which share its size.

    Returns:
        None if no run has 2-D maps.
    """
    metric = next((name for name in _LABELS if final_values(table, dataset, name)), "nll")
    runs = _median_runs(folder, study, table, dataset, entries, metric)
    if not runs:
        return None
    step_size = study["dataset_info"].get(dataset, {}).get("langevin_step") or 0.001
    return compare_maps(runs, metric, step_size, _MAX_BYTES // num_sections)


def compare_maps(
    runs: Sequence[MapsOfRun],
    metric: str = "kl",
    step_size: float = 0.001,
    max_bytes: int = _MAX_BYTES,
) -> SeeIt:
    """Pack the maps of several configurations on one dataset.

    Args:
        runs: The configurations.
        metric: The metric of their curves, "kl" or "nll".
        step_size: h of the Langevin chains at first.
        max_bytes: Space for what the script reads.
    """
    data = ""
    for num_maps, num_points in _SIZES:
        payload = _payload(runs, metric, num_maps, num_points) | {"step": step_size}
        text = json.dumps(payload, separators=(",", ":")).replace("<", "\\u003c")
        if len(text) <= max_bytes:
            data = text
            break
    has_target = runs[0].maps.target is not None
    seeds = ", ".join(f"{run.name} {run.seed}" for run in runs if run.seed is not None)
    last = [run.curve[-1][1] if run.curve else np.inf for run in runs]
    thumbnails = [_thumbnail(run, metric) for run in runs]
    right = 1 + int(np.argmax(last[1:])) if len(runs) > 1 else 0
    return SeeIt(thumbnails, has_target, seeds, right, data)


def _median_runs(
    folder: Path,
    study: Mapping[str, Any],
    table: pd.DataFrame,
    dataset: str,
    entries: Sequence[str],
    metric: str,
) -> list[MapsOfRun]:
    values = final_values(table, dataset, metric)
    ids = {
        (run["method"], run["seed"]): run_id
        for run_id, run in study["runs"].items()
        if run["dataset"] == dataset
    }
    rows = table.loc[(table["dataset"] == dataset) & (table["metric"] == metric)]
    runs: list[MapsOfRun] = []
    for entry in entries:
        seed = median_seed(values.get(entry))
        run_id = ids.get((entry, seed)) if seed is not None else None
        maps = read_maps(load_arrays(folder, run_id)) if run_id else None
        if seed is None or maps is None or len(maps.y) == 1:
            continue
        # maps of different versions of a dataset are not compared
        if runs and not np.array_equal(maps.x, runs[0].maps.x):
            continue
        own = rows.loc[rows["run_id"] == run_id].sort_values("step", kind="stable")
        curve = [(int(step), float(v)) for step, v in zip(own["step"], own["value"], strict=True)]
        curve = [point for point in curve if np.isfinite(point[1])]
        runs.append(MapsOfRun(entry, maps, curve, seed))
    return runs


def _payload(
    runs: Sequence[MapsOfRun], metric: str, num_maps: int, num_points: int
) -> dict[str, Any]:
    """Return what the script reads: maps of `num_points` per axis, packed."""
    maps = runs[0].maps
    x, y = _refine(maps.x, num_points), _refine(maps.y, num_points)
    data: dict[str, Any] = {
        "label": _LABELS[metric],
        "shape": [len(x), len(y)],
        "box": [*_edges(x), *_edges(y)],
        "view": _view(maps),
        "methods": [],
    }
    if maps.target is not None and maps.modes is not None:
        nearest = np.ix_(_nearest(maps.x, x), _nearest(maps.y, y))
        if maps.modes.max() < _MAX_MODES:
            data["modes"] = _deflate(maps.modes[nearest].astype(np.uint8).tobytes())
        data["target"] = _pack([_resample(maps, maps.target, x, y)])
    digits = significant_digits(metric)
    for run in runs:
        last = len(run.maps.steps) - 1
        chosen = np.unique(
            np.linspace(last, 0, num_maps, endpoint=num_maps > 1).round().astype(int)
        )
        densities = [_resample(run.maps, run.maps.log_density[i], x, y) for i in chosen]
        at_step = dict(run.curve)
        steps = run.maps.steps[chosen].tolist()
        data["methods"].append(
            {
                "name": run.name,
                "steps": steps,
                "values": [
                    format_brief(at_step[s], digits) if s in at_step else "\u2013" for s in steps
                ],
                "curve": list(run.curve),
                **_pack(densities),
            }
        )
    return data


def _refine(axis: np.ndarray, num: int) -> Float[np.ndarray, " num"]:
    """Return the midpoints of `num` equal intervals of the range of an axis."""
    low, high = _edges(axis)
    return low + (np.arange(num) + 0.5) / num * (high - low)


def _edges(axis: np.ndarray) -> tuple[float, float]:
    half = (axis[1] - axis[0]) / 2
    return float(axis[0] - half), float(axis[-1] + half)


def _nearest(axis: np.ndarray, points: np.ndarray) -> Integer[np.ndarray, " points"]:
    return np.rint(np.interp(points, axis, np.arange(len(axis)))).astype(int)


def _resample(maps: Maps, values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolate a map linearly; points beyond the outermost grid points take their values."""
    i, j = (
        np.interp(points, axis, np.arange(len(axis))) for points, axis in ((x, maps.x), (y, maps.y))
    )
    i0, j0 = (np.minimum(at.astype(int), n - 2) for at, n in zip((i, j), values.shape, strict=True))
    u, v = (i - i0)[:, None], (j - j0)[None]
    left = (1 - v) * values[np.ix_(i0, j0)] + v * values[np.ix_(i0, j0 + 1)]
    right = (1 - v) * values[np.ix_(i0 + 1, j0)] + v * values[np.ix_(i0 + 1, j0 + 1)]
    return (1 - u) * left + u * right


def _view(maps: Maps) -> list[float]:
    """Return the box that is drawn: where the target, or else the first model, is dense."""
    log_density = maps.log_density[-1] if maps.target is None else maps.target
    is_dense = log_density > log_density.max() + np.log(_SUPPORT)
    view: list[float] = []
    for axis, points in ((1, maps.x), (0, maps.y)):
        inside = points[is_dense.any(axis=axis)]
        low, high = _edges(points)
        margin = _MARGIN * (inside[-1] - inside[0]) + points[1] - points[0]
        view += [max(low, inside[0] - margin), min(high, inside[-1] + margin)]
    return view


def _pack(maps: Sequence[np.ndarray]) -> dict[str, Any]:
    """Pack encoded maps: all low bytes, then all high bytes, deflated."""
    pairs = [encode(values) for values in maps]
    codes = np.stack([codes for codes, _ in pairs])
    planes = [part.astype(np.uint8).tobytes() for part in (codes & 255, codes >> 8)]
    return {
        "maps": _deflate(b"".join(planes)),
        "ends": [ends.round(4).tolist() for _, ends in pairs],
    }


def _deflate(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode()


def _thumbnail(run: MapsOfRun, metric: str) -> Thumbnail:
    maps = run.maps
    left, right, bottom, top = _view(maps)
    size = _THUMBNAIL / max(right - left, top - bottom)
    x = np.linspace(left, right, max(2, round(size * (right - left))))
    y = np.linspace(top, bottom, max(2, round(size * (top - bottom))))
    model = _resample(maps, maps.log_density[-1], x, y)
    value = ""
    if run.curve:
        value = f"{_LABELS[metric]} {format_brief(run.curve[-1][1], significant_digits(metric))}"
    if maps.target is None:
        shade = np.exp((model - model.max()) / 2)
        return Thumbnail(run.name, value, shades_as_png(shade.T, LOW), f"Density of {run.name}")
    target = _resample(maps, maps.target, x, y)
    shades = error_map(model, target, maps.target.max())
    p, q = np.exp(maps.target), np.exp(maps.log_density[-1])
    misplaced = 50 * np.abs(p / p.sum() - q / q.sum()).sum()
    alt = f"Error map of {run.name}: {value}, {misplaced:.2g}% of its mass is misplaced"
    return Thumbnail(run.name, value, shades_as_png(shades.T, HIGH), alt)
