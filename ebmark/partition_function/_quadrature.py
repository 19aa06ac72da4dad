"""Densities on a grid in one or two dimensions: Z, expectations and exact samples are then sums."""

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Energy, Key
from ebmark.system.devices import full_matmul_precision

_SETTLED = 0.1  # nats that log Z may still move after all refinement


@full_matmul_precision
@eqx.filter_jit
def _evaluate(function, points):
    return jax.lax.map(function, points, batch_size=4096)


def evaluate(
    function: Callable, points: Float[np.ndarray, "points dim"]
) -> Float[np.ndarray, "points *out"]:  # noqa: F821
    """A function of one point at many, in blocks; float64 out."""
    return np.asarray(_evaluate(function, jnp.asarray(points, jnp.float32)), np.float64)


class GridDensity(NamedTuple):
    """A density on a grid, its log Z, and by how much that moved with the box and the nodes."""

    grid: Grid
    log_density: Float[np.ndarray, "*axes"]  # [i, j] at (axes[0][i], axes[1][j])
    log_z: float
    log_z_error: float

    @property
    def is_resolved(self) -> bool:
        """Whether Z is known: neither a box twice as wide nor half the nodes moves it."""
        return math.isfinite(self.log_z) and self.log_z_error < _SETTLED


def normalize_on_grid(
    energy: Energy, grid: Grid, units: Standardizer, *, tolerance: float = 1e-4, attempts: int = 5
) -> GridDensity:
    r"""The density of a standardised energy on a grid of the user's units.

    $$ \log Z = \log \sum_g \Delta\, e^{-E(x_g)}, \quad E(x) = E_{std}(z) + \sum_i \log s_i $$

    The grid is made wider or finer until neither a box twice as wide nor half the nodes moves
    log Z by more than `tolerance`; what they still move it is `log_z_error`. Energies that are
    nowhere finite give NaN.
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
    """The same of any function from points (n, dim) in the user's units to energies (n,)."""

    def on(grid: Grid) -> tuple[np.ndarray, float]:
        values = energies(grid.points())
        lowest = np.min(values)
        with np.errstate(invalid="ignore"):  # inf - inf: no energy is finite, and NaN says so
            log_z = float(np.log(np.sum(np.exp(lowest - values)) * grid.cell) - lowest)
        return values, log_z

    for attempt in range(attempts):
        values, log_z = on(grid)
        coarse = on(grid.resized(points=0.5))[1]
        fine_error = abs(log_z - coarse)
        # of the same spacing: a density too sharp for it is not taken for one too wide
        box_error = abs(coarse - on(grid.resized(width=2))[1])
        error = max(fine_error, box_error)
        if not error > tolerance or attempt == attempts - 1:
            break
        grid = grid.resized(width=1.5 if box_error > tolerance else 1.0, points=1.5)
    log_density = -(values + log_z).reshape((grid.points_per_axis,) * len(grid.lower))
    return GridDensity(grid, log_density, log_z, error)


def exact_samples(density: GridDensity, num: int, key: Key) -> Float[np.ndarray, "n dim"]:
    """Independent samples of a density on a grid: a cell by inverse CDF, then uniform within it."""
    cumulative = np.cumsum(np.exp(density.log_density).ravel())
    cell_key, jitter_key = jr.split(key)
    uniform = np.asarray(jr.uniform(cell_key, (num,)), np.float64) * cumulative[-1]
    cells = np.minimum(np.searchsorted(cumulative, uniform, side="right"), cumulative.size - 1)
    shape = (num, len(density.grid.lower))
    jitter = np.asarray(jr.uniform(jitter_key, shape, minval=-0.5, maxval=0.5))
    return density.grid.points()[cells] + jitter * density.grid.spacing
