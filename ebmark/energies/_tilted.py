"""An energy around a Gaussian mixture, for small tables of more than two dimensions."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from ebmark.energies._activation import silu
from ebmark.energies._residual import zero_last_layer
from ebmark.energies._transforms import stop_gradient
from ebmark.energies._types import Key, Point


class MixtureDensity(eqx.Module):
    r"""A normalized Gaussian mixture $\sum_k w_k N(x; \mu_k, (P_k^\top P_k)^{-1})$.

    Attributes:
        log_weights: log w_k.
        means: the means mu_k.
        factors: the lower triangular factors P_k of the inverse covariances.
    """

    log_weights: Float[Array, " components"]
    means: Float[Array, "components dim"]
    factors: Float[Array, "components dim dim"]

    def log_prob(self, x: Point) -> Scalar:
        """Compute the log-density of a point."""
        z = jnp.einsum("kij,kj->ki", self.factors, x - self.means)
        log_dets = jnp.sum(jnp.log(jnp.diagonal(self.factors, axis1=1, axis2=2)), axis=1)
        log_probs = log_dets - 0.5 * jnp.sum(z**2, axis=1) - 0.5 * len(x) * jnp.log(2 * jnp.pi)
        return jax.nn.logsumexp(self.log_weights + log_probs)


class TiltedEnergy(eqx.Module):
    r"""A Gaussian mixture tilted by a network.

    $$ E(x) = -\log q(x) + h(x) $$

    The mixture q is not trained: it is N(0, I) until `base` is replaced by a fitted one. The last
    layer of h starts at 0, so that the untrained density is q. Inputs beyond the coordinates, such
    as a noise level, enter h only.

    Args:
        dim: Number of coordinates.
        num_extra_inputs: Number of inputs beyond the coordinates.
        num_components: Number of components of q.
        width: Units per hidden layer.
        depth: Number of hidden layers.
        key: Random key of the initial parameters.

    References: Arbel, Zhou & Gretton (2021), Generalized energy based models.
    """

    base: MixtureDensity
    layers: eqx.nn.MLP

    def __init__(
        self,
        dim: int,
        *,
        num_extra_inputs: int = 0,
        num_components: int,
        width: int,
        depth: int = 2,
        key: Key,
    ):
        self.base = MixtureDensity(
            jnp.full(num_components, -jnp.log(num_components)),
            jnp.zeros((num_components, dim)),
            jnp.tile(jnp.eye(dim), (num_components, 1, 1)),
        )
        layers = eqx.nn.MLP(dim + num_extra_inputs, "scalar", width, depth, silu, key=key)
        self.layers = zero_last_layer(layers)

    def __call__(self, x: Point) -> Scalar:
        dim = self.base.means.shape[1]
        return self.layers(x) - stop_gradient(self.base).log_prob(x[:dim])
