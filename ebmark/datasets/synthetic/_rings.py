"""Concentric rings."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import jax.scipy.special as jsp

from ebmark.datasets.synthetic._base import AbstractDataset


class Rings(AbstractDataset):
    r"""Concentric circles of equal weight, blurred by Gaussian noise in x and y.

    $$ p(x) = \frac1K \sum_k \frac{1}{2\pi s^2} e^{-(r^2 + R_k^2) / 2 s^2} I_0(r R_k / s^2) $$

    Radii .75, 1.5, 2.25, 3 and noise .08 are those of Grathwohl et al. (2019), FFJORD.
    """

    radii: tuple[float, ...] = eqx.field(static=True, default=(0.75, 1.5, 2.25, 3.0))
    noise: float = eqx.field(static=True, default=0.08)
    entropy: float = eqx.field(static=True, default=2.62318)
    dim: int = eqx.field(static=True, default=2)

    @property
    def description(self):
        return f"{self.modes} concentric circles, blurred by noise of sd {self.noise:g}"

    @property
    def modes(self):
        return len(self.radii)

    @property
    def local_scale(self):
        return self.noise

    def sample(self, key):
        ring_key, angle_key, noise_key = jr.split(key, 3)
        radius = jnp.array(self.radii)[jr.randint(ring_key, (), 0, self.modes)]
        angle = jr.uniform(angle_key, maxval=2 * jnp.pi)
        on_circle = radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        return on_circle + self.noise * jr.normal(noise_key, (2,))

    def component_log_probs(self, x):
        radii, variance = jnp.array(self.radii), self.noise**2
        r = jnp.sqrt(x @ x + 1e-12)  # smooth at 0
        log_bessel = jnp.log(jsp.i0e(r * radii / variance))  # of I0(z) e^-z
        log_z = math.log(2 * math.pi * variance * self.modes)
        return log_bessel - (r - radii) ** 2 / (2 * variance) - log_z

    def moments(self):
        square = sum(radius**2 for radius in self.radii) / self.modes
        return [0.0, 0.0], [math.sqrt(square / 2 + self.noise**2)] * 2
