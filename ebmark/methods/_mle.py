"""Exact maximum likelihood: the oracle."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.energies import Point
from ebmark.methods._base import AbstractMethod
from ebmark.system.devices import shard


class MLEState(NamedTuple):
    lower: Point
    upper: Point


class MaximumLikelihood(AbstractMethod):
    r"""Exact maximum likelihood, log Z by quadrature: what this network can reach at all.

    $$ \mathcal{L} = \mathbb{E}_{data}[E(x)] + \log \sum_g \Delta\, e^{-E(x_g)} $$

    The nodes are a `nodes` x `nodes` grid over the data's box and a `margin` around it, shifted at
    random each step: else the network hides mass between them. One or two dimensions only.

    Needs a grid: one or two dimensions. Use it as the oracle, when asking what is the network's
    fault and what the method's. Not when the data have more columns, or the grid is coarser than
    their details.

    Fisher (1922), On the mathematical foundations of theoretical statistics.
    """

    num_grid_points: int = eqx.field(static=True, default=80)
    margin: float = 1.0

    def init(self, data, key):
        del key
        if data.shape[1] > 2:
            raise ValueError(f"mle integrates on a grid: 1 or 2 columns, not {data.shape[1]}")
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

    def network_evaluations(self, batch, dim):
        return 3 * (batch + self.num_grid_points**dim)
