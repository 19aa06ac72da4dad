"""Two spirals and a swiss roll: curves with noise."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.scipy.special as jsp
import numpy as np
from jaxtyping import Array, Float, Scalar

from ebmark.datasets.synthetic._base import AbstractDataset, Moments, check_positive
from ebmark.energies import Key, Point

_NUM_QUADRATURE_POINTS = 256


def _unit_quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Return the points of Gauss-Legendre quadrature on [0, 1], and weights that sum to 1."""
    points, weights = np.polynomial.legendre.leggauss(_NUM_QUADRATURE_POINTS)
    return (points + 1) / 2, weights / 2


class TwoSpirals(AbstractDataset):
    r"""Two spirals, mirror images of each other, with uniform and Gaussian noise.

    $$ x = \pm (l(t) + b) + .1 \xi, \quad l(t) = (-t \cos t, t \sin t) / 3, \quad
       t = 3\pi \sqrt u, \quad b \sim U(0, 1/6)^2 $$

    $$ p(x) = \tfrac12 \sum_\pm \int_0^1 \prod_d 6 \left[ \Phi\!\left(\tfrac{\pm x_d - l_d}{.1}
       \right) - \Phi\!\left(\tfrac{\pm x_d - l_d - 1/6}{.1}\right) \right] du $$

    The integral is computed by Gauss-Legendre quadrature in t.

    Args:
        noise: Standard deviation of the Gaussian noise.
        jitter: Side of the square of the uniform noise b.
        entropy: Differential entropy in nats; the default is that of the other defaults.

    References: Grathwohl et al. (2019), FFJORD.
    """

    noise: float = eqx.field(static=True, default=0.1)
    jitter: float = eqx.field(static=True, default=1 / 6)
    entropy: float = eqx.field(static=True, default=2.64545)
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        check_positive(noise=self.noise, jitter=self.jitter)

    @property
    def description(self) -> str:
        return "two spirals of one and a half turns"

    @property
    def local_scale(self) -> float:
        return math.sqrt(self.noise**2 + self.jitter**2 / 12)

    @staticmethod
    def _curve(t: Float[Array | np.ndarray, "*n"]) -> Float[Array, "*n dim"]:
        return jnp.stack([-t * jnp.cos(t), t * jnp.sin(t)], axis=-1) / 3

    def sample(self, key: Key) -> Point:
        turn_key, sign_key, jitter_key, noise_key = jr.split(key, 4)
        on_curve = self._curve(3 * jnp.pi * jnp.sqrt(jr.uniform(turn_key)))
        jittered = on_curve + self.jitter * jr.uniform(jitter_key, (2,))
        sign = jr.rademacher(sign_key, (), jnp.float32)
        return sign * jittered + self.noise * jr.normal(noise_key, (2,))

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        # t = 3 pi u has density 2 u
        u, weights = _unit_quadrature()
        curve = self._curve(jnp.array(3 * np.pi * u))
        log_weights = jnp.array(np.log(weights * 2 * u))

        def component(x: Point) -> Scalar:
            low = (x - curve - self.jitter) / self.noise
            high = low + self.jitter / self.noise
            # differences of Phi are computed in the lower tail, where they keep their digits
            flip = low + high > 0
            log_high = jsp.log_ndtr(jnp.where(flip, -low, high))
            log_low = jsp.log_ndtr(jnp.where(flip, -high, low))
            log_box = log_high + jnp.log1p(-jnp.exp(log_low - log_high)) - math.log(self.jitter)
            return jax.nn.logsumexp(log_weights + jnp.sum(log_box, axis=-1)) - math.log(2)

        return jnp.stack([component(x), component(-x)])

    def moments(self) -> Moments:
        u, weights = _unit_quadrature()
        curve = np.asarray(self._curve(3 * np.pi * u), np.float64)
        mean = (weights * 2 * u) @ curve
        square = (weights * 2 * u) @ curve**2
        square = square + mean * self.jitter + self.jitter**2 / 3 + self.noise**2
        return [0.0, 0.0], np.sqrt(square).tolist()


class SwissRoll(AbstractDataset):
    r"""A spiral with Gaussian noise: a swiss roll, projected along its axis.

    $$ x = t (\cos t, \sin t) / 5 + .2 \xi, \quad t = \tfrac32 \pi (1 + 2u) $$

    It is `sklearn.datasets.make_swiss_roll` with noise 1, divided by 5. The density is an integral
    over u, computed by Gauss-Legendre quadrature.

    Args:
        noise: Standard deviation of the noise.
        entropy: Differential entropy in nats; the default is that of a noise of 0.2.

    References: Grathwohl et al. (2019), FFJORD.
    """

    noise: float = eqx.field(static=True, default=0.2)
    entropy: float = eqx.field(static=True, default=2.66965)
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_positive(noise=self.noise)

    @property
    def description(self) -> str:
        return f"a spiral of one and a half turns with Gaussian noise of sd {self.noise:g}"

    @property
    def local_scale(self) -> float:
        return self.noise

    @staticmethod
    def _curve(u: Float[Array | np.ndarray, "*n"]) -> Float[Array, "*n dim"]:
        t = 1.5 * jnp.pi * (1 + 2 * u)
        return (jnp.stack([jnp.cos(t), jnp.sin(t)]) * t).T / 5

    def sample(self, key: Key) -> Point:
        turn_key, noise_key = jr.split(key)
        return self._curve(jr.uniform(turn_key)) + self.noise * jr.normal(noise_key, (2,))

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        u, weights = _unit_quadrature()
        squares = jnp.sum((x - self._curve(jnp.array(u))) ** 2, axis=-1)
        log_terms = jnp.array(np.log(weights)) - squares / (2 * self.noise**2)
        return jax.nn.logsumexp(log_terms)[None] - math.log(2 * math.pi * self.noise**2)

    def moments(self) -> Moments:
        u, weights = _unit_quadrature()
        curve = np.asarray(self._curve(u), np.float64)
        mean = weights @ curve
        square = weights @ curve**2 + self.noise**2
        return mean.tolist(), np.sqrt(square - mean**2).tolist()
