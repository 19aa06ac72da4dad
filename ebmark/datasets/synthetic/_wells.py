"""Double wells, one or many."""

import math
from functools import cache

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets.synthetic._base import AbstractDataset

_END, _NODES = 3.2, 8_193  # the wells lie within; a table of their CDF
_BARRIER = -0.0416908  # where E' = -1/2 - 12 x + 4 x^3 is 0 between the wells


def _well(x):
    return -0.5 * x - 6 * x**2 + x**4


@cache
def _table():
    """Nodes of one well's x, its CDF at them, log Z, mean, standard deviation; in float64."""
    x = np.linspace(-_END, _END, _NODES)
    mass = np.exp(-_well(x))
    z = mass.sum() * (x[1] - x[0])  # the ends hold e^-30: the trapezium's sum is exact
    cdf = np.concatenate([[0], np.cumsum(mass[1:] + mass[:-1])])
    mean, square = (np.sum(mass * x**power) * (x[1] - x[0]) / z for power in (1, 2))
    return x, cdf / cdf[-1], math.log(z), mean, math.sqrt(square - mean**2)


class ManyWell(AbstractDataset):
    r"""Pairs of a double well and a normal: $2^{d/2}$ wells, of known and unequal masses.

    $$ E(x) = \sum_{i \text{ odd}} \left[ -\tfrac12 x_i - 6 x_i^2 + x_i^4
       + \tfrac12 x_{i+1}^2 \right], \quad \log Z = \tfrac d2 \cdot 10.29348 $$

    Each right well holds .84431. The components are the points with 0, 1, ..., d/2 of their x in
    right wells. Sampled by the inverse of the exact CDF.

    Noe et al. (2019), Boltzmann generators; Midgley et al. (2023), FAB, for many pairs.
    """

    dim: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        if self.dim < 2 or self.dim % 2:
            raise ValueError(f"dim must be even, a double well and a normal a pair: not {self.dim}")

    @property
    def description(self):
        pairs = self.dim // 2
        return f"a double well of {self.dim} dimensions: {2**pairs} wells, the right ones heavier"

    @property
    def entropy(self):
        return 1.718576 * self.dim / 2

    @property
    def modes(self):
        return self.dim // 2 + 1

    @property
    def local_scale(self):
        return 0.2006  # of the right well: E'' = 24.86

    @property
    def log_z(self):
        """Of the energy above."""
        return self.dim / 2 * (_table()[2] + 0.5 * math.log(2 * math.pi))

    def sample(self, key):
        uniform_key, normal_key = jr.split(key)
        nodes, cdf, *_ = _table()
        uniform = jr.uniform(uniform_key, (self.dim // 2,))
        x = jnp.interp(uniform, jnp.array(cdf), jnp.array(nodes))
        return jnp.stack([x, jr.normal(normal_key, x.shape)], axis=-1).ravel()

    def component_log_probs(self, x):
        wells, normals = x[::2], x[1::2]
        log_prob = -jnp.sum(_well(wells)) - 0.5 * normals @ normals - self.log_z
        num_right = jnp.sum(wells > _BARRIER)
        return jnp.where(jnp.arange(self.modes) == num_right, log_prob, -jnp.inf)

    def moments(self):
        *_, mean, scale = _table()
        return [mean, 0.0] * (self.dim // 2), [scale, 1.0] * (self.dim // 2)

    def support_box(self):
        pairs = self.dim // 2
        return [-_END, -5.0] * pairs, [_END, 5.0] * pairs
