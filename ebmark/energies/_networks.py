"""Energies: callable PyTrees from a point to a scalar, with p(x) proportional to exp(-E(x)).

Any such callable will do (`lambda x: 0.5 * x @ x` is one); these are those that the study trains.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies._activation import silu
from ebmark.energies._trigonometry import cosine_and_sine
from ebmark.energies._types import Key, Point


class MLP(eqx.Module):
    r"""A multi-layer perceptron with smooth (C2) activations.

    $$ E(x) = W_L \phi(\dots \phi(W_1 x + b_1) \dots) + b_L, \quad \phi = \mathrm{silu} $$

    Score matching differentiates the energy twice and its gradient in the weights once more: a
    ReLU would be silently wrong (Hyvarinen 2005 asks for a twice differentiable energy).
    """

    layers: eqx.nn.MLP

    def __init__(self, dim: int, *, width: int = 128, depth: int = 2, key: Key):
        self.layers = eqx.nn.MLP(dim, "scalar", width, depth, silu, key=key)

    def __call__(self, x: Point) -> Scalar:
        return self.layers(x)


class FourierMLP(eqx.Module):
    r"""A perceptron on random Fourier features: it resolves what a plain one blurs.

    $$ E(x) = \mathrm{MLP}([\cos(B x), \sin(B x)]), \quad B_{ij} \sim N(0, \mathrm{bandwidth}^2) $$

    The frequencies $B$ are fixed. A larger bandwidth sees finer detail and leaves the energy less
    constrained where there are no data. With `out` a number it is a field of vectors (a critic).

    Tancik et al. (2020), Fourier features let networks learn high frequency functions.
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
        out: int | str = "scalar",
        key: Key,
    ):
        feature_key, layer_key = jr.split(key)
        self.frequencies = bandwidth * jr.normal(feature_key, (num_features, dim))
        self.layers = eqx.nn.MLP(2 * num_features, out, width, depth, silu, key=layer_key)

    def __call__(self, x: Point) -> Scalar:
        frequencies = jax.lax.stop_gradient(self.frequencies)
        return self.layers(jnp.concatenate(cosine_and_sine(frequencies @ x)))
