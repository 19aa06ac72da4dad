"""Two half-moons."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Scalar

from ebmark.datasets.synthetic._base import AbstractDataset, Moments, check_positive
from ebmark.energies import Key, Point

# log p is exact to 1e-11 for a noise of 0.05 or more
_NUM_QUADRATURE_POINTS = 128


class HalfMoons(AbstractDataset):
    r"""Two interleaved half circles with Gaussian noise; angles and moons are iid.

    $$ p(x) = \tfrac12 \sum_{m=1,2} \frac1\pi \int_0^\pi N(x; a_m(t), s^2 I)\, dt, \quad
       a_1 = (\cos t, \sin t),\; a_2 = (1 - \cos t, \tfrac12 - \sin t) $$

    The integral is computed by Gauss-Legendre quadrature. `sklearn.datasets.make_moons` has the
    same density, but its angles are equally spaced: its samples are not independent.

    Args:
        noise: s.
        entropy: Differential entropy in nats; the default is that of a noise of 0.1.
    """

    noise: float = eqx.field(static=True, default=0.1)
    entropy: float = eqx.field(static=True, default=1.00758)
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        check_positive(noise=self.noise)

    @property
    def description(self) -> str:
        return f"two interleaved half circles of radius 1 with Gaussian noise of sd {self.noise:g}"

    @property
    def local_scale(self) -> float:
        return self.noise

    @staticmethod
    def _arcs(t: Float[Array, "*n"]) -> tuple[Float[Array, "*n dim"], Float[Array, "*n dim"]]:
        upper = jnp.stack([jnp.cos(t), jnp.sin(t)], axis=-1)
        return upper, jnp.array([1.0, 0.5]) - upper

    def sample(self, key: Key) -> Point:
        moon_key, angle_key, noise_key = jr.split(key, 3)
        upper, lower = self._arcs(jr.uniform(angle_key, maxval=jnp.pi))
        on_arc = jnp.where(jr.bernoulli(moon_key), upper, lower)
        return on_arc + self.noise * jr.normal(noise_key, (2,))

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        # the quadrature points lie in [-1, 1] and the weights sum to 2
        t, weights = np.polynomial.legendre.leggauss(_NUM_QUADRATURE_POINTS)
        log_weights = jnp.array(np.log(weights / 4))
        log_z = math.log(2 * math.pi * self.noise**2)

        def component(arc: Float[Array, "n dim"]) -> Scalar:
            squares = jnp.sum((x - arc) ** 2, axis=-1)
            return jax.nn.logsumexp(log_weights - squares / (2 * self.noise**2)) - log_z

        arcs = self._arcs(jnp.array((t + 1) * math.pi / 2))
        return jnp.stack([component(arc) for arc in arcs])

    def moments(self) -> Moments:
        mean_sine = 2 / math.pi
        # half the distance between the mean heights of the two moons
        offset = (2 * mean_sine - 0.5) / 2
        x = 0.5 + 0.25 + self.noise**2
        y = (0.5 - mean_sine**2) + offset**2 + self.noise**2
        return [0.5, 0.25], [math.sqrt(x), math.sqrt(y)]
