"""A checkerboard."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ebmark.datasets.synthetic._base import AbstractDataset


class Checkerboard(AbstractDataset):
    r"""Uniform on eight squares of side 2 in $[-4, 4]^2$: $p = 1/32$ on them and 0 elsewhere.

    Its edges are jumps, so its score is 0 or undefined: score matching has no ground to stand on
    (Hyvarinen 2005 asks for a smooth, positive density).

    Grathwohl et al. (2019), FFJORD.
    """

    entropy: float = eqx.field(static=True, default=math.log(32))
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=8)
    local_scale: float = eqx.field(
        static=True, default=0.4
    )  # a square's is .58; its edges are sharper

    @property
    def description(self):
        return "uniform on eight squares of side 2, with jumps at their edges"

    @staticmethod
    def _corners():
        squares = [(i, j) for i in range(-2, 2) for j in range(-2, 2) if (i + j) % 2 == 0]
        return 2.0 * jnp.array(squares)  # (8, 2)

    def sample(self, key):
        square_key, place_key = jr.split(key)
        return self._corners()[jr.randint(square_key, (), 0, 8)] + 2 * jr.uniform(place_key, (2,))

    def component_log_probs(self, x):
        within = (x >= self._corners()) & (x < self._corners() + 2)
        return jnp.where(within.all(axis=-1), -math.log(32), -jnp.inf)

    def moments(self):
        return [0.0, 0.0], [math.sqrt(16 / 3)] * 2

    def support_box(self):
        return [-8.0] * 2, [8.0] * 2  # the squares' edges fall between its nodes
