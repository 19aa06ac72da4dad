"""Two half-moons."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets.synthetic._base import AbstractDataset

_NODES = 128  # exact to 1e-11 in log p for noise >= .05 (measured in tests)


class HalfMoons(AbstractDataset):
    r"""Two interleaved half circles, blurred by Gaussian noise; angles and moons are iid.

    $$ p(x) = \tfrac12 \sum_{m=1,2} \frac1\pi \int_0^\pi N(x; a_m(t), s^2 I)\, dt, \quad
       a_1 = (\cos t, \sin t),\; a_2 = (1 - \cos t, \tfrac12 - \sin t) $$

    The integral is Gauss-Legendre's. scikit-learn's `make_moons` has the same density, but its
    angles are equally spaced: not an independent sample, and half as far from itself.
    """

    noise: float = eqx.field(static=True, default=0.1)
    entropy: float = eqx.field(static=True, default=1.00758)  # of noise .1
    dim: int = eqx.field(static=True, default=2)
    modes: int = eqx.field(static=True, default=2)

    @property
    def description(self):
        return f"two interleaved half circles of radius 1, blurred by noise of sd {self.noise:g}"

    @property
    def local_scale(self):
        return self.noise

    @staticmethod
    def _arcs(t):
        upper = jnp.stack([jnp.cos(t), jnp.sin(t)], axis=-1)
        return upper, jnp.array([1.0, 0.5]) - upper

    def sample(self, key):
        moon_key, angle_key, noise_key = jr.split(key, 3)
        upper, lower = self._arcs(jr.uniform(angle_key, maxval=jnp.pi))
        centre = jnp.where(jr.bernoulli(moon_key), upper, lower)
        return centre + self.noise * jr.normal(noise_key, (2,))

    def component_log_probs(self, x):
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)  # on [-1, 1], weights sum to 2
        log_weights = jnp.array(np.log(weights / 4))  # 1/2 for the moon, 1/2 for the interval
        log_z = math.log(2 * math.pi * self.noise**2)

        def component(arc):
            squares = jnp.sum((x - arc) ** 2, axis=-1)  # (nodes, 2) -> (nodes,)
            return jax.nn.logsumexp(log_weights - squares / (2 * self.noise**2)) - log_z

        arcs = self._arcs(jnp.array((nodes + 1) * math.pi / 2))
        return jnp.stack([component(arc) for arc in arcs])

    def moments(self):
        mean_sine = 2 / math.pi
        apart = (2 * mean_sine - 0.5) / 2  # half the distance of the moons' mean heights
        x = 0.5 + 0.25 + self.noise**2
        y = (0.5 - mean_sine**2) + apart**2 + self.noise**2
        return [0.5, 0.25], [math.sqrt(x), math.sqrt(y)]
