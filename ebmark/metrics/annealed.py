"""Metrics of a density for d > 2, whose log Z is estimated by annealing."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float

from ebmark.datasets import DataSource, SyntheticDataset
from ebmark.datasets.preprocessing import Units, as_float32
from ebmark.energies import Energy
from ebmark.errors import UserError
from ebmark.metrics._suite import sample_metrics
from ebmark.metrics.scores import Score, score_samples
from ebmark.partition_function import LogZ, estimate_log_z, evaluate, study_effort

_NUM_TEST_POINTS = 10_000
# standard deviations between the data and half of the samples
_MAX_DISTANCE = 1_000.0
# fraction of the target that lies off its own support
_OFF_SUPPORT = 1e-3

Points = Float[np.ndarray, "n dim"]


def score_annealed(
    energy: Energy, units: Units, source: SyntheticDataset, seed: int
) -> tuple[list[Score], int]:
    """Evaluate an energy for d > 2 against a dataset.

    Args:
        energy: Maps one point in the coordinates of `units` to a scalar.
        units: Standardized coordinates of the data, whitened.
        source: The dataset.
        seed: Seed of the test points and of the annealing.

    Returns:
        Metrics of the density and of its SMC samples, and the number of SMC samples. Where the
        error of log Z is too large, KL and NLL are infinite, between `kl_lower` and `kl_upper`.

    Raises:
        UserError: If the energy is not a density.
    """
    test_key, log_z_key, target_key = jr.split(jr.key(seed), 3)
    test_x = source.draw(_NUM_TEST_POINTS, test_key)
    z = as_float32(units, test_x)
    log_z = estimate_log_z(energy, z, log_z_key, effort=study_effort(source.dim))
    distance = np.median(np.linalg.norm(log_z.samples, axis=-1)) if len(log_z.samples) else np.inf
    if not distance < _MAX_DISTANCE:
        raise UserError(
            "The energy is not a density: particles of annealing leave the data. Check that it is "
            "finite and grows away from the data, at least linearly."
        )
    values = annealed_values(energy, units, source, log_z, test_x)
    scores = [Score(metric, value) for metric, value in values.items()]
    x = units.inverse_transform(log_z.samples).reshape(-1, source.dim)
    y = source.draw(len(x), target_key)
    for score in score_samples(x, y, source, sample_metrics(source)):
        scores.append(score._replace(metric=f"{score.metric}_smc"))
    return scores, len(x)


def annealed_values(
    energy: Energy, units: Units, source: DataSource, log_z: LogZ, test_x: Points
) -> dict[str, float]:
    """Compute what follows from log Z, and what needs no Z, of an energy for d > 2.

    Args:
        energy: Maps one point in the coordinates of `units` to a scalar.
        units: Standardized coordinates of the data.
        source: Where the test points come from.
        log_z: log Z of the energy, and samples in the coordinates of `units`.
        test_x: The test points.

    Returns:
        Values by metric: log Z and NLL; against a known density also KL with its 95% interval, the
        Fisher divergence and, of the samples, reverse KL and the mass off the target.
    """
    energies = evaluate(energy, as_float32(units, test_x)) + units.log_jacobian
    values = likelihood_values(energies, log_z, source, test_x)
    if isinstance(source, SyntheticDataset):
        values["fisher_divergence"] = fisher_divergence(energy, units, source, test_x)
        if len(log_z.samples):
            x = units.inverse_transform(log_z.samples).reshape(-1, source.dim)
            values["reverse_kl"] = reverse_kl(energy, units, source, log_z)
            values["off_target_mass"] = off_target_mass(source, x, test_x)
    return values


def likelihood_values(
    energies: Float[np.ndarray, " n"], log_z: LogZ, source: DataSource, test_x: Points
) -> dict[str, float]:
    r"""Compute NLL and, where the target density p is known, KL with its 95% interval.

    $$ \mathrm{NLL} = \mathbb{E}_p E(x) + \log Z, \quad
       \mathrm{KL} = \mathbb{E}_p [\log p(x) + E(x)] + \log Z $$

    Args:
        energies: E of the test points, of a density in data units.
        log_z: Its log Z.
        source: Where the test points come from.
        test_x: The test points.

    Returns:
        Values by metric, in nats. Where log Z is not resolved, KL and NLL are infinite.
    """
    values = {
        "log_z": log_z.value,
        "log_z_error": log_z.error,
        "log_z_normal": log_z.from_normal,
    }
    is_resolved = log_z.resolves(0.0)
    if isinstance(source, SyntheticDataset):
        log_ratios = energies + source.log_prob(test_x)
        kl = float(log_ratios.mean()) + log_z.value
        is_resolved = log_z.resolves(kl)
        error = math.hypot(log_z.error, log_ratios.std() / math.sqrt(len(log_ratios)))
        has_bounds = math.isfinite(kl) and math.isfinite(error)
        values["kl"] = kl if is_resolved else math.inf
        values["kl_lower"] = max(kl - 2 * error, 0.0) if has_bounds else 0.0
        values["kl_upper"] = kl + 2 * error if has_bounds else math.inf
    values["nll"] = float(energies.mean()) + log_z.value if is_resolved else math.inf
    return values


def fisher_divergence(
    energy: Energy, units: Units, source: SyntheticDataset, test_x: Points
) -> float:
    r"""Compute $\mathbb{E}_p |\nabla \log p + \nabla E|^2$ over test points, in data units.

    Args:
        energy: Maps one point in the coordinates of `units` to a scalar.
        units: Standardized coordinates of the data.
        source: The dataset, whose score is known.
        test_x: Points of the target.
    """
    z = jnp.asarray(as_float32(units, test_x))
    gradients = np.asarray(jax.vmap(jax.grad(energy))(z), np.float64)
    errors = units.inverse_transform_gradients(gradients) + source.scores(test_x)
    return float(np.mean(np.sum(errors**2, axis=1)))


def reverse_kl(energy: Energy, units: Units, source: SyntheticDataset, log_z: LogZ) -> float:
    r"""Estimate $\mathrm{KL}(q \| p) = -\mathbb{E}_q [E(x) + \log p(x)] - \log Z$ in nats.

    Args:
        energy: Maps one point in the coordinates of `units` to a scalar.
        units: Standardized coordinates of the data.
        source: The dataset, whose density p is known.
        log_z: log Z of the energy, and samples of its density q in the coordinates of `units`.

    Returns:
        The mean over the samples; infinite where log Z is not resolved.
    """
    z = log_z.samples.reshape(-1, source.dim)
    energies = evaluate(energy, z) + units.log_jacobian
    log_p = source.log_prob(units.inverse_transform(z))
    value = -float(np.mean(energies + log_p)) - log_z.value
    return value if log_z.resolves(value) else math.inf


def off_target_mass(
    source: SyntheticDataset, samples: Float[np.ndarray, "m dim"], test_x: Points
) -> float:
    """Return the fraction of samples where the target is less dense than at 99.9% of its points."""
    log_density, reference = source.log_prob(samples), source.log_prob(test_x)
    return float(np.mean(log_density < np.quantile(reference, _OFF_SUPPORT)))
