"""A funnel and a banana: Gaussians whose width or mean depends on a coordinate."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ebmark.datasets.synthetic._base import AbstractDataset

_LOG_2_PI = math.log(2 * math.pi)


class Funnel(AbstractDataset):
    r"""A Gaussian whose width is the exponential of another.

    $$ x_0 \sim N(0, \sigma^2), \quad x_i \mid x_0 \sim N(0, e^{x_0}), \; i = 1 .. d - 1 $$

    Neal's is $\sigma = 3$ in 10 dimensions. In the plane $\sigma = 1$: of the wider one no grid
    holds both the neck and the mouth. No one step of a sampler suits both, either.

    Neal (2003), Slice sampling, section 8.
    """

    dim: int = eqx.field(static=True, default=2)
    sigma: float = eqx.field(static=True, default=1.0)
    modes: int = eqx.field(static=True, default=1)

    @property
    def description(self):
        return f"a Gaussian of {self.dim - 1} whose log-variance is N(0, {self.sigma:g}^2)"

    @property
    def entropy(self):
        return 0.5 * self.dim * (_LOG_2_PI + 1) + math.log(self.sigma)

    @property
    def local_scale(self):  # of the neck, one standard deviation down
        return math.exp(-self.sigma / 2)

    def sample(self, key):
        z = jr.normal(key, (self.dim,))
        log_variance = self.sigma * z[0]
        return jnp.concatenate([log_variance[None], jnp.exp(0.5 * log_variance) * z[1:]])

    def component_log_probs(self, x):
        others = self.dim - 1
        along = -0.5 * (x[0] / self.sigma) ** 2 - math.log(self.sigma)
        across = -0.5 * jnp.sum(x[1:] ** 2) * jnp.exp(-x[0]) - 0.5 * others * x[0]
        return (along + across - 0.5 * self.dim * _LOG_2_PI)[None]

    def moments(self):
        width = math.exp(self.sigma**2 / 4)
        return [0.0] * self.dim, [self.sigma] + [width] * (self.dim - 1)

    def support_box(self):
        mouth = 4.5 * math.exp(0.5 * 3.5 * self.sigma)
        return [-5 * self.sigma, *[-mouth] * (self.dim - 1)], [
            5 * self.sigma,
            *[mouth] * (self.dim - 1),
        ]
