"""Gaussians on a ring."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ebmark.datasets._base import AbstractDataset


class GaussianRing(AbstractDataset):
    r"""Equal Gaussians on a circle, with any weights.

    $$ p(x) = \sum_k w_k N(x; R (\cos 2\pi k/K, \sin 2\pi k/K), s^2 I) $$

    The 8-Gaussians of the field are $R = 4/\sqrt 2$, $s = .5/\sqrt 2$ (Grathwohl et al. 2019,
    FFJORD, whose code has 1.414). $R/s = 8$ lets Langevin cross between modes; at 16 it does not.
    """

    radius: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)  # in proportion
    entropy: float = eqx.field(static=True)
    dim: int = eqx.field(static=True, default=2)

    @property
    def words(self):
        sizes = "equal" if len(set(self.weights)) == 1 else "unequal"
        return f"{sizes} Gaussians of sd {self.scale:.3g} on a circle of radius {self.radius:.3g}"

    @property
    def modes(self):
        return len(self.weights)

    @property
    def local_scale(self):
        return self.scale

    def _shares(self):
        return [w / sum(self.weights) for w in self.weights]

    def _centres(self):
        angles = [2 * math.pi * k / self.modes for k in range(self.modes)]
        return [(self.radius * math.cos(t), self.radius * math.sin(t)) for t in angles]

    def sample(self, key):
        mode_key, noise_key = jr.split(key)
        mode = jr.choice(mode_key, self.modes, p=jnp.array(self._shares()))
        return jnp.array(self._centres())[mode] + self.scale * jr.normal(noise_key, (2,))

    def log_components(self, x):
        squares = jnp.sum((x - jnp.array(self._centres())) ** 2, axis=-1)  # (modes, 2) -> (modes,)
        log_z = math.log(2 * math.pi * self.scale**2)
        return jnp.log(jnp.array(self._shares())) - squares / (2 * self.scale**2) - log_z

    def moments(self):
        pairs = list(zip(self._shares(), self._centres(), strict=True))
        mean = [sum(w * c[i] for w, c in pairs) for i in (0, 1)]
        square = [sum(w * c[i] ** 2 for w, c in pairs) + self.scale**2 for i in (0, 1)]
        return mean, [math.sqrt(square[i] - mean[i] ** 2) for i in (0, 1)]
