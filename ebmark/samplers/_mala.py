"""Metropolis-adjusted Langevin."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Scalar

from ebmark.energies import Point
from ebmark.samplers._base import AbstractSampler


class MALAState(NamedTuple):
    x: Point
    energy: Scalar
    gradient: Point
    accepted: Bool[Array, ""]


class MALA(AbstractSampler):
    r"""Metropolis-adjusted Langevin: a Langevin proposal, accepted or refused; exact.

    $$ \alpha = \min\left(1, \frac{e^{-E(x')} q(x | x')}{e^{-E(x)} q(x' | x)}\right), \quad
       \log q(x' | x) = -\frac{\|x' - x + h \nabla E(x)\|^2}{4 h} $$

    Best tuned to accept .574 of its proposals. A proposal whose energy is not finite is refused.

    Roberts & Rosenthal (1998), Optimal scaling of discrete approximations to Langevin diffusions.
    """

    step_size: float | Float[Array, ""]

    def init(self, energy, x):
        value, gradient = jax.value_and_grad(energy)(x)
        return MALAState(x, value, gradient, jnp.array(True))

    def step(self, energy, state, key):
        h = self.step_size
        noise_key, accept_key = jr.split(key)
        noise = jnp.sqrt(2 * h) * jr.normal(noise_key, state.x.shape)
        x = state.x - h * state.gradient + noise
        value, gradient = jax.value_and_grad(energy)(x)

        def log_proposal(to, start, slope):
            return -jnp.sum((to - start + h * slope) ** 2) / (4 * h)

        log_ratio = (
            (state.energy - value)
            + log_proposal(state.x, x, gradient)
            - log_proposal(x, state.x, state.gradient)
        )
        accepted = jnp.log(jr.uniform(accept_key)) < log_ratio  # NaN compares false: refused
        proposal = MALAState(x, value, gradient, accepted)
        stay = state._replace(accepted=accepted)
        return jax.tree.map(lambda new, old: jnp.where(accepted, new, old), proposal, stay)
