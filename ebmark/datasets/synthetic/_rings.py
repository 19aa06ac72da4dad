"""Concentric rings."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import jax.scipy.special as jsp
from jaxtyping import Array, Float

from ebmark.datasets.synthetic._base import AbstractDataset, Moments, check_positive
from ebmark.energies import Key, Point


class Rings(AbstractDataset):
    r"""Concentric circles of equal weight with Gaussian noise in x and y.

    $$ p(x) = \frac1K \sum_k \frac{1}{2\pi s^2} e^{-(r^2 + R_k^2) / 2 s^2} I_0(r R_k / s^2) $$

    Args:
        radii: R_k; the defaults are those of FFJORD.
        noise: s.
        entropy: Differential entropy in nats; the default is that of the other defaults.

    References: Grathwohl et al. (2019), FFJORD.
    """

    radii: tuple[float, ...] = eqx.field(static=True, default=(0.75, 1.5, 2.25, 3.0))
    noise: float = eqx.field(static=True, default=0.08)
    entropy: float = eqx.field(static=True, default=2.62318)
    dim: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        check_positive(noise=self.noise)

    @property
    def description(self) -> str:
        return f"{self.modes} concentric circles with Gaussian noise of sd {self.noise:g}"

    @property
    def modes(self) -> int:
        return len(self.radii)

    @property
    def local_scale(self) -> float:
        return self.noise

    def sample(self, key: Key) -> Point:
        ring_key, angle_key, noise_key = jr.split(key, 3)
        radius = jnp.array(self.radii)[jr.randint(ring_key, (), 0, self.modes)]
        angle = jr.uniform(angle_key, maxval=2 * jnp.pi)
        on_circle = radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        return on_circle + self.noise * jr.normal(noise_key, (2,))

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        radii = jnp.array(self.radii)
        variance = self.noise**2
        # the 1e-12 keeps the gradient finite at 0
        r = jnp.sqrt(x @ x + 1e-12)
        log_scaled_bessel = jnp.log(jsp.i0e(r * radii / variance))
        log_z = math.log(2 * math.pi * variance * self.modes)
        return log_scaled_bessel - (r - radii) ** 2 / (2 * variance) - log_z

    def moments(self) -> Moments:
        square = sum(radius**2 for radius in self.radii) / self.modes
        return [0.0, 0.0], [math.sqrt(square / 2 + self.noise**2)] * 2
