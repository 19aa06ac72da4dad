"""Learned densities that a reader explores: the directive `live` and what it can show.

`.. live:: double_well` shows, on a page of the site, the canvas of the reports with the maps of
`double_well`. The maps are kept in `build/live` and made again when this file changes.
"""

import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from docutils import nodes
from docutils.parsers.rst import Directive

import ebmark as eb
from ebmark.datasets import Grid
from ebmark.partition_function import evaluate
from ebmark.report.page import MapsOfRun, live_maps
from ebmark.store.maps import Maps

CACHE = Path(__file__).parents[1] / "build" / "live"
NUM_POINTS = 128
NUM_UPDATES = 1_500
GALLERY_METHODS = ("nce", "ed", "dsm", "ism", "cd", "pcd")
GALLERY_DATASETS = {
    "half_moons": "Two thin curves",
    "eight_gaussians_unequal_separated": "Separated modes of unequal weights",
}

# densities and their steps: number of updates -> log-density on the grid, up to a constant
Snapshots = Mapping[int, np.ndarray]


def _maps(dataset: str, learned: Mapping[str, Snapshots]) -> list[MapsOfRun]:
    """Normalize log-densities on the grid of a dataset, and compute KL of each by quadrature."""
    target, grid = eb.load_dataset(dataset), _grid(dataset)
    log_p = _normalize(target.log_prob(grid.points()))
    modes = target.component_log_probs(grid.points()).argmax(axis=1).reshape(log_p.shape)
    runs = []
    for name, snapshots in learned.items():
        log_q = np.stack([_normalize(values) for values in snapshots.values()])
        kl = (np.exp(log_p) * (log_p - log_q)).sum(axis=(1, 2)) / np.exp(log_p).sum()
        steps = np.array(list(snapshots))
        maps = Maps(*grid.axes, steps, log_q, log_p, modes)
        runs.append(MapsOfRun(name, maps, [*zip(steps.tolist(), kl.tolist(), strict=True)]))
    return runs


def _grid(dataset: str) -> Grid:
    box = eb.load_dataset(dataset).grid()
    return Grid(box.lower, box.upper, NUM_POINTS)


def _normalize(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, float).reshape(NUM_POINTS, NUM_POINTS)
    return values - np.logaddexp.reduce(values, axis=None)


def _train(dataset: str, methods: Sequence[str]) -> list[MapsOfRun]:
    """Train an energy with each method on 5,000 points, with one seed."""
    data, points = eb.load_dataset(dataset).sample(5_000, random_state=0), _grid(dataset).points()
    options = {"early_stopping": False, "baselines": False, "random_state": 0}
    learned = {}
    for method in methods:
        model = eb.EnergyModel(method, updates=NUM_UPDATES, snapshots=6, **options).fit(data)
        z = model.model_.units.transform(points).astype(np.float32)
        learned[method] = {step: -evaluate(energy, z) for step, energy in model.snapshots_}
    return _maps(dataset, learned)


def score_matching() -> tuple[str, list[MapsOfRun]]:
    dataset = "eight_gaussians_unequal_separated"
    return "Denoising score matching and NCE", _train(dataset, ("dsm", "nce"))


def langevin_chains() -> tuple[str, list[MapsOfRun]]:
    """The target at three temperatures: heat lowers the barriers between the modes."""
    dataset = "eight_gaussians_unequal_separated"
    log_p = eb.load_dataset(dataset).log_prob(_grid(dataset).points())
    energies = {"E": log_p, "E / 4": log_p / 4, "E / 16": log_p / 16}
    return "Chains between modes", _maps(dataset, {k: {0: v} for k, v in energies.items()})


def kl_decomposition() -> tuple[str, list[MapsOfRun]]:
    """The four energies of the page."""
    points = _grid("eight_gaussians").points()
    log_p = eb.load_dataset("eight_gaussians").log_prob(points)
    broad = -0.5 * (points**2).sum(axis=1) / 9 - np.log(2 * np.pi * 9)
    energies = {
        "wrong weights": eb.load_dataset("eight_gaussians_unequal").log_prob(points),
        "10% between the modes": np.logaddexp(np.log(0.9) + log_p, np.log(0.1) + broad),
        "too narrow": 1.5 * log_p,
    }
    return "Three errors", _maps("eight_gaussians", {k: {0: v} for k, v in energies.items()})


def _gallery(dataset: str) -> Callable[[], tuple[str, list[MapsOfRun]]]:
    return lambda: (GALLERY_DATASETS[dataset], _train(dataset, GALLERY_METHODS))


SHOWN = {
    "langevin_chains": langevin_chains,
    "score_matching": score_matching,
    "kl_decomposition": kl_decomposition,
} | {dataset: _gallery(dataset) for dataset in GALLERY_DATASETS}


def element(name: str) -> str:
    """Return the HTML element of an entry of `SHOWN`."""
    source = Path(__file__).read_bytes() + name.encode()
    path = CACHE / f"{name}-{hashlib.sha256(source).hexdigest()[:12]}.pickle"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(SHOWN[name]()))
    title, runs = pickle.loads(path.read_bytes())
    return live_maps(title, runs, step_size=0.002)


class Live(Directive):
    """`.. live:: NAME`"""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", element(self.arguments[0]), format="html")]
