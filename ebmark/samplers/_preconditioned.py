"""Preconditioned Langevin."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ebmark.energies import Point
from ebmark.samplers._base import AbstractUnadjusted


class PreconditionedState(NamedTuple):
    x: Point


class PreconditionedLangevin(AbstractUnadjusted):
    r"""Unadjusted Langevin in a metric of the target's shape: long and narrow becomes round.

    $$ x' = x - h\, C \nabla E(x) + \sqrt{2h}\, L \xi, \quad C = L L^\top $$

    It is Langevin of $y = L^{-1} x$: the target stays, and $h$ is in units of $C$, the covariance
    whose Cholesky `factor` $L$ is given; the identity if none is. `shaped` takes it from points.

    Roberts & Stramer (2002), Langevin diffusions and Metropolis-Hastings algorithms.
    """

    step_size: float | Float[Array, ""]
    factor: Float[Array, "dim dim"] | None = None

    @classmethod
    def shaped(cls, step_size: float, points: Float[Array, "n dim"]) -> "PreconditionedLangevin":
        """With the covariance of some points, such as the ends of a first few chains."""
        covariance = jnp.atleast_2d(jnp.cov(points, rowvar=False))
        ridge = 1e-6 * jnp.trace(covariance) * jnp.eye(points.shape[1])
        return cls(step_size, jnp.linalg.cholesky(covariance + ridge))

    def init(self, energy, x):
        del energy
        return PreconditionedState(x)

    def step(self, energy, state, noise):
        factor = jnp.eye(state.x.shape[0]) if self.factor is None else self.factor
        slope = factor @ (factor.T @ jax.grad(energy)(state.x))
        x = state.x - self.step_size * slope + jnp.sqrt(2 * self.step_size) * (factor @ noise)
        return PreconditionedState(x)
