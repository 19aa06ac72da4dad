"""Parallel tempering."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int

from ebmark.energies import Point
from ebmark.samplers._base import AbstractSampler
from ebmark.samplers._mala import MALA, MALAState


class TemperingState(NamedTuple):
    x: Point
    replicas: MALAState  # a row a temperature, the coldest first; energies at temperature 1
    accepted: Bool[Array, ""]  # the cold replica's own move
    swapped: Float[Array, ""]  # the share of the last swaps that was accepted
    steps: Int[Array, ""]


class ParallelTempering(AbstractSampler):
    r"""Replicas at rising temperatures move by adjusted Langevin and swap places; exact.

    $$ p_k(x) \propto e^{-\beta_k E(x)}, \quad h_k = h / \beta_k, \quad
       \alpha_{k,k+1} = \min\left(1, e^{(\beta_k - \beta_{k+1})(E(x_k) - E(x_{k+1}))}\right) $$

    The temperatures $1/\beta_k$ rise geometrically from 1 to `temperature`, which should be about
    the highest barrier in nats. Neighbours swap after each move, even pairs and odd pairs in turn.
    The hot replicas cross the barriers, and the cold one has the modes' true masses: the reference
    where chains do not mix. A step costs `num_replicas` gradients.

    Geyer (1991), Markov chain Monte Carlo maximum likelihood.
    """

    step_size: float | Float[Array, ""]
    num_replicas: int = eqx.field(static=True, default=6)
    temperature: float = eqx.field(static=True, default=20.0)

    def _betas(self):
        return self.temperature ** -jnp.linspace(0.0, 1.0, self.num_replicas)

    def init(self, energy, x):
        one = MALA(self.step_size).init(energy, x)
        replicas = jax.tree.map(lambda a: jnp.broadcast_to(a, (self.num_replicas, *a.shape)), one)
        return TemperingState(x, replicas, jnp.array(True), jnp.array(1.0), jnp.array(0))

    def step(self, energy, state, key):
        betas, (move_key, swap_key) = self._betas(), jr.split(key)

        def move(replica, beta, key):
            """Adjusted Langevin on beta E, whose state holds E itself."""
            hot = replica._replace(energy=beta * replica.energy, gradient=beta * replica.gradient)
            new = MALA(self.step_size / beta).step(lambda x: beta * energy(x), hot, key)
            return new._replace(energy=new.energy / beta, gradient=new.gradient / beta)

        moved = jax.vmap(move)(state.replicas, betas, jr.split(move_key, self.num_replicas))
        lower = jnp.arange(self.num_replicas - 1)
        log_ratio = (betas[:-1] - betas[1:]) * (moved.energy[:-1] - moved.energy[1:])
        turn = lower % 2 == state.steps % 2
        swaps = turn & (jnp.log(jr.uniform(swap_key, lower.shape)) < log_ratio)
        places = jnp.arange(self.num_replicas)
        places = places.at[:-1].add(swaps).at[1:].add(-swaps.astype(places.dtype))
        replicas = jax.tree.map(lambda a: a[places], moved)
        share = jnp.sum(swaps) / jnp.maximum(jnp.sum(turn), 1)
        return TemperingState(replicas.x[0], replicas, moved.accepted[0], share, state.steps + 1)
