"""Seconds of the metrics. torchebm has none; ebmkit has MMD and log Z, and no transport."""

import math
from typing import Any

import jax.random as jr
import numpy as np

from benchmarks._clock import in_turn, timed
from ebmark.datasets import SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.metrics import SAMPLE_METRICS, density_metrics, target
from ebmark.partition_function import normalize_on_grid


def draws(num: int):
    """Two samples of the half-moons, independent."""
    law = SyntheticDataset("half_moons")
    return law.draw(num, jr.key(0)), law.draw(num, jr.key(1))


def transport(num: int, repeats: int) -> dict[str, Any]:
    """Exact W2 of two samples of this size; of the rivals neither has it."""
    x, y = draws(num)
    return {
        "unit": "s",
        "seconds": in_turn({"ebmark": timed(lambda: SAMPLE_METRICS["w2"](x, y))}, repeats),
    }


def mmd(num: int, repeats: int) -> dict[str, Any]:
    """MMD of two samples: ebmark's of several widths, ebmkit's of one."""
    import ebm
    import torch

    x, y = draws(num)
    a, b = (torch.tensor(z, dtype=torch.float32) for z in (x, y))
    tasks = {
        "ebmark": timed(lambda: SAMPLE_METRICS["mmd_sq"](x, y)),
        "ebmkit": timed(lambda: ebm.eval.mmd(a, b, bandwidth=0.3)),
    }
    return {"unit": "s", "seconds": in_turn(tasks, repeats)}


def log_z(repeats: int) -> dict[str, Any]:
    """log Z of the 8 Gaussians, which is 0: by quadrature, and by ebmkit's annealed importance.

    `error` is how far each is from 0. ebmkit's settings are those of its own benchmark; ebmark's
    seconds hold the density metrics, from KL to the Fisher divergence, too.
    """
    import ebm
    import torch

    law, units = SyntheticDataset("eight_gaussians"), Standardizer(np.zeros(2), np.ones(2))
    centers, scale = (
        torch.tensor(law.dataset.centers(), dtype=torch.float32),
        law.dataset.scale,
    )
    found: dict[str, float] = {}

    def theirs(x):
        squares = ((x[:, None] - centers) ** 2).sum(-1) / (2 * scale**2)
        return math.log(len(centers) * 2 * math.pi * scale**2) - torch.logsumexp(-squares, dim=1)

    def ours(x):
        return -law.dataset.log_prob(x)

    def by_quadrature():
        density = normalize_on_grid(ours, law.grid(), units)
        density_metrics(target(law, density.grid), density.log_density, density.grid)
        found["ebmark"] = abs(density.log_z)

    def by_annealing():
        drawn = ebm.ais_log_z(theirs, (2,), base_scale=2.0, n_temps=300, n_chains=256)
        found["ebmkit"] = abs(float(drawn.log_z))

    torch.manual_seed(0)
    tasks = {"ebmark": timed(by_quadrature), "ebmkit": timed(by_annealing)}
    return {"unit": "s", "seconds": in_turn(tasks, repeats), "error": found}
