"""Unadjusted Langevin dynamics."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ebmark.energies import Energy, Point
from ebmark.samplers._base import AbstractUnadjusted


class LangevinState(NamedTuple):
    """The point of a chain."""

    x: Point


class Langevin(AbstractUnadjusted):
    r"""Unadjusted Langevin dynamics: a gradient step plus Gaussian noise.

    $$ x' = x - h \nabla E(x) + \sqrt{2 h}\, \xi, \quad \xi \sim N(0, I) $$

    `step_size` is $h$ of this equation (others write $\alpha = 2h$). The sampler is biased: on a
    Gaussian of variance $s^2$ its stationary variance is $s^2 / (1 - h / 2 s^2)$, and it diverges
    for $h \ge 2 s^2$. With $h = s^2 / 10$ the variance is 5.3% too large.

    References: Roberts & Tweedie (1996), Exponential convergence of Langevin distributions.
    """

    step_size: float | Float[Array, ""]

    def init(self, energy: Energy, x: Point) -> LangevinState:
        del energy
        return LangevinState(x)

    def move(self, energy: Energy, state: LangevinState, noise: Point) -> LangevinState:
        drift = -self.step_size * jax.grad(energy)(state.x)
        return LangevinState(state.x + drift + jnp.sqrt(2 * self.step_size) * noise)
