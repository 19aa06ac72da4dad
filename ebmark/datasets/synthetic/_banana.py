"""A banana-shaped density."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ebmark.datasets.synthetic._base import AbstractDataset
from ebmark.datasets.synthetic._funnel import _LOG_2_PI


class Banana(AbstractDataset):
    r"""A Gaussian bent along a parabola.

    $$ x_0 \sim N(0, 1), \quad x_1 \mid x_0 \sim N(b x_0^2, s^2) $$

    Haario, Saksman & Tamminen (1999), Adaptive proposal distribution for random walk Metropolis.
    """

    bend: float = eqx.field(static=True, default=1.0)
    noise: float = eqx.field(static=True, default=0.5)
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=1)

    @property
    def description(self):
        return f"a Gaussian bent along a parabola, of sd {self.noise:g} across"

    @property
    def entropy(self):
        return _LOG_2_PI + 1 + math.log(self.noise)

    @property
    def local_scale(self):  # across its limbs, one standard deviation out
        return self.noise / math.hypot(1, 2 * self.bend)

    def sample(self, key):
        z = jr.normal(key, (2,))
        return jnp.stack([z[0], self.bend * z[0] ** 2 + self.noise * z[1]])

    def component_log_probs(self, x):
        across = (x[1] - self.bend * x[0] ** 2) / self.noise
        return (-0.5 * (x[0] ** 2 + across**2) - _LOG_2_PI - math.log(self.noise))[None]

    def moments(self):
        return [0.0, self.bend], [1.0, math.sqrt(2 * self.bend**2 + self.noise**2)]

    def support_box(self):
        margin = 6 * self.noise
        return [-5.0, -margin], [5.0, 25 * self.bend + margin]
