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

from ebmark._types import Energy, Key
from ebmark.devices import full_products

_SETTLED = 0.1  # nats that log Z may still move after all refinement


class Grid(NamedTuple):
    """Midpoints of equal cells of a box; on smooth functions their sum converges very fast."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    nodes: int  # a side

    @property
    def axes(self) -> list[Float[np.ndarray, " nodes"]]:
        """The coordinates of the nodes, an array a dimension."""
        cells = (np.arange(self.nodes) + 0.5) / self.nodes
        return [lo + (hi - lo) * cells for lo, hi in zip(self.lower, self.upper, strict=True)]

    @property
    def spacing(self) -> Float[np.ndarray, " dim"]:
        """The sides of a cell."""
        return (np.array(self.upper) - np.array(self.lower)) / self.nodes

    @property
    def cell(self) -> float:
        """The volume of a cell."""
        return float(np.prod(self.spacing))

    def points(self) -> Float[np.ndarray, "points dim"]:
        """All nodes, the last coordinate running fastest."""
        mesh = np.meshgrid(*self.axes, indexing="ij")
        return np.stack([axis.ravel() for axis in mesh], axis=-1)

    def resized(self, *, width: float = 1.0, nodes: float = 1.0) -> "Grid":
        """The box `width` times as wide about its middle, with `nodes` times as many nodes."""
        ends = [
            ((lo + hi) / 2, width * (hi - lo) / 2)
            for lo, hi in zip(self.lower, self.upper, strict=True)
        ]
        lower, upper = tuple(m - h for m, h in ends), tuple(m + h for m, h in ends)
        return Grid(lower, upper, round(self.nodes * nodes))


class Units(NamedTuple):
    """The map z = (x - mean) / scale from the user's units to standardised ones, in float64."""

    mean: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]

    @property
    def log_jacobian(self) -> float:
        """The sum of log scale: what an energy gains on its way to the user's units."""
        return float(np.sum(np.log(self.scale)))

    def standardise(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """x -> z."""
        return (np.asarray(x, np.float64) - self.mean) / self.scale

    def restore(self, z: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """z -> x."""
        return np.asarray(z, np.float64) * self.scale + self.mean


@full_products
@eqx.filter_jit
def _evaluate(function, points):
    return jax.lax.map(function, points, batch_size=4096)


def evaluate(
    function: Callable, points: Float[np.ndarray, "points dim"]
) -> Float[np.ndarray, "points *out"]:
    """A function of one point at many, in blocks; float64 out."""
    return np.asarray(_evaluate(function, jnp.asarray(points, jnp.float32)), np.float64)


class Normalised(NamedTuple):
    """A density on a grid, its log Z, and by how much that moved with the box and the nodes."""

    grid: Grid
    log_density: Float[np.ndarray, "*axes"]  # [i, j] at (axes[0][i], axes[1][j])
    log_z: float
    log_z_error: float

    @property
    def settled(self) -> bool:
        """Whether Z is known: neither a box twice as wide nor half the nodes moves it."""
        return math.isfinite(self.log_z) and self.log_z_error < _SETTLED


def normalise(
    energy: Energy, grid: Grid, units: Units, *, tolerance: float = 1e-4, attempts: int = 5
) -> Normalised:
    r"""The density of a standardised energy on a grid of the user's units.

    $$ \log Z = \log \sum_g \Delta\, e^{-E(x_g)}, \quad E(x) = E_{std}(z) + \sum_i \log s_i $$

    The grid is made wider or finer until neither a box twice as wide nor half the nodes moves
    log Z by more than `tolerance`; what they still move it is `log_z_error`. Energies that are
    nowhere finite give NaN.
    """

    def energies(points: np.ndarray) -> np.ndarray:
        return evaluate(energy, units.standardise(points)) + units.log_jacobian

    return normalise_values(energies, grid, tolerance=tolerance, attempts=attempts)


def normalise_values(
    energies: Callable[[np.ndarray], np.ndarray],
    grid: Grid,
    *,
    tolerance: float = 1e-4,
    attempts: int = 5,
) -> Normalised:
    """The same of any function from points (n, dim) in the user's units to energies (n,)."""

    def on(grid: Grid) -> tuple[np.ndarray, float]:
        values = energies(grid.points())
        lowest = np.min(values)
        with np.errstate(invalid="ignore"):  # inf - inf: no energy is finite, and NaN says so
            log_z = float(np.log(np.sum(np.exp(lowest - values)) * grid.cell) - lowest)
        return values, log_z

    for attempt in range(attempts):
        values, log_z = on(grid)
        coarse = on(grid.resized(nodes=0.5))[1]
        fine_error = abs(log_z - coarse)
        # of the same spacing: a density too sharp for it is not taken for one too wide
        box_error = abs(coarse - on(grid.resized(width=2))[1])
        error = max(fine_error, box_error)
        if not error > tolerance or attempt == attempts - 1:
            break
        grid = grid.resized(width=1.5 if box_error > tolerance else 1.0, nodes=1.5)
    log_density = -(values + log_z).reshape((grid.nodes,) * len(grid.lower))
    return Normalised(grid, log_density, log_z, error)


def exact_samples(density: Normalised, num: int, key: Key) -> Float[np.ndarray, "n dim"]:
    """Independent samples of a density on a grid: a cell by inverse CDF, then uniform within it."""
    cumulative = np.cumsum(np.exp(density.log_density).ravel())
    cell_key, jitter_key = jr.split(key)
    uniform = np.asarray(jr.uniform(cell_key, (num,)), np.float64) * cumulative[-1]
    cells = np.minimum(np.searchsorted(cumulative, uniform, side="right"), cumulative.size - 1)
    shape = (num, len(density.grid.lower))
    jitter = np.asarray(jr.uniform(jitter_key, shape, minval=-0.5, maxval=0.5))
    return density.grid.points()[cells] + jitter * density.grid.spacing
