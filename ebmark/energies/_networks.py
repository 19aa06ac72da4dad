"""Neural networks as energies: p(x) is proportional to exp(-E(x)).

Any callable from a point to a scalar is an energy, for example `lambda x: 0.5 * x @ x`.
"""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies._activation import silu
from ebmark.energies._trigonometry import cosine_and_sine
from ebmark.energies._types import Key, Point


class MLP(eqx.Module):
    r"""A multilayer perceptron with a twice differentiable activation.

    $$ E(x) = W_L \phi(\dots \phi(W_1 x + b_1) \dots) + b_L, \quad \phi = \mathrm{silu} $$

    Score matching uses second derivatives in x; those of a ReLU network are 0 almost everywhere.

    Args:
        dim: Number of inputs.
        width: Units per hidden layer.
        depth: Number of hidden layers.
        key: Random key of the initial parameters.

    References: Hyvarinen (2005), Estimation of non-normalized statistical models by score matching.
    """

    layers: eqx.nn.MLP

    def __init__(self, dim: int, *, width: int = 128, depth: int = 2, key: Key):
        self.layers = eqx.nn.MLP(dim, "scalar", width, depth, silu, key=key)

    def __call__(self, x: Point) -> Scalar:
        return self.layers(x)


class FourierMLP(eqx.Module):
    r"""An MLP on random Fourier features, which resolves finer detail than one on coordinates.

    $$ E(x) = \mathrm{MLP}([\cos(B x), \sin(B x)]), \quad B_{ij} \sim N(0, \mathrm{bandwidth}^2) $$

    The frequencies $B$ are not trained. A larger bandwidth resolves finer detail and constrains the
    energy less where there are no data.

    Args:
        dim: Number of inputs.
        num_features: Number of frequencies.
        bandwidth: Standard deviation of the frequencies.
        width: Units per hidden layer.
        depth: Number of hidden layers.
        out: "scalar" for an energy; a number for a vector field of that size (a critic).
        key: Random key of the frequencies and initial parameters.

    References: Tancik et al. (2020), Fourier features let networks learn high frequency functions.
    """

    frequencies: Float[Array, "features dim"]
    layers: eqx.nn.MLP

    def __init__(
        self,
        dim: int,
        *,
        num_features: int = 32,
        bandwidth: float = 1.0,
        width: int = 64,
        depth: int = 2,
        out: int | Literal["scalar"] = "scalar",
        key: Key,
    ):
        feature_key, layer_key = jr.split(key)
        self.frequencies = bandwidth * jr.normal(feature_key, (num_features, dim))
        self.layers = eqx.nn.MLP(2 * num_features, out, width, depth, silu, key=layer_key)

    def __call__(self, x: Point) -> Float[Array, "..."]:
        frequencies = jax.lax.stop_gradient(self.frequencies)
        return self.layers(jnp.concatenate(cosine_and_sine(frequencies @ x)))
