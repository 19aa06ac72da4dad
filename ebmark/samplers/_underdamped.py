"""Underdamped Langevin dynamics."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ebmark.energies import Energy, Point
from ebmark.samplers._base import AbstractUnadjusted


class UnderdampedState(NamedTuple):
    """The point of a chain, its momentum, and the gradient of the energy at the point."""

    x: Point
    momentum: Point
    gradient: Point


class UnderdampedLangevin(AbstractUnadjusted):
    r"""Underdamped Langevin dynamics, discretized by the BAOAB splitting.

    $$ B: p - \tfrac{\epsilon}{2} \nabla E(x), \quad A: x + \tfrac{\epsilon}{2} p, \quad
       O: e^{-\gamma \epsilon} p + \sqrt{1 - e^{-2 \gamma \epsilon}}\, \xi, \quad
       \epsilon = \sqrt{2h} $$

    `step_size` is $h$, `friction` is $\gamma$. Unadjusted, of weak order 2. On a Gaussian the
    positions are exact at any stable step size, where the variance of plain Langevin is too large.

    References: Leimkuhler & Matthews (2013), Rational construction of stochastic numerical methods
    for molecular sampling.
    """

    step_size: float | Float[Array, ""]
    friction: float = eqx.field(static=True, default=1.0)

    def init(self, energy: Energy, x: Point) -> UnderdampedState:
        return UnderdampedState(x, jnp.zeros_like(x), jax.grad(energy)(x))

    def move(self, energy: Energy, state: UnderdampedState, noise: Point) -> UnderdampedState:
        epsilon = jnp.sqrt(2 * self.step_size)
        decay = jnp.exp(-self.friction * epsilon)
        p = state.momentum - epsilon / 2 * state.gradient
        x = state.x + epsilon / 2 * p
        p = decay * p + jnp.sqrt(1 - decay**2) * noise
        x = x + epsilon / 2 * p
        gradient = jax.grad(energy)(x)
        return UnderdampedState(x, p - epsilon / 2 * gradient, gradient)
