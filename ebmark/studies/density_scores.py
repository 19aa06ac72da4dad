"""The scores of a density: by quadrature in 1-D and 2-D, by annealing for d > 2."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float

from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.energies import Energy
from ebmark.methods import AbstractBaseline
from ebmark.metrics import density_metrics, target
from ebmark.metrics.annealed import annealed_values
from ebmark.partition_function import (
    QUICK,
    GridDensity,
    LogZ,
    estimate_log_z,
    exact_samples,
    normalize_on_grid,
    study_effort,
)
from ebmark.studies.density_maps import map_arrays
from ebmark.studies.scores import (
    NO_SCORES,
    Row,
    Scores,
    as_rows,
    draw_native,
    sample_values,
    sampling_error,
)
from ebmark.studies.trained import Progress, Trained
from ebmark.training.snapshots import Snapshot


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
    arrays = _grid_arrays(trained.source, final)
    if not final.problem():
        arrays |= map_arrays(trained, [density.log_z for density in densities])
    return Scores(rows, arrays, final.problem() or None, final)


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


def annealed_scores(trained: Trained, scores: Scores, progress: Progress) -> Scores:
    """Return, for d > 2, log Z with what follows from it and the metrics of SMC samples.

    Baselines are sampled exactly, and their log Z is 0. Where the error of log Z is too large for
    KL, KL and NLL are infinite, and the 95% interval of KL says what is known. The Fisher
    divergence is over the test points and needs no Z.
    """
    if scores.density is not None:
        return NO_SCORES
    progress("log Z", 0.0)
    num = trained.num_metric_samples
    key = trained.keys["exact"]
    effort = study_effort(trained.source.dim, num)
    if isinstance(trained.recipe.method, AbstractBaseline):
        shape = effort.num_seeds, effort.num_particles
        draws = draw_native(trained, math.prod(shape), key)
        assert draws is not None  # every baseline has a sampler
        log_z = LogZ(0.0, 0.0, 0.0, np.asarray(draws, np.float64).reshape(*shape, -1))
    else:
        log_z = estimate_log_z(trained.fit.energy, np.asarray(trained.train_z), key, effort=effort)
    values = annealed_values(
        trained.fit.energy, trained.standardizer, trained.source, log_z, trained.test_x
    )
    if not len(log_z.samples):
        return Scores(as_rows(trained.last_step, values), {})
    x = trained.standardizer.inverse_transform(log_z.samples)
    pooled = x.reshape(-1, trained.source.dim)
    values |= sample_values(trained, pooled, "smc")
    langevin = scores.arrays["langevin"][: len(x[0])]
    # distances depend on the number of samples, which all have
    first, second = (seed[: len(langevin)] for seed in x[:2])
    values |= sampling_error(trained, langevin, first, (first, second))
    return Scores(as_rows(trained.last_step, values), {"smc": pooled})


def final_objective(trained: Trained) -> float:
    """Return KL of the last snapshot in nats, or the NLL of held-out points of user data."""
    source = trained.source
    snapshot = trained.fit.snapshots[-1]
    if source.dim <= 2:
        values = _density_values(trained, snapshot, _normalize(trained, snapshot))
        return values.get("kl", values["nll"])
    log_z = estimate_log_z(
        snapshot.energy, np.asarray(trained.train_z), trained.keys["exact"], effort=QUICK
    )
    objective = _mean_energy(trained, snapshot.energy) + log_z.value
    if isinstance(source, SyntheticDataset):
        objective += float(source.log_prob(trained.test_x).mean())
        return objective if log_z.resolves(objective) else math.inf
    return objective if log_z.resolves(0.0) else math.inf


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
    return float(_energies(trained, energy).mean())


def _energies(trained: Trained, energy: Energy) -> Float[np.ndarray, " n"]:
    """Return the energies of the test points, of a density in data units."""
    z = jnp.asarray(trained.standardizer.transform(trained.test_x), jnp.float32)
    return np.asarray(jax.vmap(energy)(z), np.float64) + trained.standardizer.log_jacobian


def _grid_arrays(source: DataSource, density: GridDensity) -> dict[str, np.ndarray]:
    names = ("grid_x", "grid_y")
    arrays: dict[str, np.ndarray] = dict(zip(names, density.grid.axes, strict=False))
    arrays["log_density"] = density.log_density.astype(np.float32)
    target_grid = target(source, density.grid)
    if target_grid is not None:
        arrays["target_log_density"] = target_grid.log_density.astype(np.float32)
    return arrays
