"""Sample metrics in 64 dimensions: `python -m benchmarks.metrics.power_64 [SIZE ...]`.

Compares samples of distorted models with target samples (`digits_64`) by every metric, and each
model with the target by the exact densities. Rows are appended to `metric_power_64.csv` as they
come, and kept rows are not computed again. Writes the page docs/metrics/power_64.md from the rows;
`--page` only writes the page. Numbers choose the sample sizes to measure.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks._clock import use_one_thread
from ebmark.system.writing import write_whole

RESULTS = Path(__file__).parents[1] / "results" / "metric_power_64.csv"
PAGE = Path(__file__).parents[2] / "docs" / "metrics" / "power_64.md"
# a study with runs on the dataset, whose KL is on a common scale with these
STUDY = Path(__file__).parents[2] / "results" / "images"
DATASET = "digits_64"
COLUMNS = ["distortion", "seed", "n", "units", "metric", "value", "cpu_seconds"]
# target samples against target samples; of these rows, the seed counts the draws
NULL = "null"
PIXELS, WHITENED, EXACT, TRAINED = "pixels", "whitened", "exact", "trained"
NUM_EXACT = 20_000
# size -> number of seeds, number of null draws
SIZES = {1_000: (5, 40), 200: (5, 40), 10_000: (1, 20)}
# metrics of fewer seeds and null draws, as each value takes seconds
SLOW = {"sinkhorn": (2, 20), "c2st": (5, 20), "c2st_mlp": (5, 20)}
# samples of trained models: Langevin chains, sequential Monte Carlo, and the method's own sampler
SAMPLE_KINDS = ("langevin", "smc", "native")
# with more points than this, metrics of the matrix of all distances are replaced or left out
MANY = 5_000
AT_MANY = ("sliced_w2", "c2st_mlp", "c2st", "c2st_1nn", "mmd_sq", "energy_distance_sq")
SLOW_AT_MANY = dict.fromkeys((*AT_MANY[1:], "minibatch_w1", "minibatch_w2"), (1, 8))

Metric = Callable[..., float]


class Comparison(NamedTuple):
    """The samples of one distortion and one seed, in one kind of units."""

    distortion: str
    seed: int
    n: int
    units: str


def mlp_accuracy(x: np.ndarray, y: np.ndarray) -> float:
    """Return the accuracy of a neural network that separates two samples, by two folds.

    Two hidden layers of 256 units on standardized columns; each half is classified by a network of
    the other half, which stops early on a tenth of it.
    """
    from sklearn.neural_network import MLPClassifier

    points = (np.concatenate([x, y]) - y.mean(axis=0)) / y.std(axis=0)
    points = points.astype(np.float32)
    labels = np.repeat([0, 1], [len(x), len(y)])
    halves = np.array_split(np.random.default_rng(0).permutation(len(points)), 2)
    accuracies = []
    for train, test in (halves, halves[::-1]):
        network = MLPClassifier(
            (256, 256), learning_rate_init=3e-3, early_stopping=True, max_iter=100, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network.fit(points[train], labels[train])
        accuracies.append(network.score(points[test], labels[test]))
    return float(np.mean(accuracies))


def neighbor_accuracy(x: np.ndarray, y: np.ndarray) -> float:
    """Return the leave-one-out accuracy of the nearest neighbor as a classifier of two samples."""
    from sklearn.neighbors import NearestNeighbors

    points = np.concatenate([x, y])
    labels = np.repeat([0, 1], [len(x), len(y)])
    tree = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points)
    # without an argument, a point is no neighbor of its own
    nearest = tree.kneighbors(return_distance=False)[:, 0]
    return float(np.mean(labels[nearest] == labels))


def metrics(n: int, units: str) -> dict[str, Metric]:
    """Return the metrics of this sample size; those of the target density in pixels only."""
    from ebmark.datasets import SyntheticDataset
    from ebmark.metrics._registry import (
        ADDITIONAL_SAMPLE_METRICS,
        OF_MANY_POINTS,
        SAMPLE_METRICS,
    )
    from ebmark.metrics._suite import sample_metrics

    functions = SAMPLE_METRICS | ADDITIONAL_SAMPLE_METRICS
    functions |= {"c2st_mlp": mlp_accuracy, "c2st_1nn": neighbor_accuracy}
    if n > MANY:
        functions = {name: functions[name] for name in AT_MANY}
        functions |= dict(OF_MANY_POINTS[name] for name in ("w1", "w2"))
    if units == PIXELS:
        source = SyntheticDataset(DATASET)
        of_density = sample_metrics(source)
        names = ("high_quality_fraction", "mode_frequency_tv")
        functions |= {name: of_density[name] for name in names}
    return functions


class Rows:
    """The rows of the table, on disk; a row is written when it is added."""

    def __init__(self, path: Path = RESULTS):
        self.path = path
        self.known: set[tuple] = set()
        if path.exists():
            table = pd.read_csv(path, keep_default_na=False, na_values=[""])
            self.known = set(table[COLUMNS[:5]].itertuples(index=False, name=None))

    def add(self, of: Comparison, metric: str, value: float, cpu_seconds: float = 0.0) -> None:
        row = pd.DataFrame([(*of, metric, value, cpu_seconds)], columns=COLUMNS)
        row = row.astype({"value": float}).round({"cpu_seconds": 3})
        is_new = not self.path.exists()
        row.to_csv(self.path, mode="a", header=is_new, index=False, float_format="%.6g")
        self.known.add((*of, metric))

    def drop(self, units: str) -> None:
        """Remove all rows of one kind of units."""
        if self.path.exists():
            lines = self.path.read_text().splitlines(keepends=True)
            kept = [line for line in lines if f",{units}," not in line]
            write_whole(self.path, "".join(kept).encode())
        self.known = {key for key in self.known if key[3] != units}

    def has(self, of: Comparison, metric: str) -> bool:
        return (*of, metric) in self.known


class Study:
    """The target, its whitened units, and the distorted models."""

    def __init__(self, rows: Rows):
        from benchmarks.metrics.distortions import DISTORTIONS, draw
        from ebmark.datasets import DATASETS
        from ebmark.datasets.fitted._targets import FittedMixture
        from ebmark.datasets.preprocessing import fit_units

        dataset = DATASETS[DATASET]
        assert isinstance(dataset, FittedMixture)
        self.rows = rows
        self.target = dataset.mixture
        self.models = {name: distort(self.target) for name, distort in DISTORTIONS.items()}
        self.units = fit_units(draw(self.target, NUM_EXACT, 1))

    def measure_exact(self, name: str) -> None:
        """Add the divergences by exact densities and scores, over samples of target and model."""
        from benchmarks.metrics import distortions as exact

        of = Comparison(name, 0, NUM_EXACT, EXACT)
        if self.rows.has(of, "fisher_divergence_whitened"):
            return
        p, q = self.target, self.models[name]
        x = exact.draw(p, NUM_EXACT, 2)
        values: dict[str, float] = {}
        values["kl"], values["kl_error"] = exact.divergence(p, q, x)
        values["reverse_kl"] = exact.divergence(q, p, exact.draw(q, NUM_EXACT, 3))[0]
        values["tv"] = exact.total_variation(p, q, x)
        gaps = exact.scores(p, x) - exact.scores(q, x)
        # rows are what a unit of each whitened coordinate adds to x
        jacobian = self.units.inverse_transform(np.eye(p.dim))
        jacobian = jacobian - self.units.inverse_transform(np.zeros((1, p.dim)))
        for units, z in ((PIXELS, gaps), (WHITENED, gaps @ jacobian.T)):
            values[f"fisher_divergence_{units}"] = float(np.mean(np.sum(z**2, axis=1)))
        for metric, value in values.items():
            self.rows.add(of, metric, value)

    def measure(self, of: Comparison, names: Iterable[str]) -> None:
        """Add the values of the metrics of these names that are missing."""
        from benchmarks.metrics.distortions import draw

        index = [NULL, *self.models].index(of.distortion)
        is_null = index == 0
        limits = SLOW_AT_MANY if of.n > MANY else SLOW
        slow = {name for name, counts in limits.items() if of.seed >= counts[is_null]}
        wanted = [k for k in names if k not in slow and not self.rows.has(of, k)]
        if not wanted:
            return
        model = self.target if is_null else self.models[of.distortion]
        x = draw(model, of.n, 1_000_000 + 1_000 * index + of.seed)
        y = draw(self.target, of.n, 2_000_000 + 1_000 * is_null + of.seed)
        if of.units == WHITENED:
            x, y = self.units.transform(x), self.units.transform(y)
        functions = metrics(of.n, of.units)
        for name in wanted:
            start = time.process_time()
            value = functions[name](x, y)
            self.rows.add(of, name, value, time.process_time() - start)

    def measure_all(self, n: int) -> None:
        """Add all that is missing at a sample size; with many points, one metric after another."""
        names = list(metrics(n, PIXELS))
        for part in [[name] for name in names] if n > MANY else [names]:
            for units in (PIXELS, WHITENED):
                known = [name for name in part if name in metrics(n, units)]
                for of in comparisons(n, units, list(self.models)):
                    self.measure(of, known)
                    print(*of, part[0], file=sys.stderr, flush=True)


def comparisons(n: int, units: str, names: list[str]) -> list[Comparison]:
    """Return all comparisons of a sample size in one kind of units, the first seeds first."""
    num_seeds, num_null = SIZES[n]
    pairs = [(NULL, draw) for draw in range(num_null)]
    pairs += [(name, seed) for seed in range(num_seeds) for name in names]
    return [Comparison(*pair, n, units) for pair in pairs]


def add_trained(rows: Rows, folder: Path = STUDY) -> None:
    """Copy the KL and the sample metrics of the trained models of a study, at their last update.

    They replace those of an earlier study. An unresolved KL stays infinite, the worst in every
    ranking; diverged runs have none.
    """
    from ebmark.metrics import SAMPLE_METRICS
    from ebmark.store.table import read

    rows.drop(TRAINED)
    plan = json.loads((folder / "plan.json").read_text())["runs"]
    table = read(folder)
    names = [*SAMPLE_METRICS, "high_quality_fraction", "mode_frequency_tv"]
    wanted = ["kl", "fisher_divergence"]
    wanted += [f"{name}_{kind}" for name in names for kind in SAMPLE_KINDS]
    table = table[table["dataset"] == DATASET]
    for (method, seed, run_id), run in table.groupby(["method", "seed", "run_id"]):
        num = plan[run_id]["num_metric_samples"]
        of = Comparison(f"{TRAINED}: {method}", int(seed), num, TRAINED)
        last = run[run["step"] == run["step"].max()].set_index("metric")["value"]
        for metric in [name for name in wanted if name in last.index]:
            if not np.isnan(last[metric]):
                rows.add(of, metric, float(last[metric]))


def main() -> int:
    """Measure what is missing, and write the page; the exit status."""
    from benchmarks.metrics.power_64_page import page

    sizes = [int(word) for word in sys.argv[1:] if word.isdigit()] or list(SIZES)
    if "--page" not in sys.argv:
        rows = Rows()
        study = Study(rows)
        for name in study.models:
            study.measure_exact(name)
        add_trained(rows)
        for n in sizes:
            study.measure_all(n)
    PAGE.write_text(page(pd.read_csv(RESULTS, keep_default_na=False, na_values=[""])))
    return 0


if __name__ == "__main__":
    use_one_thread(__spec__.name)
    sys.exit(main())
