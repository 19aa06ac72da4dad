"""Metropolis-adjusted Langevin algorithm (MALA)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Scalar

from ebmark.energies import Energy, Key, Point
from ebmark.samplers._base import AbstractSampler


class MALAState(NamedTuple):
    """The point of a chain, its energy and gradient, and whether the last proposal was accepted."""

    x: Point
    energy: Scalar
    gradient: Point
    accepted: Bool[Array, ""]


class MALA(AbstractSampler):
    r"""Metropolis-adjusted Langevin algorithm: a Langevin proposal, accepted or rejected; exact.

    $$ \alpha = \min\left(1, \frac{e^{-E(x')} q(x | x')}{e^{-E(x)} q(x' | x)}\right), \quad
       \log q(x' | x) = -\frac{\|x' - x + h \nabla E(x)\|^2}{4 h} $$

    The optimal acceptance rate is 0.574. A proposal whose energy is not finite is rejected.

    References: Roberts & Rosenthal (1998), Optimal scaling of discrete approximations to Langevin
    diffusions.
    """

    step_size: float | Float[Array, ""]

    def init(self, energy: Energy, x: Point) -> MALAState:
        value, gradient = jax.value_and_grad(energy)(x)
        return MALAState(x, value, gradient, jnp.array(True))

    def step(self, energy: Energy, state: MALAState, key: Key) -> MALAState:
        h = self.step_size
        noise_key, accept_key = jr.split(key)
        noise = jnp.sqrt(2 * h) * jr.normal(noise_key, state.x.shape, state.x.dtype)
        x = state.x - h * state.gradient + noise
        value, gradient = jax.value_and_grad(energy)(x)

        def log_proposal(to: Point, start: Point, gradient: Point) -> Scalar:
            return -jnp.sum((to - start + h * gradient) ** 2) / (4 * h)

        log_ratio = (
            (state.energy - value)
            + log_proposal(state.x, x, gradient)
            - log_proposal(x, state.x, state.gradient)
        )
        # NaN compares false, so such a proposal is rejected
        accepted = jnp.log(jr.uniform(accept_key)) < log_ratio
        proposal = MALAState(x, value, gradient, accepted)
        stay = state._replace(accepted=accepted)
        return jax.tree.map(lambda new, old: jnp.where(accepted, new, old), proposal, stay)
