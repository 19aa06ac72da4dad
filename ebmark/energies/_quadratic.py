"""The energy of an isotropic Gaussian, for closed forms."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Scalar

from ebmark.energies._types import Point


class Quadratic(eqx.Module):
    r"""The energy of an isotropic Gaussian, $E(x) = \tfrac12 \lambda \|x - m\|^2$.

    Attributes:
        precision: $\lambda$, the inverse of the variance.
        mean: m, of shape (dim,).
    """

    precision: Scalar
    mean: Point

    def __call__(self, x: Point) -> Scalar:
        return 0.5 * self.precision * jnp.sum((x - self.mean) ** 2)


def gaussian_log_z(precision: float, dim: int) -> float:
    r"""Compute $\log Z = \tfrac{d}{2} \log(2 \pi / \lambda)$ of `Quadratic`.

    Args:
        precision: $\lambda$, the inverse of the variance.
        dim: Number of dimensions d.

    Returns:
        log Z, in nats.

    Example:
        >>> round(gaussian_log_z(1.0, dim=2), 4)
        1.8379
    """
    return 0.5 * dim * math.log(2 * math.pi / precision)
