"""A banana-shaped density."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ebmark.datasets.synthetic._base import AbstractDataset, Corners, Moments, check_positive
from ebmark.energies import Key, Point

_LOG_2_PI = math.log(2 * math.pi)


class Banana(AbstractDataset):
    r"""A Gaussian bent along a parabola.

    $$ x_0 \sim N(0, 1), \quad x_1 \mid x_0 \sim N(b x_0^2, s^2) $$

    Args:
        bend: b.
        noise: s.

    References: Haario, Saksman & Tamminen (1999), Adaptive proposal distribution for random walk
    Metropolis algorithm.
    """

    bend: float = eqx.field(static=True, default=1.0)
    noise: float = eqx.field(static=True, default=0.5)
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_positive(noise=self.noise)

    @property
    def description(self) -> str:
        return f"a Gaussian bent along a parabola, sd {self.noise:g} across it"

    @property
    def entropy(self) -> float:
        return _LOG_2_PI + 1 + math.log(self.noise)

    @property
    def local_scale(self) -> float:
        """Across the arms, one standard deviation from the center."""
        return self.noise / math.hypot(1, 2 * self.bend)

    def sample(self, key: Key) -> Point:
        z = jr.normal(key, (2,))
        return jnp.stack([z[0], self.bend * z[0] ** 2 + self.noise * z[1]])

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        across = (x[1] - self.bend * x[0] ** 2) / self.noise
        return (-0.5 * (x[0] ** 2 + across**2) - _LOG_2_PI - math.log(self.noise))[None]

    def moments(self) -> Moments:
        return [0.0, self.bend], [1.0, math.sqrt(2 * self.bend**2 + self.noise**2)]

    def support_box(self) -> Corners:
        margin = 6 * self.noise
        return [-5.0, -margin], [5.0, 25 * self.bend + margin]
