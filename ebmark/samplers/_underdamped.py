"""Underdamped Langevin."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ebmark.energies import Point
from ebmark.samplers._base import AbstractUnadjusted


class UnderdampedState(NamedTuple):
    x: Point
    momentum: Point
    gradient: Point


class UnderdampedLangevin(AbstractUnadjusted):
    r"""Underdamped Langevin by the splitting BAOAB: momentum carries the chain on.

    $$ B: p - \tfrac{\epsilon}{2} \nabla E(x), \quad A: x + \tfrac{\epsilon}{2} p, \quad
       O: e^{-\gamma \epsilon} p + \sqrt{1 - e^{-2 \gamma \epsilon}}\, \xi, \quad
       \epsilon = \sqrt{2h} $$

    `step_size` is $h$, `friction` $\gamma$. Unadjusted, of weak order 2; the positions are exact
    on a Gaussian at any stable step, where plain Langevin's variance is too large.

    Leimkuhler & Matthews (2013), Rational construction of stochastic numerical methods for
    molecular sampling.
    """

    step_size: float | Float[Array, ""]
    friction: float = eqx.field(static=True, default=1.0)

    def init(self, energy, x):
        return UnderdampedState(x, jnp.zeros_like(x), jax.grad(energy)(x))

    def step(self, energy, state, noise):
        epsilon = jnp.sqrt(2 * self.step_size)
        keep = jnp.exp(-self.friction * epsilon)
        p = state.momentum - epsilon / 2 * state.gradient
        x = state.x + epsilon / 2 * p
        p = keep * p + jnp.sqrt(1 - keep**2) * noise
        x = x + epsilon / 2 * p
        gradient = jax.grad(energy)(x)
        return UnderdampedState(x, p - epsilon / 2 * gradient, gradient)
