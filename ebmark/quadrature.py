"""Densities on a grid in one or two dimensions: Z, expectations and exact samples are then sums."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark._types import Energy, Key


class Grid(NamedTuple):
    """Midpoints of equal cells of a box; on smooth functions the sum converges exponentially."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    nodes: int  # a side

    @property
    def axes(self) -> list[np.ndarray]:
        cells = (np.arange(self.nodes) + 0.5) / self.nodes
        return [lo + (hi - lo) * cells for lo, hi in zip(self.lower, self.upper, strict=True)]

    @property
    def spacing(self) -> np.ndarray:
        return (np.array(self.upper) - np.array(self.lower)) / self.nodes

    @property
    def cell(self) -> float:
        return float(np.prod(self.spacing))

    def points(self) -> Float[np.ndarray, "points dim"]:
        mesh = np.meshgrid(*self.axes, indexing="ij")
        return np.stack([axis.ravel() for axis in mesh], axis=-1)

    def scaled(self, factor: float, *, refine: float = 1) -> "Grid":
        """The box `factor` times as wide, with `refine` times as many nodes."""
        middle = [(lo + hi) / 2 for lo, hi in zip(self.lower, self.upper, strict=True)]
        half = [factor * (hi - lo) / 2 for lo, hi in zip(self.lower, self.upper, strict=True)]
        pairs = list(zip(middle, half, strict=True))
        lower, upper = tuple(m - h for m, h in pairs), tuple(m + h for m, h in pairs)
        return Grid(lower, upper, round(self.nodes * refine))


@eqx.filter_jit
def _evaluate(function, points):
    return jax.lax.map(function, points, batch_size=4096)


def evaluate(function, grid: Grid) -> Float[np.ndarray, "*axes"]:
    """A scalar function at the nodes: an array of one axis a dimension, `[i, j]` at (x_i, y_j)."""
    values = _evaluate(function, jnp.asarray(grid.points(), jnp.float32))
    return np.asarray(values, np.float64).reshape((grid.nodes,) * len(grid.lower))


class Normalised(NamedTuple):
    """A density on a grid, its log Z, and how far doubling box and nodes moved that."""

    grid: Grid
    log_density: Float[np.ndarray, "*axes"]
    log_z: float
    log_z_error: float


def log_normaliser(energies: Float[np.ndarray, "*axes"], grid: Grid) -> float:
    r"""$\log Z = \log \sum_g \Delta\, e^{-E(x_g)}$."""
    smallest = energies.min()
    return float(np.log(np.sum(np.exp(smallest - energies)) * grid.cell) - smallest)


def normalise(
    energy: Energy, grid: Grid, *, tolerance: float = 1e-4, attempts: int = 5
) -> Normalised:
    """The density exp(-E)/Z on the grid, made wider or finer until log Z stands still.

    `log_z_error` is the larger of what a box twice as wide and half the nodes change in log Z.
    Energies that are nowhere finite give NaN.
    """
    for attempt in range(attempts):
        energies = evaluate(energy, grid)
        log_z = log_normaliser(energies, grid)
        coarse, wide = grid.scaled(1, refine=0.5), grid.scaled(2)
        fine_error = abs(log_z - log_normaliser(evaluate(energy, coarse), coarse))
        box_error = abs(log_z - log_normaliser(evaluate(energy, wide), wide))
        if not max(fine_error, box_error) > tolerance or attempt == attempts - 1:
            break
        grid = grid.scaled(1.5 if box_error > tolerance else 1, refine=1.5)
    return Normalised(grid, -energies - log_z, log_z, max(fine_error, box_error))


def exact_samples(
    log_density: Float[Array, "*axes"], grid: Grid, num: int, key: Key
) -> Float[np.ndarray, "n dim"]:
    """Independent samples of a density on a grid: a cell by inverse CDF, then uniform within it."""
    density = np.exp(np.asarray(log_density, np.float64)).ravel()
    cumulative = np.cumsum(density)
    cell_key, jitter_key = jr.split(key)
    uniform = np.asarray(jr.uniform(cell_key, (num,)), np.float64) * cumulative[-1]
    cells = np.minimum(np.searchsorted(cumulative, uniform, side="right"), density.size - 1)
    jitter = np.asarray(jr.uniform(jitter_key, (num, len(grid.lower)), minval=-0.5, maxval=0.5))
    return grid.points()[cells] + jitter * grid.spacing
