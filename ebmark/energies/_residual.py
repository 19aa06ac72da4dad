"""An energy around a Gaussian, for more than two dimensions."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Scalar

from ebmark.energies._activation import silu
from ebmark.energies._types import Key, Point


class ResidualEnergy(eqx.Module):
    r"""Half the squared distance of a point to its prediction, plus a scalar.

    $$ E(x) = \frac{\|x - f(x)\|^2}{2 s^2} + h(x), \quad (f, h) = \mathrm{MLP} $$

    The last layer starts at 0, so that the untrained energy is that of $N(0, s^2 I)$: of whitened
    data with s = 1 the Gaussian of maximum likelihood. Where $f$ is a denoiser, $x - f(x)$ is
    $-\sigma^2$ times the score. Inputs beyond the coordinates, such as a noise level, enter the
    MLP only.

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
        self.layers = eqx.tree_at(
            lambda mlp: mlp.layers[-1],
            layers,
            replace_fn=lambda last: jax.tree.map(jnp.zeros_like, last),
        )
        self.std = std

    def __call__(self, x: Point) -> Scalar:
        output = self.layers(x)
        residual = x[: output.size - 1] - output[:-1]
        return residual @ residual / (2 * self.std**2) + output[-1]
