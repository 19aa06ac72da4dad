"""Exact maximum likelihood: the oracle."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.energies import Point
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import NON_NEGATIVE, Interval
from ebmark.system.devices import shard

MAX_DIM = 2


class MLEState(NamedTuple):
    """Corners of the quadrature grid, in standardized units."""

    lower: Point
    upper: Point


class MaximumLikelihood(AbstractMethod):
    r"""Exact maximum likelihood by quadrature (oracle).

    $$ \mathcal{L} = \mathbb{E}_{data}[E(x)] + \log \sum_g \Delta\, e^{-E(x_g)} $$

    The grid is shifted at random in every update; otherwise the network hides mass between the
    grid points.

    Attributes:
        num_grid_points: Grid points per dimension.
        margin: Margin of the grid around the bounding box of the data, in standardized units.

    Requires: a grid, and therefore 1-D or 2-D data.
    Use when: the error of the network has to be separated from that of the training method.
    Avoid when: data have more than two dimensions, or details finer than the grid.
    References: Fisher (1922), On the mathematical foundations of theoretical statistics.
    """

    limits = {"num_grid_points": Interval(2, integer=True), "margin": NON_NEGATIVE}

    num_grid_points: int = eqx.field(static=True, default=80)
    margin: float = 1.0

    def init(self, data, key):
        del key
        if data.shape[1] > MAX_DIM:
            raise ValueError(
                f"'mle' supports 1-D and 2-D data only, got {data.shape[1]} columns. "
                "Choose another method."
            )
        return MLEState(data.min(axis=0) - self.margin, data.max(axis=0) + self.margin)

    def loss(self, energy, batch, state, key):
        dim = batch.shape[1]
        spacing = (state.upper - state.lower) / self.num_grid_points
        shift = jr.uniform(key, (dim,))
        axes = jnp.meshgrid(*[jnp.arange(self.num_grid_points)] * dim, indexing="ij")
        indices = jnp.stack([axis.ravel() for axis in axes], axis=-1)
        points = shard(state.lower + (indices + shift) * spacing)
        log_z = jax.nn.logsumexp(-jax.vmap(energy)(points)) + jnp.sum(jnp.log(spacing))
        return jnp.mean(jax.vmap(energy)(batch)) + log_z, state

    def network_evaluations(self, batch_size, dim):
        return 3 * (batch_size + self.num_grid_points**dim)
