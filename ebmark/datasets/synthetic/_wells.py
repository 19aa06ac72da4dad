"""Double wells: one, or many in as many pairs of coordinates."""

import math
from functools import cache
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets.synthetic._base import AbstractDataset, Corners, Moments, check_pairs
from ebmark.energies import Key, Point

# outside of it the density of a double well is below e^-30
_END = 3.2
_NUM_TABLE_POINTS = 8_193
# the root of E' = -1/2 - 12 x + 4 x^3 between the wells
_BARRIER = -0.0416908


def _double_well(x):
    return -0.5 * x - 6 * x**2 + x**4


class _Table(NamedTuple):
    """The distribution of one double well, in float64."""

    x: Float[np.ndarray, " n"]
    cdf: Float[np.ndarray, " n"]
    log_z: float
    mean: float
    std: float


@cache
def _table() -> _Table:
    """Tabulate one double well; the trapezoidal sums are exact, as the density vanishes."""
    x = np.linspace(-_END, _END, _NUM_TABLE_POINTS)
    spacing = x[1] - x[0]
    density = np.exp(-_double_well(x))
    z = density.sum() * spacing
    cdf = np.concatenate([[0], np.cumsum(density[1:] + density[:-1])])
    mean = np.sum(density * x) * spacing / z
    square = np.sum(density * x**2) * spacing / z
    return _Table(x, cdf / cdf[-1], math.log(z), mean, math.sqrt(square - mean**2))


class ManyWell(AbstractDataset):
    r"""Pairs of a double well and a normal: $2^{d/2}$ wells, of known and unequal weights.

    $$ E(x) = \sum_{i \text{ odd}} \left[ -\tfrac12 x_i - 6 x_i^2 + x_i^4
       + \tfrac12 x_{i+1}^2 \right], \quad \log Z = \tfrac d2 \cdot 10.29348 $$

    The right well of each pair holds a fraction of 0.84431 of the mass. A component is the set of
    points with 0, 1, ..., or d/2 of their coordinates in right wells. Samples are drawn by the
    inverse of the exact CDF.

    Args:
        dim: Number of coordinates d, even.

    References: Noe et al. (2019), Boltzmann generators; Midgley et al. (2023), Flow annealed
    importance sampling bootstrap, for many pairs.
    """

    dim: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        check_pairs(self.dim)

    @property
    def description(self) -> str:
        return (
            f"a double well of {self.dim} dimensions: {2 ** (self.dim // 2)} wells, those on the"
            " right with larger weights"
        )

    @property
    def entropy(self) -> float:
        return 1.718576 * self.dim / 2

    @property
    def modes(self) -> int:
        return self.dim // 2 + 1

    @property
    def local_scale(self) -> float:
        """The standard deviation of the right well, where E'' = 24.86."""
        return 0.2006

    @property
    def log_z(self) -> float:
        """log Z of the energy above."""
        return self.dim / 2 * (_table().log_z + 0.5 * math.log(2 * math.pi))

    def sample(self, key: Key) -> Point:
        uniform_key, normal_key = jr.split(key)
        uniform = jr.uniform(uniform_key, (self.dim // 2,))
        x = jnp.interp(uniform, jnp.array(_table().cdf), jnp.array(_table().x))
        return jnp.stack([x, jr.normal(normal_key, x.shape)], axis=-1).ravel()

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        wells = x[::2]
        normals = x[1::2]
        log_prob = -jnp.sum(_double_well(wells)) - 0.5 * normals @ normals - self.log_z
        num_right = jnp.sum(wells > _BARRIER)
        return jnp.where(jnp.arange(self.modes) == num_right, log_prob, -jnp.inf)

    def moments(self) -> Moments:
        num_pairs = self.dim // 2
        return [_table().mean, 0.0] * num_pairs, [_table().std, 1.0] * num_pairs

    def covariance(self) -> Float[np.ndarray, "dim dim"]:
        _, scale = self.moments()
        return np.diag(np.square(scale))

    def support_box(self) -> Corners:
        num_pairs = self.dim // 2
        return [-_END, -5.0] * num_pairs, [_END, 5.0] * num_pairs
