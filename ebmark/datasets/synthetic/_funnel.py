"""A funnel: Gaussians whose variance depends on a coordinate."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets.synthetic._base import AbstractDataset, Corners, Moments, check_positive
from ebmark.energies import Key, Point

_LOG_2_PI = math.log(2 * math.pi)


class Funnel(AbstractDataset):
    r"""Gaussians whose log-variance is another Gaussian variable.

    $$ x_0 \sim N(0, \sigma^2), \quad x_i \mid x_0 \sim N(0, e^{x_0}), \; i = 1 .. d - 1 $$

    Neal's funnel has $\sigma = 3$ in 10 dimensions. In 2-D $\sigma = 1$, because no grid resolves
    both the neck and the mouth of the wider one. No single step size of a sampler suits both.

    Args:
        dim: Number of coordinates d, at least 2.
        sigma: Standard deviation of the log-variance.

    References: Neal (2003), Slice sampling, section 8.
    """

    dim: int = eqx.field(static=True, default=2)
    sigma: float = eqx.field(static=True, default=1.0)
    modes: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_positive(sigma=self.sigma)
        if self.dim < 2:
            raise ValueError(f"'dim' must be at least 2, got {self.dim}.")

    @property
    def description(self) -> str:
        variables = "a Gaussian variable" if self.dim == 2 else f"{self.dim - 1} Gaussian variables"
        return f"{variables} whose log-variance is N(0, {self.sigma:g}^2)"

    @property
    def entropy(self) -> float:
        return 0.5 * self.dim * (_LOG_2_PI + 1) + math.log(self.sigma)

    @property
    def local_scale(self) -> float:
        """The standard deviation in the neck, at x_0 = -sigma."""
        return math.exp(-self.sigma / 2)

    def sample(self, key: Key) -> Point:
        z = jr.normal(key, (self.dim,))
        log_variance = self.sigma * z[0]
        return jnp.concatenate([log_variance[None], jnp.exp(0.5 * log_variance) * z[1:]])

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        num_others = self.dim - 1
        along = -0.5 * (x[0] / self.sigma) ** 2 - math.log(self.sigma)
        across = -0.5 * jnp.sum(x[1:] ** 2) * jnp.exp(-x[0]) - 0.5 * num_others * x[0]
        return (along + across - 0.5 * self.dim * _LOG_2_PI)[None]

    def moments(self) -> Moments:
        width = math.exp(self.sigma**2 / 4)
        return [0.0] * self.dim, [self.sigma] + [width] * (self.dim - 1)

    def covariance(self) -> Float[np.ndarray, "dim dim"]:
        _, scale = self.moments()
        return np.diag(np.square(scale))

    def support_box(self) -> Corners:
        mouth = 4.5 * math.exp(0.5 * 3.5 * self.sigma)
        upper = [5 * self.sigma] + [mouth] * (self.dim - 1)
        return [-end for end in upper], upper
