"""A pinwheel."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.datasets.synthetic._base import AbstractDataset

_BISECTIONS = 30


class Pinwheel(AbstractDataset):
    r"""Gaussian arms, bent by a turn that grows with the distance along them.

    $$ x = c\, R(\theta_k(f_0))^\top f, \quad \theta_k(f) = 2\pi k / K + \rho e^{f}, \quad
       f_0 \sim N(1, .3^2),\; f_1 \sim N(0, .1^2) $$

    $$ p(x) = \frac1K \sum_k \frac{N(f_0; 1, .3^2) N(f_1; 0, .1^2)}{c^2 |1 + \rho e^{f_0} f_1|} $$

    The turn keeps the length, so that $f$ is found by its angle $\psi$ alone, from
    $\psi = \angle x + \theta_k(|f| \cos \psi)$: bisection, then a step of Newton, whose derivative
    is that of the root. Where $\psi$ has several roots, that nearest to the arm is taken; the
    others hold less than 1e-7 of the mass.

    Five arms, rate .25, $c = 2$: Johnson et al. (2016), Structured VAEs, as in FFJORD.
    """

    arms: int = eqx.field(static=True, default=5)
    rate: float = eqx.field(static=True, default=0.25)
    radial: float = eqx.field(static=True, default=0.3)
    tangential: float = eqx.field(static=True, default=0.1)
    size: float = eqx.field(static=True, default=2.0)
    entropy: float = eqx.field(static=True, default=2.31779)
    dim: int = eqx.field(static=True, default=2)

    @property
    def description(self):
        return f"{self.arms} Gaussian arms, bent like a pinwheel's"

    @property
    def modes(self):
        return self.arms

    @property
    def local_scale(self):  # across an arm, which its own shear makes thinner
        return self.size * self.tangential / math.hypot(1, self.rate * math.e)

    def sample(self, key):
        arm_key, noise_key = jr.split(key)
        arm = jr.randint(arm_key, (), 0, self.arms)
        widths = jnp.array([self.radial, self.tangential])
        f = jnp.array([1.0, 0.0]) + widths * jr.normal(noise_key, (2,))
        turn = 2 * jnp.pi * arm / self.arms + self.rate * jnp.exp(f[0])
        cos, sin = jnp.cos(turn), jnp.sin(turn)
        return self.size * jnp.stack([cos * f[0] + sin * f[1], cos * f[1] - sin * f[0]])

    def component_log_probs(self, x):
        y = x / self.size
        r = jnp.sqrt(y @ y + 1e-12)
        turns = 2 * jnp.pi * jnp.arange(self.arms) / self.arms

        def excess(psi, angle, r):  # its root is the angle of f from the arm
            return psi - angle - self.rate * (jnp.exp(r * jnp.cos(psi)) - jnp.exp(r))

        angle = jnp.arctan2(y[1], y[0]) + turns + self.rate * jnp.exp(r)
        angle = jnp.remainder(angle + jnp.pi, 2 * jnp.pi) - jnp.pi
        # monotone from the angle at which the arm folds back on itself
        fold = -jnp.arcsin(jnp.minimum(1.0, jnp.exp(-r) / (self.rate * r)))
        low, high = jnp.where(angle < 0, fold, 0.0), jnp.maximum(angle, 0.0)
        fixed_angle, fixed_r = jax.lax.stop_gradient((angle, r))

        def halve(_, ends):
            low, high = ends
            middle = (low + high) / 2
            above = excess(middle, fixed_angle, fixed_r) > 0
            return jnp.where(above, low, middle), jnp.where(above, middle, high)

        ends = jax.lax.stop_gradient((low, high))
        low, high = jax.lax.fori_loop(0, _BISECTIONS, halve, ends)
        psi = (low + high) / 2
        stretch = jnp.maximum(1 + self.rate * jnp.exp(r * jnp.cos(psi)) * r * jnp.sin(psi), 0.05)
        psi = psi - excess(psi, angle, r) / jax.lax.stop_gradient(stretch)
        missed = excess(psi, angle, r)  # 0 at a root; where there is none, the arm ends
        f0, f1 = r * jnp.cos(psi), r * jnp.sin(psi)
        stretch = jnp.maximum(1 + self.rate * jnp.exp(f0) * f1, 0.05)
        log_z = math.log(2 * math.pi * self.radial * self.tangential * self.arms * self.size**2)
        squares = ((f0 - 1) / self.radial) ** 2 + (f1 / self.tangential) ** 2
        return -0.5 * (squares + (missed / 0.1) ** 2) - jnp.log(stretch) - log_z

    def moments(self):
        square = self.size**2 * (1 + self.radial**2 + self.tangential**2)
        return [0.0, 0.0], [math.sqrt(square / 2)] * 2
