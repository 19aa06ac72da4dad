"""Densities on a grid in 1-D and 2-D, where Z, expectations and exact samples are sums."""

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Units
from ebmark.energies import Energy, Key
from ebmark.errors import UserError
from ebmark.partition_function._probes import missed_fraction
from ebmark.system.devices import full_matmul_precision
from ebmark.system.random_numbers import generator

# points that are evaluated at once
_BLOCK = 4096
# points of one call of a compiled program: one of these numbers
_CALLS = (256, _BLOCK, 16 * _BLOCK)
# nats by which log Z may still change after all refinements
_MAX_LOG_Z_ERROR = 0.1


@full_matmul_precision
@eqx.filter_jit
def _evaluate(function: Callable, points: Float[Array, "block dim"]) -> Array:
    return jax.lax.map(function, points, batch_size=_BLOCK)


def evaluate(
    function: Callable, points: Float[ArrayLike, "points dim"]
) -> Float[np.ndarray, "points *out"]:  # noqa: F821
    """Evaluate a function of one point at many points, in blocks.

    Points are padded to one of few numbers, so that few programs are compiled.

    Args:
        function: maps one point, shape (dim,), to an array.
        points: one row per point.

    Returns:
        The values in float64, one row per point.
    """
    x = np.asarray(points, np.float32)
    size = next((size for size in _CALLS if len(x) <= 8 * size), _CALLS[-1])
    num_calls = max(-(-len(x) // size), 1)
    rows = x if len(x) else np.zeros((1, x.shape[1]), x.dtype)
    blocks = np.split(np.resize(rows, (num_calls * size, x.shape[1])), num_calls)
    values = [_evaluate(function, block) for block in blocks]
    return np.concatenate([np.asarray(value, np.float64) for value in values])[: len(x)]


class GridDensity(NamedTuple):
    """A density on a grid, its log Z and the numerical error of log Z.

    `log_density[i, j]` is the value at `(grid.axes[0][i], grid.axes[1][j])`, in nats. `log_z_error`
    is the change of log Z if the box is twice as wide or has half the grid points, or by mass that
    probes find between the grid points.
    """

    grid: Grid
    log_density: Float[np.ndarray, "*axes"]
    log_z: float
    log_z_error: float

    @property
    def is_resolved(self) -> bool:
        """Whether log Z is finite and its numerical error is below 0.1 nats."""
        return not self.problem()

    def problem(self, tolerance: float = _MAX_LOG_Z_ERROR) -> str:
        """Return why the error of log Z is not below the tolerance, in one line; "" if it is."""
        if math.isfinite(self.log_z) and self.log_z_error < tolerance:
            return ""
        cause = "no energy is finite, or one beyond the box is NaN or minus infinity"
        if not math.isnan(self.log_z_error):
            cause = (
                "doubling the box or halving the number of grid points changes it by "
                f"{self.log_z_error:.3g} nats"
            )
        return (
            f"log Z is not resolved: {cause}. The energy must increase with |x|, so that it has a "
            f"normalizing constant, and be smooth between {self.grid.points_per_axis:,} grid "
            "points per axis."
        )


def normalize_on_grid(
    energy: Energy, grid: Grid, units: Units, *, tolerance: float = 1e-4, attempts: int = 5
) -> GridDensity:
    r"""Normalize an energy of standardized points on a grid in data units.

    $$ \log Z = \log \sum_g \Delta\, e^{-E(x_g)}, \quad E(x) = E_{std}(z) + \sum_i \log s_i $$

    The grid is widened or refined until neither a box twice as wide nor half the grid points nor
    probes between the grid points change log Z by more than `tolerance`.

    Args:
        energy: maps one standardized point, shape (dim,), to a scalar.
        grid: the first grid, in data units; 1-D or 2-D.
        units: the standardization z = (x - mean) / scale.
        tolerance: target for the numerical error of log Z, in nats.
        attempts: maximum number of grids.

    Returns:
        The density on the last grid; NaN if the energy is finite nowhere. If it is not
        `is_resolved`, for example because the energy has no normalizing constant, `problem()` says
        why, and `exact_samples` refuses it.

    Example:
        >>> import numpy as np
        >>> from ebmark.datasets import Grid
        >>> from ebmark.datasets.preprocessing import Standardizer
        >>> from ebmark.partition_function import normalize_on_grid
        >>> units = Standardizer(np.zeros(1), np.ones(1))
        >>> density = normalize_on_grid(lambda x: 0.5 * x @ x, Grid((-8.0,), (8.0,), 64), units)
        >>> round(density.log_z, 4)  # 0.5 log(2 pi)
        0.9189
    """

    def energies(points: np.ndarray) -> np.ndarray:
        return evaluate(energy, units.transform(points)) + units.log_jacobian

    return normalize_values_on_grid(energies, grid, tolerance=tolerance, attempts=attempts)


def normalize_values_on_grid(
    energies: Callable[[np.ndarray], np.ndarray],
    grid: Grid,
    *,
    tolerance: float = 1e-4,
    attempts: int = 5,
) -> GridDensity:
    """Normalize a function from points in data units, shape (n, dim), to energies, shape (n,).

    The grid is refined as by `normalize_on_grid`, whose arguments have the same meaning.
    """
    density, box_error = _normalize_once(energies, grid)
    for _ in range(attempts - 1):
        # false for NaN as well, which a finer grid does not change
        if not density.log_z_error > tolerance:
            break
        grid = grid.resized(width=1.5 if box_error > tolerance else 1.0, points=1.5)
        density, box_error = _normalize_once(energies, grid)
    return density


def _normalize_once(
    energies: Callable[[np.ndarray], np.ndarray], grid: Grid
) -> tuple[GridDensity, float]:
    """Normalize on one grid; return the density and the change of log Z with the box."""
    values = energies(grid.points())
    log_z = _log_z(values, grid)
    coarse_grid = grid.resized(points=0.5)
    coarse_log_z = _log_z(energies(coarse_grid.points()), coarse_grid)
    # The wide box has the spacing of the coarse grid, so that a density too sharp for the spacing
    # is not mistaken for one too wide for the box.
    wide_grid = grid.resized(width=2)
    wide_log_z = _log_z(energies(wide_grid.points()), wide_grid)
    spacing_error = abs(log_z - coarse_log_z)
    if math.isfinite(log_z):
        spacing_error = max(spacing_error, math.log1p(missed_fraction(energies, values, grid)))
    box_error = abs(coarse_log_z - wide_log_z)
    log_density = -(values + log_z).reshape((grid.points_per_axis,) * len(grid.lower))
    error = float(np.maximum(spacing_error, box_error))  # NaN if either is
    return GridDensity(grid, log_density, log_z, error), box_error


def _log_z(values: np.ndarray, grid: Grid) -> float:
    lowest = np.min(values)
    # inf - inf occurs if no energy is finite or one is minus infinity; log Z is then NaN
    with np.errstate(invalid="ignore"):
        return float(np.log(np.sum(np.exp(lowest - values)) * grid.cell) - lowest)


def exact_samples(density: GridDensity, num: int, key: Key) -> Float[np.ndarray, "n dim"]:
    """Draw independent samples from a density on a grid.

    A grid cell is chosen by the inverse CDF and a point uniformly within it.

    Args:
        density: what `normalize_on_grid` returned.
        num: number of samples.
        key: PRNG key.

    Returns:
        The samples in data units, one row per sample.

    Raises:
        UserError: log Z is not resolved, so that the density is not that of the energy.
    """
    if problem := density.problem():
        raise UserError(problem)
    cumulative = np.cumsum(np.exp(density.log_density).ravel())
    random = generator(key)
    uniform = random.random(num) * cumulative[-1]
    cells = np.minimum(np.searchsorted(cumulative, uniform, side="right"), cumulative.size - 1)
    shape = (num, len(density.grid.lower))
    jitter = random.uniform(-0.5, 0.5, shape)
    return density.grid.points()[cells] + jitter * density.grid.spacing
