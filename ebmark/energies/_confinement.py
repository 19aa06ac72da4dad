"""Energies whose partition function is finite: a confining Gaussian, walls around the data."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Scalar

from ebmark.energies._types import Energy, Point


class Confined(eqx.Module):
    r"""A network inside a wide Gaussian, so that Z is finite whatever the network does.

    $$ E(x) = \mathrm{net}(x) + \frac{\|x\|^2}{2 \tau^2} $$

    With a bounded or linearly growing net, $Z < \infty$ for every value of the parameters.
    """

    net: Energy
    tau: float = eqx.field(static=True, default=1.0)

    def __call__(self, x: Point) -> Scalar:
        return self.net(x) + x @ x / (2 * self.tau**2)


class SoftWall(eqx.Module):
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


def add_walls(net: Energy, z: Float[ArrayLike, "n dim"], width: float) -> SoftWall:
    """`net` inside the walls of the points `z`."""
    axes = _AXES if np.shape(z)[1] == 2 else None
    along = [z] if axes is None else [z @ axis[:, None] for axis in axes]  # one at a time
    low, high = (jnp.concatenate([jnp.asarray(end(y, axis=0)) for y in along]) for end in _ENDS)
    axes = None if axes is None else jnp.asarray(axes, jnp.float32)
    return SoftWall(net, axes, low.astype(jnp.float32), high.astype(jnp.float32), width)


_ANGLES = np.pi * np.array([0, 4, 1, 2, 3, 5, 6, 7]) / 8
_AXES = np.round(np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1), 15)  # 6e-17 is 0
_ENDS = (jnp.min, jnp.max)
