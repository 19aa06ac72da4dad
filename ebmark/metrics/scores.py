"""Scores of samples and of energies, with their null ranges."""

from collections.abc import Callable

import jax.random as jr
import numpy as np

from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.errors import UserError
from ebmark.metrics import SAMPLE_METRICS
from ebmark.metrics._divergences import density_metrics
from ebmark.metrics._suite import sample_metrics, target
from ebmark.metrics.null_ranges import null_ranges
from ebmark.partition_function import exact_samples, normalize_values_on_grid

_HELD = 0.01  # nats: an energy whose log Z moves more when the box is doubled holds no mass
_COMPARED = 2_000  # exact samples in the metrics of samples

Energies = Callable[[np.ndarray], np.ndarray]


def score_energy(energies: Energies, law: SyntheticDataset, seed: int) -> tuple[list, int]:
    """(metric, value, floor) of an energy in the plane, and how many exact samples were compared.

    Raises UserError where the energy is that of no density: doubling the box moves log Z.
    """
    density = normalize_values_on_grid(energies, law.grid())
    if not density.log_z_error < _HELD:
        moved = density.log_z_error
        raise UserError(
            "not a density: "
            + ("no energy is finite" if np.isnan(moved) else f"log Z moves by {moved:.3g} nats")
            + " when the box is doubled or the grid is refined; the energy must grow with |x|, "
            "and have no finer detail than a grid of 1,300 nodes a side sees"
        )
    found = {"log_z": density.log_z, "log_z_error": density.log_z_error}
    found |= density_metrics(target(law, density.grid), density.log_density, density.grid)
    order = (
        "kl",
        "kl_off_support",
        "kl_mode_weights",
        "kl_within_mode",
        "tv",
        "mode_weight_tv",
        "nll",
        "fisher_divergence",
    )
    scores = [(metric, found[metric], None) for metric in (*order, "log_z", "log_z_error")]
    model_key, truth_key = jr.split(jr.key(seed))
    x, y = exact_samples(density, _COMPARED, model_key), law.draw(_COMPARED, truth_key)
    metrics = sample_metrics(law)
    floor = null_ranges(law, _COMPARED, list(metrics))
    scores += [(f"{name}_exact", metric(x, y), floor[name]) for name, metric in metrics.items()]
    return scores, _COMPARED


def score_samples(x: np.ndarray, y: np.ndarray, source: DataSource, metrics=SAMPLE_METRICS) -> list:
    floor = null_ranges(source, min(len(x), len(y)), list(metrics))
    return [(name, metric(x, y), floor[name]) for name, metric in metrics.items()]
