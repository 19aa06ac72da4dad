"""Parallel tempering."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, Scalar

from ebmark.energies import Energy, Key, Point
from ebmark.samplers._base import AbstractSampler
from ebmark.samplers._mala import MALA, MALAState


class TemperingState(NamedTuple):
    """The replicas of a chain, and what happened in the last step.

    `replicas` has one row per temperature, the coldest first; their energies are those at
    temperature 1. `accepted` refers to the coldest replica's proposal, `swapped` is the fraction
    of the proposed swaps that were accepted.
    """

    x: Point
    replicas: MALAState
    accepted: Bool[Array, ""]
    swapped: Float[Array, ""]
    steps: Int[Array, ""]


class ParallelTempering(AbstractSampler):
    r"""Replicas at several temperatures that move by MALA and swap states; exact.

    $$ p_k(x) \propto e^{-\beta_k E(x)}, \quad h_k = h / \beta_k, \quad
       \alpha_{k,k+1} = \min\left(1, e^{(\beta_k - \beta_{k+1})(E(x_k) - E(x_{k+1}))}\right) $$

    The temperatures $1/\beta_k$ rise geometrically from 1 to `temperature`, which should be about
    the highest barrier in nats. Neighbors swap after each move, even and odd pairs in turn. Hot
    replicas cross barriers, so the coldest one has the correct mode weights where a single chain
    does not mix. A step costs `num_replicas` gradients.

    References: Geyer (1991), Markov chain Monte Carlo maximum likelihood.
    """

    step_size: float | Float[Array, ""]
    num_replicas: int = eqx.field(static=True, default=6)
    temperature: float = eqx.field(static=True, default=20.0)

    def _betas(self) -> Float[Array, " replicas"]:
        return self.temperature ** -jnp.linspace(0.0, 1.0, self.num_replicas)

    def init(self, energy: Energy, x: Point) -> TemperingState:
        replica = MALA(self.step_size).init(energy, x)
        replicas = jax.tree.map(
            lambda a: jnp.broadcast_to(a, (self.num_replicas, *a.shape)), replica
        )
        return TemperingState(x, replicas, jnp.array(True), jnp.array(1.0), jnp.array(0))

    def step(self, energy: Energy, state: TemperingState, key: Key) -> TemperingState:
        betas = self._betas()
        move_key, swap_key = jr.split(key)

        def move(replica: MALAState, beta: Scalar, key: Key) -> MALAState:
            """Take a MALA step on beta E, with a state that holds E itself."""
            scaled = replica._replace(
                energy=beta * replica.energy, gradient=beta * replica.gradient
            )
            new = MALA(self.step_size / beta).step(lambda x: beta * energy(x), scaled, key)
            return new._replace(energy=new.energy / beta, gradient=new.gradient / beta)

        moved = jax.vmap(move)(state.replicas, betas, jr.split(move_key, self.num_replicas))
        lower = jnp.arange(self.num_replicas - 1)
        log_ratio = (betas[:-1] - betas[1:]) * (moved.energy[:-1] - moved.energy[1:])
        proposed = lower % 2 == state.steps % 2
        swaps = proposed & (jnp.log(jr.uniform(swap_key, lower.shape)) < log_ratio)
        places = jnp.arange(self.num_replicas)
        places = places.at[:-1].add(swaps).at[1:].add(-swaps.astype(places.dtype))
        replicas = jax.tree.map(lambda a: a[places], moved)
        swapped = jnp.sum(swaps) / jnp.maximum(jnp.sum(proposed), 1)
        return TemperingState(replicas.x[0], replicas, moved.accepted[0], swapped, state.steps + 1)
