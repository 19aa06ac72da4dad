"""Seconds of the metrics. torchebm has none; ebmkit has MMD and log Z, but no transport."""

import math
from typing import Any

import jax.random as jr
import numpy as np

from benchmarks._clock import make_task, measure_in_turn
from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.metrics import SAMPLE_METRICS, density_metrics, target
from ebmark.partition_function import normalize_on_grid


def draw_samples(num: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two independent samples of the half-moons, (num, 2) each."""
    dataset = SyntheticDataset("half_moons")
    return dataset.draw(num, jr.key(0)), dataset.draw(num, jr.key(1))


def transport(num: int, repeats: int) -> dict[str, Any]:
    """Measure exact W2 between two samples of this size; neither external library has it."""
    x, y = draw_samples(num)
    tasks = {"ebmark": make_task(lambda: SAMPLE_METRICS["w2"](x, y))}
    return {"unit": "s", "seconds": measure_in_turn(tasks, repeats)}


def mmd(num: int, repeats: int) -> dict[str, Any]:
    """Measure MMD between two samples: several kernel widths in ebmark, one in ebmkit."""
    import ebm
    import torch

    x, y = draw_samples(num)
    x_torch, y_torch = (torch.tensor(sample, dtype=torch.float32) for sample in (x, y))
    tasks = {
        "ebmark": make_task(lambda: SAMPLE_METRICS["mmd_sq"](x, y)),
        "ebmkit": make_task(lambda: ebm.eval.mmd(x_torch, y_torch, bandwidth=0.3)),
    }
    return {"unit": "s", "seconds": measure_in_turn(tasks, repeats)}


def log_z(repeats: int) -> dict[str, Any]:
    """Measure log Z of 8 Gaussians: by quadrature, and by ebmkit's annealed importance sampling.

    log Z is 0, so that `error` is the absolute value of each estimate. ebmkit has the settings of
    its own benchmark. The seconds of ebmark include the density metrics, from KL to the Fisher
    divergence.
    """
    import ebm
    import torch

    dataset = SyntheticDataset("eight_gaussians")
    scaler = Standardizer(np.zeros(2), np.ones(2))
    centers = torch.tensor(dataset.dataset.centers(), dtype=torch.float32)
    scale = dataset.dataset.scale
    log_normalizer = math.log(len(centers) * 2 * math.pi * scale**2)
    errors: dict[str, float] = {}

    def torch_energy(x):
        squares = ((x[:, None] - centers) ** 2).sum(-1) / (2 * scale**2)
        return log_normalizer - torch.logsumexp(-squares, dim=1)

    def jax_energy(x):
        return -dataset.dataset.log_prob(x)

    def by_quadrature():
        density = normalize_on_grid(jax_energy, dataset.grid(), scaler)
        density_metrics(target(dataset, density.grid), density.log_density, density.grid)
        errors["ebmark"] = abs(density.log_z)

    def by_annealing():
        estimate = ebm.ais_log_z(torch_energy, (2,), base_scale=2.0, n_temps=300, n_chains=256)
        errors["ebmkit"] = abs(float(estimate.log_z))

    torch.manual_seed(0)
    tasks = {"ebmark": make_task(by_quadrature), "ebmkit": make_task(by_annealing)}
    return {"unit": "s", "seconds": measure_in_turn(tasks, repeats), "error": errors}
