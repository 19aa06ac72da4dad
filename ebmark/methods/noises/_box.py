"""The uniform distribution on a box."""

import jax.numpy as jnp
import jax.random as jr

from ebmark.energies import Point
from ebmark.methods.noises._base import AbstractNoise

# A side of length 0 would have no density.
MIN_SIDE = 1e-6


class Box(AbstractNoise):
    r"""Uniform distribution on the bounding box of the data, widened by `scale` about its center.

    $$ \log q(x) = -\sum_i \log (b_i - a_i), \quad a \le x \le b $$

    Outside the box $q = 0$: the noise does not constrain the energy there.
    """

    lower: Point
    upper: Point

    @classmethod
    def fit(cls, data, scale, key):
        del key
        lower = data.min(axis=0)
        upper = data.max(axis=0)
        center = (upper + lower) / 2
        half_side = scale * jnp.maximum(upper - lower, MIN_SIDE) / 2
        return cls(center - half_side, center + half_side)

    def sample(self, num, key):
        return jr.uniform(key, (num, self.lower.shape[0]), minval=self.lower, maxval=self.upper)

    def log_prob(self, x):
        is_inside = jnp.all((x >= self.lower) & (x <= self.upper))
        return jnp.where(is_inside, -jnp.sum(jnp.log(self.upper - self.lower)), -jnp.inf)
