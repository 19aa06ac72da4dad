"""A small but plausible results folder, made of formulas and numpy, for the tests of the report.

`python tests/helpers/results_folder.py DIR` creates one and writes its report.
"""

import csv
import hashlib
import io
import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ebmark.store.maps import encode
from ebmark.system.checksums import sha256
from ebmark.system.listed_files import write_listed
from ebmark.system.writing import write_json

DIVERGED = (("half_moons", "cd", 3),)
REASON = (
    "Stopped at update 1,200: the loss left its range (energy gap 3e5 after 0.02). The chain's "
    "step is too large for this energy; halve the step, or take more of them."
)
# method -> title, loss, reference
METHODS = {
    "cd": (
        "Contrastive divergence",
        r"\mathcal{L} = \mathbb{E}_{data}[E(x)] - \mathbb{E}_{x^-}[E(x^-)]",
        "Hinton (2002)",
    ),
    "pcd": ("Persistent contrastive divergence", "E(data) - E(chains kept)", "Tieleman (2008)"),
    "dsm": (
        "Denoising score matching",
        r"$$ \mathcal{L} = \tfrac12 \mathbb{E}_{x, z} \| \sigma \nabla E(x + \sigma z) - z \|^2 $$",
        "Vincent (2011), A connection between score matching and denoising autoencoders",
    ),
    "nce": (
        "Noise contrastive estimation",
        r"\begin{aligned} not for mathtext \end{aligned}",
        "Gutmann & Hyvarinen (2010)",
    ),
    "mle": (
        "Exact maximum likelihood: the oracle",
        r"-\mathbb{E}_{data}[\log p(x)]",
        "Fisher (1922)",
    ),
}


class ModelError(NamedTuple):
    """The typical error of the model that a method learns, and its cost."""

    off_support: float  # fraction of the mass outside the modes
    widening: float  # relative increase of the modes' standard deviation
    weights: float  # standard deviation of the log mode weights
    cpu_seconds: float


MODEL_ERRORS = {
    "cd": ModelError(0.016, 0.05, 0.06, 13.8),
    "pcd": ModelError(0.012, 0.06, 0.10, 15.1),
    "dsm": ModelError(0.022, 0.12, 0.09, 4.3),
    "nce": ModelError(0.004, 0.04, 0.02, 4.9),
    "mle": ModelError(0.002, 0.02, 0.01, 11.0),
}
# dataset -> dimension, entropy if known
DATASETS = {
    "eight_gaussians": (2, 2.831578),
    "half_moons": (2, 1.00758),
    "line": (1, None),
    "table": (3, None),
}
OTHER_DATASET = (3, None)
NULL_W1 = {"eight_gaussians": 0.156, "half_moons": 0.051}
COLUMNS = ["dataset", "method", "recipe", "seed", "step", "metric", "value", "run_id"]
COLUMNS += ["status", "reason", "ebmark"]


class Mixture(NamedTuple):
    """Gaussians of one standard deviation `sd`, and a broad one with the mass `off_support`."""

    means: np.ndarray
    weights: np.ndarray
    sd: float
    off_support: float = 0.0
    broad: float = 1.0

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        modes = (self.weights * _normal(x[..., None, :] - self.means, self.sd)).sum(-1)
        background = _normal(x - self.means.mean(0), self.broad)
        return np.log((1 - self.off_support) * modes + self.off_support * background + 1e-300)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        dim = self.means.shape[1]
        means = self.means[rng.choice(len(self.means), n, p=self.weights)]
        x = means + self.sd * rng.normal(size=(n, dim))
        is_off = rng.random(n) < self.off_support
        noise = rng.normal(size=(int(is_off.sum()), dim))
        x[is_off] = self.means.mean(0) + self.broad * noise
        return x


class Target(NamedTuple):
    """A dataset: its density, the number of modes, and the grid on which densities are shown."""

    name: str
    density: Mixture
    num_modes: int
    entropy: float | None
    axes: list[np.ndarray]

    @property
    def dim(self) -> int:
        return self.density.means.shape[1]

    @property
    def grid(self) -> np.ndarray:
        """The points of the grid, of shape (x, y, 2); empty unless the dimension is 2."""
        if self.dim != 2:
            return np.zeros((0, self.dim))
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), -1)

    @property
    def area(self) -> float:
        return float(np.prod([axis[1] - axis[0] for axis in self.axes]))

    @property
    def null_w1(self) -> float:
        return NULL_W1.get(self.name, 0.08)


def _normal(d: np.ndarray, sd: float) -> np.ndarray:
    return np.exp(-0.5 * (d**2).sum(-1) / sd**2) / (2 * math.pi * sd**2) ** (d.shape[-1] / 2)


def target_density(dataset: str) -> tuple[Mixture, int]:
    """Return the density of a dataset, and the number of modes that its components form."""
    if dataset == "half_moons":
        t = (np.arange(48) + 0.5) * math.pi / 48
        upper = np.stack([np.cos(t), np.sin(t)], 1)
        lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1)
        means = np.concatenate([upper, lower])
        return Mixture(means, np.full(96, 1 / 96), 0.1, broad=1.2), 2
    if dataset == "eight_gaussians":
        t = np.arange(8) * math.pi / 4
        means = math.sqrt(8) * np.stack([np.cos(t), np.sin(t)], 1)
        return Mixture(means, np.full(8, 1 / 8), 0.3536, broad=3.0), 8
    dim, _ = DATASETS.get(dataset, OTHER_DATASET)
    means = np.array([[-2.0] * dim, [2.0] + [1.0] * (dim - 1)])
    return Mixture(means, np.array([0.4, 0.6]), 0.5, broad=2.0), 2


def make_target(dataset: str, num_grid_points: int) -> Target:
    density, num_modes = target_density(dataset)
    low = density.means.min(0) - 1.0 - 2 * density.sd
    high = density.means.max(0) + 1.0 + 2 * density.sd
    axes = [np.linspace(a, b, num_grid_points) for a, b in zip(low, high, strict=True)]
    _, entropy = DATASETS.get(dataset, OTHER_DATASET)
    return Target(dataset, density, num_modes, entropy, axes)


def fit(target: Target, method: str, rng: np.random.Generator) -> Mixture:
    """Return a model that `method` might learn: too wide, wrong weights, mass between the modes."""
    error = MODEL_ERRORS.get(method, MODEL_ERRORS["nce"])
    p = target.density
    size = np.exp(0.25 * rng.normal())
    factors = np.exp(error.weights * rng.normal(size=target.num_modes))
    weights = p.weights * np.repeat(factors, len(p.weights) // target.num_modes)
    return p._replace(
        weights=weights / weights.sum(),
        sd=p.sd * (1 + error.widening * size),
        off_support=error.off_support * size,
    )


def decompose_kl(target: Target, q: Mixture) -> dict[str, float]:
    """Return KL and its three parts, by quadrature."""
    p = target.density
    num_modes = target.num_modes
    log_p = p.log_prob(target.grid)
    log_q = q.log_prob(target.grid)
    mass = np.exp(log_p) * target.area
    order = np.argsort(-log_p.ravel())
    num_inside = int(np.searchsorted(np.cumsum(mass.ravel()[order]), 0.999)) + 1
    is_inside = np.zeros(log_p.size, bool)
    is_inside[order[:num_inside]] = True
    distances = ((target.grid[..., None, :] - p.means) ** 2).sum(-1)
    nearest_mode = np.argmin(distances, -1) * num_modes // len(p.means)
    # region 0 is off the support, the others are the modes
    region = np.where(is_inside.reshape(log_p.shape), nearest_mode + 1, 0).ravel()
    of_p = np.bincount(region, np.exp(log_p).ravel() * target.area, num_modes + 1)
    of_q = np.bincount(region, np.exp(log_q).ravel() * target.area, num_modes + 1)
    kl = float((mass * (log_p - log_q)).sum())
    outside = of_p[0] * np.log(of_p[0] / of_q[0])
    inside = (1 - of_p[0]) * np.log((1 - of_p[0]) / (1 - of_q[0]))
    off_support = float(outside + inside)
    ratios = of_p[1:] / (1 - of_p[0]) / (of_q[1:] / (1 - of_q[0]))
    mode_weights = float((of_p[1:] * np.log(ratios)).sum())
    weight_gaps = of_p[1:] / of_p[1:].sum() - of_q[1:] / of_q[1:].sum()
    return {
        "kl": kl,
        "kl_off_support": off_support,
        "kl_mode_weights": mode_weights,
        "kl_within_mode": kl - off_support - mode_weights,
        "tv": float(0.5 * (np.abs(np.exp(log_p) - np.exp(log_q)) * target.area).sum()),
        "mode_weight_tv": float(0.5 * np.abs(weight_gaps).sum()),
    }


def build(
    folder: Path,
    *,
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons"),
    methods: tuple[str, ...] = ("cd", "dsm", "nce", "mle"),
    seeds: int = 6,
    grid: int = 60,
    points: int = 400,
    diverged: tuple[tuple[str, str, int], ...] = DIVERGED,
    missing: tuple[tuple[str, str, int], ...] = (),
    title: str = "Toy study",
    maps: bool = True,
) -> Path:
    """Write the folder of a study; the runs `missing` are planned, but not completed."""
    folder = Path(folder)
    study = _describe(datasets, methods, seeds, points, title)
    rows: list[dict[str, Any]] = []
    for d, dataset in enumerate(datasets):
        target = make_target(dataset, grid)
        study["null_ranges"][dataset] = _null_ranges(target, points)
        for m, method in enumerate(methods):
            for seed in range(seeds):
                spec = {"dataset": dataset, "method": method, "recipe": "default", "seed": seed}
                run_id = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
                study["runs"][run_id] = spec
                if (dataset, method, seed) in missing:
                    continue
                rng = np.random.default_rng([d, m, seed])
                is_diverged = (dataset, method, seed) in diverged
                model = fit(target, method, rng)
                arrays = _arrays(target, model, points, rng, is_diverged=is_diverged)
                if maps and target.grid.size and not is_diverged:
                    arrays |= _maps(target, model)
                values = _values(target, model, method, rng)
                rows += _rows(spec, run_id, values, is_diverged=is_diverged)
                run_folder = folder / "runs" / run_id
                run_folder.mkdir(parents=True, exist_ok=True)
                write_json(run_folder / "spec.json", spec)
                np.savez(run_folder / "samples.npz", **arrays)
                write_result(run_folder, values, is_diverged=is_diverged)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "study.json", study)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_listed(folder / "results.csv", text.getvalue().encode())
    return folder


def write_result(run_folder: Path, values, *, is_diverged: bool) -> None:
    """Write the result of a run, which contains the checksums of its other files."""
    files = ("samples.npz", "spec.json")
    result = {
        "status": "diverged" if is_diverged else "done",
        "reason": REASON if is_diverged else "",
        "rows": [[step, metric, None if is_diverged else value] for step, metric, value in values],
        "ebmark": "0.1.0",
        "versions": {"jax": "0.10"},
        "code_hash": "s",
        "device": "cpu",
        "seconds": 60.0,
        "files": {name: sha256((run_folder / name).read_bytes()) for name in files},
    }
    write_json(run_folder / "result.json", result)


def _describe(datasets, methods, seeds, points, title) -> dict[str, Any]:
    """Return the content of study.json, without the runs and null ranges."""
    dims = {dataset: DATASETS.get(dataset, OTHER_DATASET)[0] for dataset in datasets}
    notes = ["Data of more than 2 columns: no mle, no exact samples, no likelihood."]
    return {
        "schema": 2,
        "name": "toy",
        "title": title,
        "datasets": list(datasets),
        "methods": list(methods),
        "seeds": seeds,
        "command": "ebmark run toy",
        "ebmark": "0.1.0",
        "code_hash": hashlib.sha256(b"code_hash").hexdigest(),
        "versions": {
            "python": "3.11.2",
            "jax": "0.10.2",
            "equinox": "0.13.8",
            "optax": "0.2.8",
            "numpy": "2.4.6",
        },
        "device": "cpu: AMD EPYC, 2 cores",
        "started": "2026-11-23T23:31:00+00:00",
        "settings": {
            "num_train": 10000,
            "num_samples": points,
            "chains": 2000,
            "langevin_steps": 2000,
        },
        "energy": "MLP on 32 random Fourier features (bandwidth 1), two layers of 64, confined",
        "recipes": {
            method: {
                "num_updates": 5000,
                "batch_size": 256,
                "learning_rate": 3e-3,
                "method": {"name": method, "sigma": 0.05, "steps": 10},
            }
            for method in methods
        },
        "method_info": {
            method: dict(zip(("title", "loss", "reference"), METHODS.get(method, (method, "", ""))))
            for method in methods
        },
        "dataset_info": {
            dataset: {
                "title": dataset.replace("_", " ").capitalize(),
                "dim": dim,
                "entropy": DATASETS.get(dataset, OTHER_DATASET)[1],
                "langevin_step": 0.00132,
            }
            for dataset, dim in dims.items()
        },
        "null_ranges": {},
        "runs": {},
        "notes": notes if max(dims.values()) > 2 else [],
    }


def _null_ranges(target: Target, points: int) -> dict[str, dict[str, float]]:
    factors = {"w1": 1.0, "w2": 1.4, "sliced_w2": 0.7}
    return {
        name: {
            "n": points,
            "mean": target.null_w1 * factor,
            "low": target.null_w1 * factor * 0.75,
            "high": target.null_w1 * factor * 1.45,
            "draws": 100,
        }
        for name, factor in factors.items()
    }


def _rows(spec, run_id, values, *, is_diverged) -> list[dict[str, Any]]:
    outcome = {"status": "done", "reason": "", "ebmark": "0.1.0"}
    if is_diverged:
        outcome.update(status="diverged", reason=REASON)
        values = [(step, metric, math.nan) for step, metric, _ in values]
    return [
        {**spec, "step": step, "metric": metric, "value": value, "run_id": run_id, **outcome}
        for step, metric, value in values
    ]


def _arrays(target, model, points, rng, *, is_diverged) -> dict[str, np.ndarray]:
    """Return the content of samples.npz."""
    p = target.density
    arrays = {"train": p.sample(points, rng), "test": p.sample(points, rng)}
    has_grid = target.grid.size > 0
    if not is_diverged:
        off_support = min(2 * model.off_support, 0.2)
        of_chains = model._replace(off_support=off_support, sd=1.05 * model.sd)
        arrays["langevin"] = of_chains.sample(points, rng)
        arrays["trajectory_steps"] = np.array([0, 5, 10, 20, 50, 100, 200, 500, 1000, 1500, 2000])
        fraction = np.sqrt(arrays["trajectory_steps"] / 2000)[:, None, None]
        end = arrays["langevin"][:40]
        start = p.means.mean(0) + p.broad * rng.normal(size=end.shape)
        spread = 0.8 * p.sd * (fraction * (1 - fraction) + 0.1)
        noise = spread * rng.normal(size=(len(fraction), *end.shape))
        arrays["trajectories"] = (1 - fraction) * start + fraction * end + noise
        if has_grid:
            arrays["exact"] = model.sample(points, rng)
            arrays["log_density"] = model.log_prob(target.grid).astype(np.float32)
    if has_grid:
        arrays["grid_x"], arrays["grid_y"] = target.axes
        if target.entropy is not None:
            arrays["target_log_density"] = p.log_prob(target.grid).astype(np.float32)
    return arrays


def _maps(target, model) -> dict[str, np.ndarray]:
    """Return the maps of four snapshots, wider at first, and of the target if it is known."""
    widths = [model._replace(sd=model.sd * (1 + 300 / step)) for step in (500, 1000, 2000)]
    pairs = [encode(one.log_prob(target.grid)) for one in (*widths, model)]
    arrays = {
        "map_x": target.axes[0],
        "map_y": target.axes[1],
        "map_steps": np.array([500, 1000, 2000, 5000]),
        "maps": np.stack([codes for codes, _ in pairs]),
        "map_ends": np.stack([ends for _, ends in pairs]),
    }
    if target.entropy is not None:
        means = target.density.means
        nearest = ((target.grid[..., None, :] - means) ** 2).sum(-1).argmin(-1)
        arrays["map_modes"] = (nearest * target.num_modes // len(means)).astype(np.uint16)
        codes, ends = encode(target.density.log_prob(target.grid))
        arrays |= {"target_map": codes, "target_map_ends": ends}
    return arrays


def _values(target, model, method, rng) -> list[tuple[int, str, float]]:
    """Return the rows of result.json: step, metric and value."""
    is_known = target.entropy is not None
    typical_seconds = MODEL_ERRORS.get(method, MODEL_ERRORS["nce"]).cpu_seconds
    seconds = typical_seconds * np.exp(0.03 * rng.normal())
    values: list[tuple[int, str, float]] = []
    kl = 0.02
    parts = decompose_kl(target, model) if is_known else {}
    for step in (500, 1000, 2000, 5000):
        fraction = step / 5000
        at_step = {name: float(value / fraction**0.8) for name, value in parts.items()}
        if is_known:
            kl = at_step["kl"]
            at_step.update(nll=kl + target.entropy, log_z=1.8, log_z_error=1e-6)
        elif target.dim <= 2:
            at_step["nll"] = 1.4 + 0.1 * model.off_support / fraction
        at_step["train_seconds"] = seconds * fraction
        at_step["train_cpu_seconds"] = 0.98 * seconds * fraction
        at_step["network_evaluations"] = 2560 * step
        values += [(step, name, float(value)) for name, value in at_step.items()]
    exact = target.null_w1 * (0.95 + 0.1 * rng.random()) * (1 + 3 * kl)
    last = {
        "w1_langevin_500": 2.1 * exact,
        "w1_langevin_1000": 1.6 * exact,
        "w1_langevin": 1.3 * exact,
        "w2_langevin": 1.8 * exact,
        "sliced_w2_langevin": 0.9 * exact,
    }
    if is_known:
        last.update(w1_exact=exact, w2_exact=1.4 * exact, sliced_w2_exact=0.7 * exact)
    else:
        last["mmd_sq_langevin"] = 1e-3 * float(rng.normal())
    last.update(compile_seconds=2.5, sample_seconds=1.7, num_updates=5000.0)
    return values + [(5000, name, float(value)) for name, value in last.items()]


if __name__ == "__main__":
    from ebmark.report.page import write_report

    out = Path(sys.argv[1])
    build(out, seeds=10, grid=160, points=2000, methods=("cd", "pcd", "dsm", "nce", "mle"))
    print(write_report(out))
