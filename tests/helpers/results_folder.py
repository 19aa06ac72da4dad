"""A small but plausible results folder, of formulas and numpy: what the report's tests read.

`python tests/helpers/results_folder.py DIR` builds one and writes its report, to look at.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

DIVERGED = (("half_moons", "cd", 3),)
REASON = (
    "Stopped at update 1,200: the loss left its range (energy gap 3e5 after 0.02). The chain's "
    "step is too large for this energy; halve the step, or take more of them."
)
ABOUT = {
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
# method -> (leak, blur of the modes, error of the weights, CPU seconds)
CHARACTER = {
    "cd": (0.016, 0.05, 0.06, 13.8),
    "pcd": (0.012, 0.06, 0.10, 15.1),
    "dsm": (0.022, 0.12, 0.09, 4.3),
    "nce": (0.004, 0.04, 0.02, 4.9),
    "mle": (0.002, 0.02, 0.01, 11.0),
}
DATASETS = {
    "eight_gaussians": (2, 2.831578),
    "half_moons": (2, 1.00758),
    "line": (1, None),
    "table": (3, None),
}


class Mixture(NamedTuple):
    """Gaussians of one width at `means`, and a broad one that holds the `leak`."""

    means: np.ndarray
    weights: np.ndarray
    sd: float
    leak: float = 0.0
    broad: float = 1.0

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        modes = (self.weights * _normal(x[..., None, :] - self.means, self.sd)).sum(-1)
        return np.log(
            (1 - self.leak) * modes
            + self.leak * _normal(x - self.means.mean(0), self.broad)
            + 1e-300
        )

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        dim = self.means.shape[1]
        x = self.means[rng.choice(len(self.means), n, p=self.weights)] + self.sd * rng.normal(
            size=(n, dim)
        )
        leaked = rng.random(n) < self.leak
        x[leaked] = self.means.mean(0) + self.broad * rng.normal(size=(int(leaked.sum()), dim))
        return x


def _normal(d: np.ndarray, sd: float) -> np.ndarray:
    return np.exp(-0.5 * (d**2).sum(-1) / sd**2) / (2 * math.pi * sd**2) ** (d.shape[-1] / 2)


def truth(dataset: str) -> tuple[Mixture, int]:
    """The density of a dataset, and how many modes its components make."""
    if dataset == "half_moons":
        t = (np.arange(48) + 0.5) * math.pi / 48
        upper, lower = (
            np.stack([np.cos(t), np.sin(t)], 1),
            np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1),
        )
        return Mixture(np.concatenate([upper, lower]), np.full(96, 1 / 96), 0.1, broad=1.2), 2
    if dataset == "eight_gaussians":
        t = np.arange(8) * math.pi / 4
        return Mixture(
            math.sqrt(8) * np.stack([np.cos(t), np.sin(t)], 1), np.full(8, 1 / 8), 0.3536, broad=3.0
        ), 8
    dim = DATASETS.get(dataset, (3, None))[0]
    return Mixture(
        np.array([[-2.0] * dim, [2.0] + [1.0] * (dim - 1)]), np.array([0.4, 0.6]), 0.5, broad=2.0
    ), 2


def fitted(p: Mixture, modes: int, method: str, rng: np.random.Generator) -> Mixture:
    """What `method` might have learned of `p`: blurred, wrong weights, some mass between."""
    leak, blur, wrong, _ = CHARACTER.get(method, CHARACTER["nce"])
    luck = np.exp(0.25 * rng.normal())
    weights = p.weights * np.repeat(np.exp(wrong * rng.normal(size=modes)), len(p.weights) // modes)
    return p._replace(
        weights=weights / weights.sum(), sd=p.sd * (1 + blur * luck), leak=leak * luck
    )


def anatomy(p: Mixture, q: Mixture, modes: int, x: np.ndarray, area: float) -> dict[str, float]:
    """KL and its three parts, by quadrature."""
    log_p, log_q = p.log_prob(x), q.log_prob(x)
    mass = np.exp(log_p) * area
    order = np.argsort(-log_p.ravel())
    inside = np.zeros(log_p.size, bool)
    inside[order[: int(np.searchsorted(np.cumsum(mass.ravel()[order]), 0.999)) + 1]] = True
    nearest = np.argmin(((x[..., None, :] - p.means) ** 2).sum(-1), -1) * modes // len(p.means)
    region = np.where(inside.reshape(log_p.shape), nearest + 1, 0).ravel()
    P, Q = (np.bincount(region, np.exp(log).ravel() * area, modes + 1) for log in (log_p, log_q))
    kl = float((mass * (log_p - log_q)).sum())
    leak = float(P[0] * np.log(P[0] / Q[0]) + (1 - P[0]) * np.log((1 - P[0]) / (1 - Q[0])))
    masses = float((P[1:] * np.log(P[1:] / (1 - P[0]) / (Q[1:] / (1 - Q[0])))).sum())
    tv = float(0.5 * (np.abs(np.exp(log_p) - np.exp(log_q)) * area).sum())
    mode_tv = float(0.5 * np.abs(P[1:] / P[1:].sum() - Q[1:] / Q[1:].sum()).sum())
    return {
        "kl": kl,
        "kl_off_support": leak,
        "kl_mode_weights": masses,
        "kl_within_mode": kl - leak - masses,
        "tv": tv,
        "mode_weight_tv": mode_tv,
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
) -> Path:
    """Write the folder of a study; `missing` cells are planned and not there."""
    folder = Path(folder)
    null_ranges = {"eight_gaussians": 0.156, "half_moons": 0.051}
    study: dict[str, Any] = {
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
            m: {
                "num_updates": 5000,
                "batch_size": 256,
                "learning_rate": 3e-3,
                "method": {"name": m, "sigma": 0.05, "steps": 10},
            }
            for m in methods
        },
        "method_info": {
            m: dict(zip(("title", "loss", "test"), ABOUT.get(m, (m, "", "")), strict=True))
            for m in methods
        },
        "dataset_info": {
            d: {
                "title": d.replace("_", " ").capitalize(),
                "dim": DATASETS.get(d, (3, None))[0],
                "entropy": DATASETS.get(d, (3, None))[1],
                "langevin_step": 0.00132,
            }
            for d in datasets
        },
        "null_ranges": {},
        "runs": {},
        "notes": [],
    }
    if any(DATASETS.get(d, (3,))[0] > 2 for d in datasets):
        study["notes"].append(
            "Data of more than 2 columns: no mle, no exact samples, no likelihood."
        )
    rows: list[dict[str, Any]] = []
    for d, dataset in enumerate(datasets):
        p, modes = truth(dataset)
        dim, entropy = DATASETS.get(dataset, (3, None))
        w1 = null_ranges.get(dataset, 0.08)
        study["null_ranges"][dataset] = {
            name: {
                "n": points,
                "mean": w1 * f,
                "low": w1 * f * 0.75,
                "high": w1 * f * 1.45,
                "draws": 100,
            }
            for name, f in {"w1": 1.0, "w2": 1.4, "sliced_w2": 0.7}.items()
        }
        low, high = p.means.min(0) - 1.0 - 2 * p.sd, p.means.max(0) + 1.0 + 2 * p.sd
        axes = [np.linspace(a, b, grid) for a, b in zip(low, high, strict=True)]
        x = np.stack(np.meshgrid(*axes[:2], indexing="ij"), -1) if dim == 2 else np.zeros((0, dim))
        area = float(np.prod([a[1] - a[0] for a in axes]))
        for m, method in enumerate(methods):
            for seed in range(seeds):
                spec = {"dataset": dataset, "method": method, "recipe": "default", "seed": seed}
                cell = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
                study["runs"][cell] = spec
                if (dataset, method, seed) in missing:
                    continue
                rng = np.random.default_rng([d, m, seed])
                broken = (dataset, method, seed) in diverged
                q = fitted(p, modes, method, rng)
                arrays = _arrays(
                    p, q, points, rng, axes, x, known=entropy is not None, broken=broken
                )
                values = _values(
                    p, q, modes, method, rng, x, area, entropy, w1, known=entropy is not None
                )
                status, reason = ("diverged", REASON) if broken else ("done", "")
                for step, metric, value in values:
                    value = math.nan if broken else value
                    fields = {
                        **spec,
                        "step": step,
                        "metric": metric,
                        "value": value,
                        "run_id": cell,
                    }
                    rows.append({**fields, "status": status, "reason": reason, "ebmark": "0.1.0"})
                place = folder / "runs" / cell
                place.mkdir(parents=True, exist_ok=True)
                (place / "spec.json").write_text(json.dumps(spec))
                np.savez(place / "samples.npz", **arrays)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text(json.dumps(study))
    names = [
        "dataset",
        "method",
        "recipe",
        "seed",
        "step",
        "metric",
        "value",
        "run_id",
        "status",
        "reason",
        "ebmark",
    ]
    with open(folder / "results.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _arrays(p, q, points, rng, axes, x, *, known, broken) -> dict[str, np.ndarray]:
    arrays = {"train": p.sample(points, rng), "test": p.sample(points, rng)}
    if not broken:
        arrays["langevin"] = q._replace(leak=min(2 * q.leak, 0.2), sd=1.05 * q.sd).sample(
            points, rng
        )
        arrays["trajectory_steps"] = np.array([0, 5, 10, 20, 50, 100, 200, 500, 1000, 1500, 2000])
        share = np.sqrt(arrays["trajectory_steps"] / 2000)[:, None, None]
        end = arrays["langevin"][:40]
        start = p.means.mean(0) + p.broad * rng.normal(size=end.shape)
        spread = 0.8 * p.sd * (share * (1 - share) + 0.1)
        jitter = spread * rng.normal(size=(len(share), *end.shape))
        arrays["trajectories"] = (1 - share) * start + share * end + jitter
        if x.size:
            arrays |= {
                "exact": q.sample(points, rng),
                "log_density": q.log_prob(x).astype(np.float32),
            }
    if x.size:
        arrays |= {"grid_x": axes[0], "grid_y": axes[1]}
        if known:
            arrays["target_log_density"] = p.log_prob(x).astype(np.float32)
    return arrays


def _values(
    p, q, modes, method, rng, x, area, entropy, w1, *, known
) -> list[tuple[int, str, float]]:
    seconds = CHARACTER.get(method, CHARACTER["nce"])[3] * np.exp(0.03 * rng.normal())
    values: list[tuple[int, str, float]] = []
    error = 0.02
    parts = anatomy(p, q, modes, x, area) if known else {}
    for step in (500, 1000, 2000, 5000):
        share = step / 5000
        costs = {
            "train_seconds": seconds * share,
            "train_cpu_seconds": 0.98 * seconds * share,
            "network_evaluations": 2560 * step,
        }
        if known:
            so_far = {name: float(value / share**0.8) for name, value in parts.items()}
            error = so_far["kl"]
            more = {"nll": error + entropy, "log_z": 1.8, "log_z_error": 1e-6}
            values += [(step, name, value) for name, value in (so_far | more).items()]
        elif q.means.shape[1] <= 2:
            values.append((step, "nll", 1.4 + 0.1 * q.leak / share))
        values += [(step, name, float(value)) for name, value in costs.items()]
    exact = w1 * (0.95 + 0.1 * rng.random()) * (1 + 3 * error)
    last = {
        "w1_langevin_500": 2.1 * exact,
        "w1_langevin_1000": 1.6 * exact,
        "w1_langevin": 1.3 * exact,
    }
    last |= {"w2_langevin": 1.8 * exact, "sliced_w2_langevin": 0.9 * exact}
    if known:
        last |= {"w1_exact": exact, "w2_exact": 1.4 * exact, "sliced_w2_exact": 0.7 * exact}
    else:
        last["mmd_sq_langevin"] = 1e-3 * float(rng.normal())
    last |= {"compile_seconds": 2.5, "sample_seconds": 1.7, "num_updates": 5000.0}
    return values + [(5000, name, float(value)) for name, value in last.items()]


if __name__ == "__main__":
    import sys

    from ebmark.report.page import write_report

    where = Path(sys.argv[1])
    build(where, seeds=10, grid=160, points=2000, methods=("cd", "pcd", "dsm", "nce", "mle"))
    print(write_report(where))
