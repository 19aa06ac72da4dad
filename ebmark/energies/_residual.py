"""An energy around a Gaussian, for more than two dimensions."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Scalar

from ebmark.energies._activation import silu
from ebmark.energies._types import Key, Point

# norm within which the input of the MLP stays, relative to that of typical points
_REACH = 2.0


def zero_last_layer(layers: eqx.nn.MLP) -> eqx.nn.MLP:
    """Return the MLP with an output of 0."""
    return eqx.tree_at(
        lambda mlp: mlp.layers[-1],
        layers,
        replace_fn=lambda last: jax.tree.map(jnp.zeros_like, last),
    )


class ResidualEnergy(eqx.Module):
    r"""Half the squared distance of a point to its prediction, plus a scalar.

    $$ E(x) = \frac{\|x - f(x)\|^2}{2 s^2} + h(x), \quad
       (f, h)(x) = \mathrm{MLP}\left(\frac{x}{\sqrt{1 + \|x\|^2 / R^2}}\right), \quad
       R = 2 s \sqrt d $$

    The last layer starts at 0, so that the untrained energy is that of $N(0, s^2 I)$: of whitened
    data with s = 1 the Gaussian of maximum likelihood. Where $f$ is a denoiser, $x - f(x)$ is
    $-\sigma^2$ times the score. The input of the MLP stays within a ball of radius R, twice the
    distance of typical points from 0, so that f and h are bounded: far away the energy grows as
    $\|x\|^2 / (2 s^2)$, whatever the parameters, and Z is finite. Inputs beyond the coordinates,
    such as a noise level, enter the MLP as they are.

    Args:
        dim: Number of coordinates.
        num_extra_inputs: Number of inputs beyond the coordinates.
        width: Units per hidden layer.
        depth: Number of hidden layers.
        std: Standard deviation s of the untrained density.
        key: Random key of the initial parameters.

    References: Salimans & Ho (2021), Should EBMs model the energy or the score?
    """

    layers: eqx.nn.MLP
    dim: int = eqx.field(static=True)
    std: float = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        *,
        num_extra_inputs: int = 0,
        width: int = 128,
        depth: int = 2,
        std: float = 1.0,
        key: Key,
    ):
        layers = eqx.nn.MLP(dim + num_extra_inputs, dim + 1, width, depth, silu, key=key)
        self.layers = zero_last_layer(layers)
        self.dim = dim
        self.std = std

    def __call__(self, x: Point) -> Scalar:
        point = x[: self.dim]
        radius_sq = (_REACH * self.std) ** 2 * self.dim
        contracted = point * jax.lax.rsqrt(1 + point @ point / radius_sq)
        output = self.layers(jnp.concatenate([contracted, x[self.dim :]]))
        residual = point - output[:-1]
        return residual @ residual / (2 * self.std**2) + output[-1]
