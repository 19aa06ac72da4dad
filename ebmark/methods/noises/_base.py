"""What a noise is: a law that is fitted, drawn from, and whose density is known."""

import abc
from typing import ClassVar, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Energy, Key, Point

OVERLAP_POINTS = 4096


class AbstractNoise(eqx.Module):
    r"""A law $q$ with a density and exact draws; as an energy it is $-\log q$, and $\log Z = 0$.

    Its leaves are arrays, so that it can be a method's state.
    """

    network_evaluations: ClassVar[int] = (
        0  # of the network, an update, beside those of the noise's points
    )

    @classmethod
    @abc.abstractmethod
    def fit(cls, data: Float[Array, "n dim"], scale: float, key: Key) -> Self:
        """The law of standardised data, `scale` times as wide."""

    @abc.abstractmethod
    def sample(self, num: int, key: Key) -> Float[Array, "num dim"]:
        """Exact, independent draws."""

    @abc.abstractmethod
    def log_prob(self, x: Point) -> Scalar:
        """The normalised log-density."""

    def follow(self, energy: Energy, key: Key) -> Self:
        """The noise of the next update: the same, unless it follows the model."""
        del energy, key
        return self

    def __call__(self, x: Point) -> Scalar:
        return -self.log_prob(x)


def overlap(energy: Energy, noise: AbstractNoise, num: int, key: Key) -> Scalar:
    r"""How much of the noise is of use: the effective share of a sample of $q$ weighted to $p$.

    $$ \frac{(\mathbb{E}_q w)^2}{\mathbb{E}_q w^2} = \frac{1}{1 + \chi^2(p \| q)}, \quad
       w = e^{-E(x)} / q(x) $$

    Between 1 / num and 1, whatever Z; 1 where the noise is the model. It sees the model only where
    the noise has points: a mode that `num` draws all miss is not missed.

    Kong (1992), A note on importance sampling using standardized weights.
    """
    log_w = jax.vmap(lambda x: -energy(x) - noise.log_prob(x))(noise.sample(num, key))
    return jnp.exp(2 * jax.nn.logsumexp(log_w) - jax.nn.logsumexp(2 * log_w)) / num
