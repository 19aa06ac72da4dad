"""The uniform law on a box."""

import jax.numpy as jnp
import jax.random as jr

from ebmark.energies import Point
from ebmark.methods.noises._base import AbstractNoise


class Box(AbstractNoise):
    r"""Uniform on the data's bounding box, `scale` times as wide about its centre.

    $$ \log q(x) = -\sum_i \log (b_i - a_i), \quad a \le x \le b $$

    Outside, $q = 0$: there it says nothing to the energy.
    """

    lower: Point
    upper: Point

    @classmethod
    def fit(cls, data, scale, key):
        del key
        centre = (data.max(axis=0) + data.min(axis=0)) / 2
        half = scale * jnp.maximum(data.max(axis=0) - data.min(axis=0), 1e-6) / 2
        return cls(centre - half, centre + half)

    def sample(self, num, key):
        return jr.uniform(key, (num, self.lower.shape[0]), minval=self.lower, maxval=self.upper)

    def log_prob(self, x):
        inside = jnp.all((x >= self.lower) & (x <= self.upper))
        return jnp.where(inside, -jnp.sum(jnp.log(self.upper - self.lower)), -jnp.inf)
