r"""Draws of some columns given the others: $x_f \sim p(x_f \mid x_g) \propto e^{-E(x_f, x_g)}$.

The Gaussian of the training rows, as their units describe it, gives the mean and the covariance of
the free columns of each row. Particles follow the path from this Gaussian to the energy.
"""

import warnings
from typing import NamedTuple

import jax.random as jr
import numpy as np
from jaxtyping import Float

from ebmark.datasets.preprocessing import Units
from ebmark.errors import UnresolvedWarning
from ebmark.partition_function import RowMaps, draw_rows
from ebmark.training.model import Model

_NUM_PARTICLES = 64


class ConditionalDraws(NamedTuple):
    r"""Draws of rows, complete, and the log normalizing constant of their conditionals.

    Attributes:
        x: the rows with draws in place of NaN.
        log_z: $\log \int e^{-E(x_f, x_g)} dx_f$ in the units of the table, in nats, by repetition:
            $-E(x) - \log Z$ is the conditional log-density.
    """

    x: Float[np.ndarray, "draws n d"]
    log_z: Float[np.ndarray, "repeats n"]


def draw_conditional(
    model: Model, rows: Float[np.ndarray, "n d"], num_draws: int, seed: int
) -> ConditionalDraws:
    """Draw the missing entries of rows given the others.

    Args:
        model: the energy and its units.
        rows: rows in data units, with NaN in the free columns.
        num_draws: draws per row.
        seed: seed of the draws.
    """
    num_repeats = -(-num_draws // _NUM_PARTICLES)
    maps, log_det = gaussian_maps(model.units, rows)
    repeated = RowMaps(*(np.concatenate([a] * num_repeats) for a in maps))
    draws = draw_rows(model.energy, repeated, jr.key(seed), num_particles=_NUM_PARTICLES)
    if not draws.is_finished.all():
        warnings.warn(
            f"Draws of {np.sum(~draws.is_finished)} row(s) did not converge: their energy is not "
            "finite or too steep. Check these rows or the model.",
            UnresolvedWarning,
            stacklevel=3,
        )
    n, dim = rows.shape
    z = draws.z.reshape(num_repeats, n, _NUM_PARTICLES, dim).transpose(0, 2, 1, 3)
    # particles of one row are interchangeable only in random order, once they are resampled
    order = np.random.default_rng(seed).permutation(num_repeats * _NUM_PARTICLES)[:num_draws]
    x = model.units.inverse_transform(z.reshape(-1, n, dim)[order])
    log_z = draws.log_z.reshape(num_repeats, n) + log_det - model.units.log_jacobian
    return ConditionalDraws(np.where(np.isnan(rows), x, rows), log_z)


def gaussian_maps(
    units: Units, rows: Float[np.ndarray, "n d"]
) -> tuple[RowMaps, Float[np.ndarray, " n"]]:
    r"""Describe the missing entries of rows by the Gaussian that the units whiten.

    $$ s_f \mid s_g \sim N(-P_{ff}^{-1} P_{fg} s_g, P_{ff}^{-1}), \quad P = K K^\top, \quad
       z = s K $$

    with columns s of mean 0 and standard deviation 1 and whitened coordinates z.

    Returns:
        z as a function of $u \sim N(0, I)$, and the log determinant of $dx_f / du$.
    """
    dim = units.dim
    stretch = units.inverse_transform_gradients(np.eye(dim)).T * units.scale[:, None]
    precision = stretch @ stretch.T
    s = (rows - units.mean) / units.scale
    is_free = np.isnan(rows)
    matrices = np.zeros((len(rows), dim, dim))
    log_det = np.zeros(len(rows))
    patterns, index = np.unique(is_free, axis=0, return_inverse=True)
    for k, free in enumerate(patterns):
        group = np.flatnonzero(index.ravel() == k)
        root = np.linalg.inv(np.linalg.cholesky(precision[np.ix_(free, free)])).T
        means = -s[np.ix_(group, ~free)] @ precision[np.ix_(~free, free)] @ root @ root.T
        s[np.ix_(group, free)] = means
        padded = np.zeros((dim, dim))
        padded[np.ix_(free, free)] = root
        matrices[group] = stretch.T @ padded
        log_det[group] = np.log(np.diag(root) * units.scale[free]).sum()
    return RowMaps(s @ stretch, matrices, is_free), log_det


def fill_by_gaussian(
    units: Units, rows: Float[np.ndarray, "n d"], seed: int
) -> Float[np.ndarray, "n d"]:
    """Draw the missing entries of rows from the Gaussian that the units whiten."""
    maps, _ = gaussian_maps(units, rows)
    u = np.random.default_rng(seed).normal(size=rows.shape)
    x = units.inverse_transform(maps.shifts + np.einsum("nij,nj->ni", maps.matrices, u))
    return np.where(np.isnan(rows), x, rows)
