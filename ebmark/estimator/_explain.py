r"""The conditional distribution of each value of a row given its others, by 1-D quadrature."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ebmark.estimator._conditional import gaussian_maps
from ebmark.training.model import Model

# grid points: first uniform on this number of standard deviations, then at quantiles
_NUM_GRID_POINTS = 128
_HALF_WIDTH = 8.0
# fraction of the second ones that are uniform too
_UNIFORM = 0.1


class ValueScores(NamedTuple):
    r"""How each value compares with what the other values of its row predict, in nats.

    Attributes:
        log_prob: $\log p(x_j \mid x_{-j})$.
        surprise: $\mathbb{E}_{x' \sim p(\cdot \mid x_{-j})} \log p(x' \mid x_{-j})$ minus this: the
            log-density that a typical value would gain.
    """

    log_prob: Float[np.ndarray, "n d"]
    surprise: Float[np.ndarray, "n d"]


def score_values(model: Model, x: Float[np.ndarray, "n d"]) -> ValueScores:
    r"""Compute the conditional log-density of each value; log Z is not needed.

    $$ \log p(x_j \mid x_{-j}) = -E(x) - \log \int e^{-E(x_{-j}, x')} dx' $$

    The integral is that of the trapezoidal rule on two grids: a uniform one on 8 standard
    deviations around the mean, widened by the value and by what a Gaussian predicts for it, and one
    at the quantiles that the first finds.

    Args:
        model: the energy and its units.
        x: rows in data units.
    """
    own = -model.energies(x)
    log_probs, surprises = np.empty(x.shape), np.empty(x.shape)
    for j in range(x.shape[1]):
        grid = _uniform_grid(model, x, j)
        refined = _quantiles(grid, _log_density(model, x, j, grid))
        grid = np.sort(np.concatenate([grid, refined], axis=1), axis=1)
        log_density = _log_density(model, x, j, grid)
        highest = log_density.max(axis=1, keepdims=True)
        density = np.exp(log_density - highest)
        mass = np.trapezoid(density, grid, axis=1)
        log_z = highest[:, 0] + np.log(mass)
        expected = np.trapezoid(density * log_density, grid, axis=1) / mass
        log_probs[:, j] = own - log_z
        surprises[:, j] = expected - own
    return ValueScores(log_probs, surprises)


def _uniform_grid(model: Model, x: Float[np.ndarray, "n d"], j: int) -> Float[np.ndarray, "n grid"]:
    holes = x.copy()
    holes[:, j] = np.nan
    # far from the others where they are odd themselves
    predicted = model.units.inverse_transform(gaussian_maps(model.units, holes)[0].shifts)[:, j]
    center = np.stack([np.full(len(x), model.units.mean[j]), predicted])
    width = _HALF_WIDTH * model.units.scale[j]
    low = np.minimum(center.min(axis=0) - width, x[:, j])
    high = np.maximum(center.max(axis=0) + width, x[:, j])
    return np.linspace(low, high, _NUM_GRID_POINTS, axis=1)


def _log_density(
    model: Model, x: Float[np.ndarray, "n d"], j: int, grid: Float[np.ndarray, "n grid"]
) -> Float[np.ndarray, "n grid"]:
    """Compute -E of rows with the values of a grid in column j."""
    points = np.repeat(x, grid.shape[1], axis=0)
    points[:, j] = grid.ravel()
    return -model.energies(points).reshape(grid.shape)


def _quantiles(
    grid: Float[np.ndarray, "n grid"], log_density: Float[np.ndarray, "n grid"]
) -> Float[np.ndarray, "n refined"]:
    """Return points of equal mass under a density on a uniform grid, each spread over its bins."""
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    # half of the mass of a point on each side, and some for neighbors: a peak may lie between
    density[:, 1:-1] = (density[:, :-2] + density[:, 1:-1] + density[:, 2:]) / 3
    density = density / density.sum(axis=1, keepdims=True) + _UNIFORM / _NUM_GRID_POINTS
    cumulative = np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1)
    cumulative = np.pad(cumulative, ((0, 0), (1, 0)))
    # not on points of the first grid
    levels = (np.arange(2 * _NUM_GRID_POINTS) + 0.5) / (2 * _NUM_GRID_POINTS)
    return np.stack(
        [
            np.interp(levels * total[-1], total, points)
            for total, points in zip(cumulative, grid, strict=True)
        ]
    )
