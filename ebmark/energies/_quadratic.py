"""The energy of a Gaussian, for closed forms."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Scalar

from ebmark.energies._types import Point


class Quadratic(eqx.Module):
    r"""A Gaussian's energy, $E(x) = \tfrac12 \lambda \|x - m\|^2$: the closed forms live here."""

    precision: Scalar
    mean: Point

    def __call__(self, x: Point) -> Scalar:
        return 0.5 * self.precision * jnp.sum((x - self.mean) ** 2)


def gaussian_log_z(precision: float, dim: int) -> float:
    r"""$\log Z = \tfrac{d}{2} \log(2 \pi / \lambda)$ of `Quadratic`."""
    return 0.5 * dim * math.log(2 * math.pi / precision)
