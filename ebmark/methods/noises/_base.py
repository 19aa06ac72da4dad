"""The interface of a noise distribution, and the diagnostic that compares it with a model."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Energy, Key, Point

NUM_ESS_POINTS = 4096


class AbstractNoise(eqx.Module):
    r"""A noise distribution $q$ with a density and exact samples.

    As an energy it is $-\log q$, with $\log Z = 0$. Its leaves are arrays, so that it can be the
    state of a method.

    Attributes:
        network_evaluations: Forward passes of the energy's network per update that the noise needs
            in addition to those at its points.
    """

    network_evaluations: ClassVar[int] = 0

    @classmethod
    @abc.abstractmethod
    def fit(cls, data: Float[Array, "n dim"], scale: float, key: Key) -> "AbstractNoise":
        """Fit the distribution to data.

        Args:
            data: Points, standardized.
            scale: Factor by which the fitted distribution is widened.
            key: Random key.
        """

    @abc.abstractmethod
    def sample(self, num: int, key: Key) -> Float[Array, "num dim"]:
        """Draw `num` independent samples."""

    @abc.abstractmethod
    def log_prob(self, x: Point) -> Scalar:
        """Return the log-density at a point, in nats."""

    def follow(self, energy: Energy, key: Key) -> "AbstractNoise":
        """Return the noise of the next update: the same, unless it adapts to the model."""
        del energy, key
        return self

    def __call__(self, x: Point) -> Scalar:
        return -self.log_prob(x)


def noise_ess(energy: Energy, noise: AbstractNoise, num: int, key: Key) -> Scalar:
    r"""Compute the normalized effective sample size of noise reweighted to the model, in (0, 1].

    $$ \frac{(\mathbb{E}_q w)^2}{\mathbb{E}_q w^2} = \frac{1}{1 + \chi^2(p \| q)}, \quad
       w = e^{-E(x)} / q(x) $$

    Z has no effect. The value is 1 if the noise is the model, and at least 1 / `num`. It is
    insensitive to modes of the model in which no noise point lies.

    Args:
        energy: The energy E of the model p.
        noise: The noise distribution q.
        num: Number of noise points.
        key: Random key.

    References: Kong (1992), A note on importance sampling using standardized weights.
    """
    log_w = jax.vmap(lambda x: -energy(x) - noise.log_prob(x))(noise.sample(num, key))
    return jnp.exp(2 * jax.nn.logsumexp(log_w) - jax.nn.logsumexp(2 * log_w)) / num
