"""A pinwheel."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ebmark.datasets.synthetic._base import AbstractDataset, Moments, check_positive
from ebmark.energies import Key, Point

_NUM_BISECTIONS = 30
_MIN_STRETCH = 0.05

Arms = Float[Array, " modes"]


class Pinwheel(AbstractDataset):
    r"""Gaussian arms, rotated by an angle that grows with the distance along them.

    $$ x = c\, R(\theta_k(f_0))^\top f, \quad \theta_k(f) = 2\pi k / K + \rho e^{f}, \quad
       f_0 \sim N(1, .3^2),\; f_1 \sim N(0, .1^2) $$

    $$ p(x) = \frac1K \sum_k \frac{N(f_0; 1, .3^2) N(f_1; 0, .1^2)}{c^2 |1 + \rho e^{f_0} f_1|} $$

    The rotation keeps the length, so that $f$ is determined by its angle $\psi$, the root of
    $\psi = \angle x + \theta_k(|f| \cos \psi)$. It is found by bisection; one Newton step after it
    makes the result differentiable. Where there are several roots, the one nearest to the arm is
    used; the others hold less than 1e-7 of the mass.

    Args:
        arms: Number of arms K.
        rate: $\rho$.
        radial: Standard deviation along an arm.
        tangential: Standard deviation across an arm.
        size: c.
        entropy: Differential entropy in nats; the default is that of the other defaults.

    References: Johnson et al. (2016), Structured VAEs; Grathwohl et al. (2019), FFJORD.
    """

    arms: int = eqx.field(static=True, default=5)
    rate: float = eqx.field(static=True, default=0.25)
    radial: float = eqx.field(static=True, default=0.3)
    tangential: float = eqx.field(static=True, default=0.1)
    size: float = eqx.field(static=True, default=2.0)
    entropy: float = eqx.field(static=True, default=2.31779)
    dim: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        check_positive(
            arms=self.arms, radial=self.radial, tangential=self.tangential, size=self.size
        )

    @property
    def description(self) -> str:
        return f"{self.arms} Gaussian arms, bent like a pinwheel's"

    @property
    def modes(self) -> int:
        return self.arms

    @property
    def local_scale(self) -> float:
        """Across an arm, made thinner by the shear of the rotation."""
        return self.size * self.tangential / math.hypot(1, self.rate * math.e)

    def sample(self, key: Key) -> Point:
        arm_key, noise_key = jr.split(key)
        arm = jr.randint(arm_key, (), 0, self.arms)
        widths = jnp.array([self.radial, self.tangential])
        f = jnp.array([1.0, 0.0]) + widths * jr.normal(noise_key, (2,))
        angle = 2 * jnp.pi * arm / self.arms + self.rate * jnp.exp(f[0])
        cos = jnp.cos(angle)
        sin = jnp.sin(angle)
        return self.size * jnp.stack([cos * f[0] + sin * f[1], cos * f[1] - sin * f[0]])

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        y = x / self.size
        r = jnp.sqrt(y @ y + 1e-12)
        arm_angles = 2 * jnp.pi * jnp.arange(self.arms) / self.arms
        angle = jnp.arctan2(y[1], y[0]) + arm_angles + self.rate * jnp.exp(r)
        angle = jnp.remainder(angle + jnp.pi, 2 * jnp.pi) - jnp.pi
        psi = self._bisect(*jax.lax.stop_gradient((angle, r)))
        stretch = jnp.maximum(
            1 + self.rate * jnp.exp(r * jnp.cos(psi)) * r * jnp.sin(psi), _MIN_STRETCH
        )
        psi = psi - self._residual(psi, angle, r) / jax.lax.stop_gradient(stretch)
        # 0 at a root; where there is no root the arm ends
        missed = self._residual(psi, angle, r)
        f0 = r * jnp.cos(psi)
        f1 = r * jnp.sin(psi)
        stretch = jnp.maximum(1 + self.rate * jnp.exp(f0) * f1, _MIN_STRETCH)
        log_z = math.log(2 * math.pi * self.radial * self.tangential * self.arms * self.size**2)
        squares = ((f0 - 1) / self.radial) ** 2 + (f1 / self.tangential) ** 2
        return -0.5 * (squares + (missed / 0.1) ** 2) - jnp.log(stretch) - log_z

    def _residual(self, psi: Arms, angle: Arms, r: Float[Array, ""]) -> Arms:
        """Return a function of psi whose root is the angle between f and the arm."""
        return psi - angle - self.rate * (jnp.exp(r * jnp.cos(psi)) - jnp.exp(r))

    def _bisect(self, angle: Arms, r: Float[Array, ""]) -> Arms:
        """Find the roots of the residual, which is monotone up to where the arm folds back."""
        fold = -jnp.arcsin(jnp.minimum(1.0, jnp.exp(-r) / (self.rate * r)))

        def halve(_, ends: tuple[Arms, Arms]) -> tuple[Arms, Arms]:
            low, high = ends
            middle = (low + high) / 2
            is_above = self._residual(middle, angle, r) > 0
            return jnp.where(is_above, low, middle), jnp.where(is_above, middle, high)

        ends = (jnp.where(angle < 0, fold, 0.0), jnp.maximum(angle, 0.0))
        low, high = jax.lax.fori_loop(0, _NUM_BISECTIONS, halve, ends)
        return (low + high) / 2

    def moments(self) -> Moments:
        square = self.size**2 * (1 + self.radial**2 + self.tangential**2)
        return [0.0, 0.0], [math.sqrt(square / 2)] * 2
