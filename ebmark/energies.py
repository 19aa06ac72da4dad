"""Energies: callable PyTrees from a point to a scalar, with p(x) proportional to exp(-E(x)).

Any such callable will do (`lambda x: 0.5 * x @ x` is one); these are those that the study trains.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PyTree, Scalar

from ebmark._activation import silu
from ebmark._trigonometry import cosine_and_sine
from ebmark._types import Energy, Key, Point


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


class Confined(eqx.Module):
    r"""A network inside a wide Gaussian, so that Z is finite whatever the network does.

    $$ E(x) = \mathrm{net}(x) + \frac{\|x\|^2}{2 \tau^2} $$

    With a bounded or linearly growing net, $Z < \infty$ for every value of the parameters.
    """

    net: Energy
    tau: float = eqx.field(static=True, default=1.0)

    def __call__(self, x: Point) -> Scalar:
        return self.net(x) + x @ x / (2 * self.tau**2)


class Walled(eqx.Module):
    r"""An energy that rises outside the box of the points which it is trained on.

    $$ E(x) = E_0(x) + \tfrac12 \sum_i \left( \frac{d_i(x)}{w} - 1 \right)_+^2, \quad
       d_i(x) = \max(x_i - b_i, a_i - x_i) $$

    $a$ and $b$ are the points' lowest and highest coordinates: within a width $w$ of their box
    nothing changes. Where neither data nor noise nor chain ever comes no loss says a word, and
    the network's wells there would hold mass. The gradient is continuous, all that integration
    by parts in score matching asks for; the curvature is at most $1 / w^2$.
    """

    net: Energy
    low: Point
    high: Point
    width: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, " inputs"]) -> Scalar:
        low, high = jax.lax.stop_gradient((self.low, self.high))
        point = x[: low.size]  # what follows is no coordinate: a noise level
        beyond = jnp.maximum(point - high, low - point) / self.width - 1
        return self.net(x) + 0.5 * jnp.sum(jnp.maximum(beyond, 0) ** 2)


class Offset(eqx.Module):
    r"""An energy and a free constant: $E(x) + c$, with $c \to \log Z$ under NCE."""

    energy: Energy
    constant: Scalar

    def __call__(self, x: Point) -> Scalar:
        return self.energy(x) + self.constant


class Standardised(eqx.Module):
    r"""An energy learned in standardised units, reported in the user's.

    $$ E(x) = E_{std}((x - m) / s) + \sum_i \log s_i $$

    The last term is the Jacobian: exp(-E) keeps its integral, so log Z is that of $E_{std}$.
    """

    energy: Energy
    mean: Point
    scale: Point

    def __call__(self, x: Point) -> Scalar:
        log_jacobian = jnp.sum(jnp.log(jax.lax.stop_gradient(self.scale)))
        return self.energy((x - self.mean) / self.scale) + log_jacobian


class Quadratic(eqx.Module):
    r"""A Gaussian's energy, $E(x) = \tfrac12 \lambda \|x - m\|^2$: the closed forms live here."""

    precision: Scalar
    mean: Point

    def __call__(self, x: Point) -> Scalar:
        return 0.5 * self.precision * jnp.sum((x - self.mean) ** 2)


def frozen(energy: PyTree) -> PyTree:
    """The same energy, with no gradient flowing to its parameters.

    Chains are run on it, so that a scan over their steps is never linearised in the parameters.
    """
    return jax.tree.map(lambda a: jax.lax.stop_gradient(a) if eqx.is_array(a) else a, energy)


def log_normaliser_of_gaussian(precision: float, dim: int) -> float:
    r"""$\log Z = \tfrac{d}{2} \log(2 \pi / \lambda)$ of `Quadratic`."""
    return 0.5 * dim * math.log(2 * math.pi / precision)
