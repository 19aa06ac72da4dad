"""Energies: callable PyTrees from a point to a scalar, with p(x) proportional to exp(-E(x)).

Any such callable will do (`lambda x: 0.5 * x @ x` is one); these are those that the study trains.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree, Scalar

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
    r"""An energy that no well can open in outside the hull of the points which it is trained on.

    $$ E(x) = E_0(c(x)) + \frac{d(x)^2}{2 w^2}, \quad
       d(x) = \max_i (u_i \cdot x - b_i, \; a_i - u_i \cdot x, \; 0) $$

    $a_i$ and $b_i$ are the points' lowest and highest coordinates along the axis $u_i$: those
    of x, and in the plane six between them. Inside their box $c(x) = x$; a coordinate that is $e$
    outside is brought to $\tfrac w2 \tanh(2 e / w)$ outside. Where neither data nor noise nor chain
    ever comes no loss says a word, and a network left alone has wells there that hold mass.
    """

    net: Energy
    axes: Float[Array, "axes dim"] | None  # the coordinates first; None: no others
    low: Float[Array, " axes"]
    high: Float[Array, " axes"]
    width: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, " inputs"]) -> Scalar:
        axes, low, high = jax.lax.stop_gradient((self.axes, self.low, self.high))
        dim, half = low.size if axes is None else axes.shape[1], self.width / 2
        point, rest = x[:dim], x[dim:]  # the rest is no coordinate: a noise level
        inside = jnp.clip(point, low[:dim], high[:dim])
        seen = inside + half * jnp.tanh((point - inside) / half)
        along = point if axes is None else axes @ point
        outside = jnp.maximum(jnp.max(jnp.maximum(along - high, low - along)), 0)
        energy = self.net(jnp.concatenate([seen, rest]) if rest.size else seen)
        return energy + 0.5 * (outside / self.width) ** 2


def walled(net: Energy, z: Float[ArrayLike, "n dim"], width: float) -> Walled:
    """`net` inside the walls of the points `z`."""
    axes = _AXES if np.shape(z)[1] == 2 else None
    along = [z] if axes is None else [z @ axis[:, None] for axis in axes]  # one at a time
    low, high = (jnp.concatenate([jnp.asarray(end(y, axis=0)) for y in along]) for end in _ENDS)
    axes = None if axes is None else jnp.asarray(axes, jnp.float32)
    return Walled(net, axes, low.astype(jnp.float32), high.astype(jnp.float32), width)


_ANGLES = np.pi * np.array([0, 4, 1, 2, 3, 5, 6, 7]) / 8
_AXES = np.round(np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1), 15)  # 6e-17 is 0
_ENDS = (jnp.min, jnp.max)


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
