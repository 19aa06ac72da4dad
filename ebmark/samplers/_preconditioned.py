"""Preconditioned Langevin dynamics."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ebmark.energies import Energy, Point
from ebmark.samplers._base import AbstractUnadjusted


class PreconditionedState(NamedTuple):
    """The point of a chain."""

    x: Point


class PreconditionedLangevin(AbstractUnadjusted):
    r"""Unadjusted Langevin dynamics preconditioned with the covariance of the target.

    $$ x' = x - h\, C \nabla E(x) + \sqrt{2h}\, L \xi, \quad C = L L^\top $$

    It is Langevin dynamics of $y = L^{-1} x$: the target is the same, and $h$ is in units of the
    covariance $C$, whose Cholesky factor $L$ is `factor` (default: the identity). `from_points`
    estimates it.

    References: Roberts & Stramer (2002), Langevin diffusions and Metropolis-Hastings algorithms.
    """

    step_size: float | Float[Array, ""]
    factor: Float[Array, "dim dim"] | None = None

    @classmethod
    def from_points(
        cls, step_size: float | Float[Array, ""], points: Float[Array, "n dim"]
    ) -> "PreconditionedLangevin":
        """Use the covariance of points, such as the last points of preliminary chains."""
        covariance = jnp.atleast_2d(jnp.cov(points, rowvar=False))
        ridge = 1e-6 * jnp.trace(covariance) * jnp.eye(points.shape[1])
        return cls(step_size, jnp.linalg.cholesky(covariance + ridge))

    def init(self, energy: Energy, x: Point) -> PreconditionedState:
        del energy
        return PreconditionedState(x)

    def move(self, energy: Energy, state: PreconditionedState, noise: Point) -> PreconditionedState:
        factor = jnp.eye(state.x.shape[0]) if self.factor is None else self.factor
        gradient = factor @ (factor.T @ jax.grad(energy)(state.x))
        x = state.x - self.step_size * gradient + jnp.sqrt(2 * self.step_size) * (factor @ noise)
        return PreconditionedState(x)
