"""Probes between the points of a grid: mass that a quadrature misses."""

import itertools
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from ebmark.datasets import Grid

# A probe is unexpected if its energy is lower than at all grid points around it by more than this.
_SLACK = 0.5
# The lowest minima of the grid, each searched by a lattice around it.
_NUM_CENTERS = 64
_LATTICE = 8
# Smallest number of probes; in 2-D there are as many as points of the coarse grid.
_MIN_PROBES = 4_096


def missed_fraction(
    energies: Callable[[np.ndarray], np.ndarray], values: Float[np.ndarray, " points"], grid: Grid
) -> float:
    """Return mass that probes find between the grid points, as a fraction of that on the grid.

    The middles of neighboring points of highest density are probed, and a lattice around each
    minimum of the grid. Where an energy is lower than at all grid points around it, a finer lattice
    follows. For a density that is smooth on the scale of the spacing the fraction is 0.

    Args:
        energies: maps points in data units, shape (n, dim), to energies, shape (n,).
        values: the energies at `grid.points()`; at least one is finite.
        grid: the grid.
    """
    field = values.reshape((grid.points_per_axis,) * len(grid.lower))
    num = max(round(grid.points_per_axis / 2) ** field.ndim, _MIN_PROBES)
    lattice = _lattices(grid.points()[_lowest_minima(field)], grid.spacing)
    corners = _best_corners(field, grid, num - len(lattice))
    probes = np.concatenate([lattice, corners])
    excess = _excess(energies, field, grid, probes)
    steps = 2 / _LATTICE
    missed = excess[: len(lattice)].sum() * steps**field.ndim + excess[len(lattice) :].sum()
    if missed > 0:
        centers = probes[np.argsort(-excess)[: min(_NUM_CENTERS, np.count_nonzero(excess))]]
        finer = _lattices(centers, grid.spacing / 2)
        by_center = _excess(energies, field, grid, finer).reshape(len(centers), -1)
        # Lattices of neighbors overlap.
        missed = max(missed, by_center.sum(axis=1).max() * (steps / 2) ** field.ndim)
    return float(missed / np.sum(np.exp(values.min() - values)))


def _lowest_minima(field: Float[np.ndarray, "*axes"]) -> Int[np.ndarray, " minima"]:
    is_minimum = np.isfinite(field)
    for axis in range(field.ndim):
        ends = [(1, 1) if i == axis else (0, 0) for i in range(field.ndim)]
        padded = np.moveaxis(np.pad(field, ends, constant_values=np.inf), axis, 0)
        lower = np.minimum(padded[:-2], padded[2:])
        is_minimum &= field <= np.moveaxis(lower, 0, axis)
    indices = np.flatnonzero(is_minimum)
    return indices[np.argsort(field.ravel()[indices], kind="stable")[:_NUM_CENTERS]]


def _lattices(
    centers: Float[np.ndarray, "n dim"], half_width: Float[np.ndarray, " dim"]
) -> Float[np.ndarray, "points dim"]:
    """A lattice of equal steps around each center."""
    steps = (np.arange(_LATTICE) + 0.5) * 2 / _LATTICE - 1
    offsets = np.array(list(itertools.product(steps, repeat=centers.shape[1])))
    return (centers[:, None] + offsets * half_width).reshape(-1, centers.shape[1])


def _around(field: Float[np.ndarray, "*axes"], corners: Int[np.ndarray, "n dim"]) -> np.ndarray:
    """The lowest energy of the grid points around each corner, given by its lower grid point."""
    shifts = itertools.product((0, 1), repeat=field.ndim)
    return np.min([field[tuple((corners + shift).T)] for shift in shifts], axis=0)


def _best_corners(
    field: Float[np.ndarray, "*axes"], grid: Grid, num: int
) -> Float[np.ndarray, "corners dim"]:
    lowest = field
    for axis in range(field.ndim):
        moved = np.moveaxis(lowest, axis, 0)
        lowest = np.moveaxis(np.minimum(moved[1:], moved[:-1]), 0, axis)
    best = np.arange(lowest.size)
    if num < lowest.size:
        best = np.argpartition(lowest, num, axis=None)[:num]
    corners = np.stack(np.unravel_index(best, lowest.shape), axis=-1)
    return grid.lower + (corners + 1) * grid.spacing


def _excess(
    energies: Callable[[np.ndarray], np.ndarray],
    field: Float[np.ndarray, "*axes"],
    grid: Grid,
    probes: Float[np.ndarray, "probes dim"],
) -> Float[np.ndarray, " probes"]:
    """The density at probes beyond that around them, 0 where expected, in units of the highest."""
    values = np.nan_to_num(energies(probes), nan=np.inf)
    position = np.floor((probes - grid.lower) / grid.spacing - 0.5).astype(int)
    around = _around(field, np.clip(position, 0, np.array(field.shape) - 2))
    with np.errstate(over="ignore", invalid="ignore"):
        density, expected = np.exp(field.min() - values), np.exp(field.min() - around)
        return np.where(values < around - _SLACK, density - expected, 0.0)
