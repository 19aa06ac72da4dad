"""The scores of a density: by quadrature in 1-D and 2-D, by annealing and tempering for d > 2."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.energies import Energy
from ebmark.methods import AbstractBaseline
from ebmark.metrics import density_metrics, target
from ebmark.partition_function import (
    GridDensity,
    exact_reference,
    exact_samples,
    normalize_on_grid,
    reference,
)
from ebmark.studies.scores import (
    NO_SCORES,
    Row,
    Samples,
    Scores,
    as_rows,
    draw_native,
    sample_values,
    sampling_error,
)
from ebmark.studies.trained import Progress, Trained
from ebmark.training.snapshots import Snapshot

_MAX_TEMPERED_CHAINS = 1_000


def density_scores(trained: Trained, progress: Progress) -> Scores:
    """Return the metrics of each snapshot's density, by quadrature; none for d > 2.

    The run has diverged if log Z of the last snapshot is not resolved.
    """
    snapshots = trained.fit.snapshots
    if trained.source.dim > 2 or not snapshots:
        return NO_SCORES
    rows: list[Row] = []
    densities: list[GridDensity] = []
    for snapshot in snapshots:
        progress("quadrature", snapshot.step / max(trained.recipe.num_updates, 1))
        density = _normalize(trained, snapshot)
        rows += as_rows(snapshot.step, _density_values(trained, snapshot, density))
        densities.append(density)
    final = densities[-1]
    return Scores(rows, _grid_arrays(trained.source, final), final.problem() or None, final)


def exact_scores(trained: Trained, scores: Scores, progress: Progress) -> Scores:
    """Return the metrics of exact samples from the quadrature grid; none for d > 2."""
    density = scores.density
    if density is None:
        return NO_SCORES
    key = trained.keys["exact"]
    num = trained.num_metric_samples
    x = exact_samples(density, trained.spec["num_samples"], key)
    values = sample_values(trained, x, "exact")
    other_x = exact_samples(density, num, jr.fold_in(key, 1))
    values |= sampling_error(trained, scores.arrays["langevin"][:num], x[:num], (x[:num], other_x))
    progress("transport", 1.0)
    return Scores(as_rows(trained.last_step, values), {"exact": x})


def tempered_scores(trained: Trained, scores: Scores, progress: Progress) -> Scores:
    """Return, for d > 2, log Z with what follows from it and the metrics of tempered samples.

    Baselines are sampled exactly, and their log Z is 0. Where the bracket of log Z failed, its
    width is reported, and KL and NLL are infinite; where the chains have not converged, no metric
    of their samples. The Fisher divergence is over the test points and needs no Z.
    """
    if scores.density is not None:
        return NO_SCORES
    progress("tempering", 0.0)
    source = trained.source
    energy = trained.fit.energy
    num = trained.num_metric_samples
    num_chains = max(min(trained.spec["num_samples"], _MAX_TEMPERED_CHAINS), 2 * -(-num // 4))
    key = trained.keys["exact"]
    if isinstance(trained.recipe.method, AbstractBaseline):
        draws = draw_native(trained, 4 * num_chains, key)
        assert draws is not None  # every baseline has a sampler
        tempered = exact_reference(draws)
    else:
        tempered = reference(energy, num_chains, source.dim, key)
    bracket = tempered.bracket
    values = {"log_z_gap": bracket.upper - bracket.lower, "rhat_tempered": tempered.rhat}
    values["nll"] = math.inf
    if not tempered.failed:
        values["log_z"] = bracket.estimate
        values["nll"] = _mean_energy(trained, energy) + bracket.estimate
    if isinstance(source, SyntheticDataset):
        values["kl"] = values["nll"] + _mean_target_log_density(source, trained.test_x)
        values["fisher_divergence"] = _fisher_divergence(trained, source)
    to_data_units = trained.standardizer.inverse_transform
    x = to_data_units(tempered.x)
    rows: list[Row] = []
    if tempered.mixed:
        values |= sample_values(trained, x, "tempered")
        first, second = (to_data_units(half)[:num] for half in tempered.halves)
        langevin = scores.arrays["langevin"][:num]
        errors = sampling_error(trained, langevin, x[:num], (first, second))
        rows = as_rows(trained.last_step, errors)
    rows += as_rows(trained.last_step, values)
    return Scores(rows, {"tempered": x})


def final_objective(trained: Trained) -> float:
    """Return KL of the last snapshot in nats, or the NLL of held-out points of user data."""
    source = trained.source
    snapshot = trained.fit.snapshots[-1]
    if source.dim <= 2:
        values = _density_values(trained, snapshot, _normalize(trained, snapshot))
        return values.get("kl", values["nll"])
    key = trained.keys["exact"]
    tempered = reference(snapshot.energy, _MAX_TEMPERED_CHAINS, source.dim, key)
    if tempered.failed:
        return math.inf
    objective = _mean_energy(trained, snapshot.energy) + tempered.bracket.estimate
    if isinstance(source, SyntheticDataset):
        objective += _mean_target_log_density(source, trained.test_x)
    return objective


def _normalize(trained: Trained, snapshot: Snapshot) -> GridDensity:
    return normalize_on_grid(snapshot.energy, trained.source.grid(), trained.standardizer)


def _density_values(trained: Trained, snapshot: Snapshot, density: GridDensity) -> dict[str, float]:
    values = {"log_z": density.log_z, "log_z_error": density.log_z_error}
    target_grid = target(trained.source, density.grid)
    if target_grid is None:
        values["nll"] = _mean_energy(trained, snapshot.energy) + density.log_z
    else:
        values |= density_metrics(target_grid, density.log_density, density.grid)
    if not density.is_resolved:
        # Mass outside the box is unknown, so the metrics of what lies inside are not those of a
        # density.
        values |= dict.fromkeys({"kl", "nll"} & values.keys(), math.inf)
    return values


def _mean_energy(trained: Trained, energy: Energy) -> float:
    """Return the mean energy of the test points, of a density in data units."""
    z = jnp.asarray(trained.standardizer.transform(trained.test_x), jnp.float32)
    energies = np.asarray(jax.vmap(energy)(z), np.float64) + trained.standardizer.log_jacobian
    return float(energies.mean())


def _mean_target_log_density(source: SyntheticDataset, x: Samples) -> float:
    return float(np.logaddexp.reduce(source.component_log_probs(x), axis=1).mean())


def _grid_arrays(source: DataSource, density: GridDensity) -> dict[str, np.ndarray]:
    names = ("grid_x", "grid_y")
    arrays: dict[str, np.ndarray] = dict(zip(names, density.grid.axes, strict=False))
    arrays["log_density"] = density.log_density.astype(np.float32)
    target_grid = target(source, density.grid)
    if target_grid is not None:
        arrays["target_log_density"] = target_grid.log_density.astype(np.float32)
    return arrays


def _fisher_divergence(trained: Trained, source: SyntheticDataset) -> float:
    z = jnp.asarray(trained.standardizer.transform(trained.test_x), jnp.float32)
    gradients = np.asarray(jax.vmap(jax.grad(trained.fit.energy))(z), np.float64)
    errors = trained.standardizer.inverse_transform_gradients(gradients) + source.scores(
        trained.test_x
    )
    return float(np.mean(np.sum(errors**2, axis=1)))
