"""A banana-shaped density."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ebmark.datasets.synthetic._base import (
    AbstractDataset,
    Corners,
    Moments,
    check_pairs,
    check_positive,
)
from ebmark.energies import Key, Point

_LOG_2_PI = math.log(2 * math.pi)


class Banana(AbstractDataset):
    r"""Independent pairs of coordinates, each a Gaussian bent along a parabola.

    $$ x_i \sim N(0, 1), \quad x_{i+1} \mid x_i \sim N(b x_i^2, s^2), \quad i = 0, 2, \dots $$

    Args:
        bend: b.
        noise: s.
        dim: Number of coordinates, even.

    References: Haario, Saksman & Tamminen (1999), Adaptive proposal distribution for random walk
    Metropolis algorithm.
    """

    bend: float = eqx.field(static=True, default=1.0)
    noise: float = eqx.field(static=True, default=0.5)
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_positive(noise=self.noise)
        check_pairs(self.dim)

    @property
    def description(self) -> str:
        bent = f"bent along a parabola, sd {self.noise:g} across it"
        return f"a Gaussian {bent}" if self.dim == 2 else f"{self.dim // 2} Gaussians, each {bent}"

    @property
    def entropy(self) -> float:
        return self.dim / 2 * (_LOG_2_PI + 1 + math.log(self.noise))

    @property
    def local_scale(self) -> float:
        """Across the arms, one standard deviation from the center."""
        return self.noise / math.hypot(1, 2 * self.bend)

    def sample(self, key: Key) -> Point:
        along, across = jr.normal(key, (self.dim // 2, 2)).T
        return jnp.stack([along, self.bend * along**2 + self.noise * across], axis=1).ravel()

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        along, bent = x[::2], x[1::2]
        across = (bent - self.bend * along**2) / self.noise
        log_z = self.dim / 2 * (_LOG_2_PI + math.log(self.noise))
        return (-0.5 * (along @ along + across @ across) - log_z)[None]

    def moments(self) -> Moments:
        num_pairs = self.dim // 2
        std = math.sqrt(2 * self.bend**2 + self.noise**2)
        return [0.0, self.bend] * num_pairs, [1.0, std] * num_pairs

    def support_box(self) -> Corners:
        num_pairs, margin = self.dim // 2, 6 * self.noise
        return [-5.0, -margin] * num_pairs, [5.0, 25 * self.bend + margin] * num_pairs
