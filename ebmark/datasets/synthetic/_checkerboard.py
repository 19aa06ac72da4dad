"""A checkerboard."""

import math
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ebmark.datasets.synthetic._base import AbstractDataset, Corners, Moments
from ebmark.energies import Key, Point


class Checkerboard(AbstractDataset):
    r"""Uniform on eight squares of side 2 in $[-4, 4]^2$: $p = 1/32$ on them and 0 elsewhere.

    The density jumps at the edges and the score is 0 or undefined, which violates the assumption of
    score matching (Hyvarinen 2005), a smooth and positive density. The standard deviation of a
    square is 0.58; the local scale is set to 0.4 because of its edges.

    References: Grathwohl et al. (2019), FFJORD.
    """

    has_score: ClassVar[bool] = False
    entropy: float = eqx.field(static=True, default=math.log(32))
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=8)
    local_scale: float = eqx.field(static=True, default=0.4)

    @property
    def description(self) -> str:
        return "uniform on eight squares of side 2, with jumps at their edges"

    @staticmethod
    def _corners() -> Float[Array, "modes dim"]:
        squares = [(i, j) for i in range(-2, 2) for j in range(-2, 2) if (i + j) % 2 == 0]
        return 2.0 * jnp.array(squares)

    def sample(self, key: Key) -> Point:
        square_key, place_key = jr.split(key)
        return self._corners()[jr.randint(square_key, (), 0, 8)] + 2 * jr.uniform(place_key, (2,))

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        is_within = (x >= self._corners()) & (x < self._corners() + 2)
        return jnp.where(is_within.all(axis=-1), -math.log(32), -jnp.inf)

    def moments(self) -> Moments:
        return [0.0, 0.0], [math.sqrt(16 / 3)] * 2

    def support_box(self) -> Corners:
        """Return a box on whose grid no point lies on the edge of a square."""
        return [-8.0] * 2, [8.0] * 2
