"""log Z of a trained energy, by the method of its dimension."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Units
from ebmark.energies import Energy, Key
from ebmark.partition_function._log_z import Effort, LogZ, estimate_log_z
from ebmark.partition_function._quadrature import GridDensity, normalize_on_grid


def normalize(
    energy: Energy,
    units: Units,
    grid: Callable[[], Grid],
    train_z: Float[np.ndarray, "n dim"],
    key: Key,
    *,
    effort: Effort,
) -> tuple[LogZ, GridDensity | None]:
    """Compute log Z by quadrature in 1-D and 2-D, and by annealing for d > 2.

    Args:
        energy: the energy of points in standardized units.
        units: the map from data units to these.
        grid: makes the quadrature grid, in data units.
        train_z: the training points in standardized units.
        key: PRNG key of annealing.
        effort: what annealing or quadrature may cost.

    Returns:
        log Z with its error, which is infinite where quadrature has not resolved it, and the
        density on the grid, None for d > 2.
    """
    dim = train_z.shape[1]
    if dim > 2:
        return estimate_log_z(energy, train_z, key, effort=effort), None
    first = grid().resized(points=effort.resolution)
    density = normalize_on_grid(energy, first, units, tolerance=effort.tolerance)
    error = density.log_z_error if density.is_resolved else np.inf
    return LogZ(density.log_z, error, np.nan, np.empty((0, 0, dim))), density
