"""Energies with a finite partition function: a confining Gaussian, soft walls around the data."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Scalar

from ebmark.energies._types import Energy, Point

_ANGLES = np.pi * np.array([0, 4, 1, 2, 3, 5, 6, 7]) / 8
# rounding turns the 6e-17 of cos(pi / 2) into 0
_AXES = np.round(np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1), 15)


class Confined(eqx.Module):
    r"""A network plus the energy of a wide Gaussian, so that Z is finite.

    $$ E(x) = \mathrm{net}(x) + \frac{\|x\|^2}{2 s^2} $$

    If the network is bounded or grows linearly, $Z < \infty$ for all parameters.

    Attributes:
        net: The network.
        std: Standard deviation s of the Gaussian.
    """

    net: Energy
    std: float = eqx.field(static=True, default=1.0)

    def __check_init__(self):
        _check_positive("std", self.std)

    def __call__(self, x: Point) -> Scalar:
        return self.net(x) + x @ x / (2 * self.std**2)


class SoftWall(eqx.Module):
    r"""Energy with a soft wall: a quadratic penalty outside the hull of the training points.

    $$ E(x) = E_0(c(x)) + \frac{d(x)^2}{2 w^2}, \quad
       d(x) = \max_i (u_i \cdot x - b_i, \; a_i - u_i \cdot x, \; 0) $$

    $a_i$ and $b_i$ are the smallest and largest coordinates of the points along the axis $u_i$: the
    coordinate axes and, in 2-D, six directions between them. Within the bounding box $c(x) = x$; a
    coordinate $e$ outside it is moved to $\tfrac w2 \tanh(2 e / w)$ outside. No loss constrains the
    energy where there are neither data nor noise samples nor chains; the soft wall prevents
    spurious low-energy regions there.

    Attributes:
        net: The energy $E_0$.
        axes: The axes, the coordinate axes first; None for the coordinate axes alone.
        low: The smallest coordinates along the axes.
        high: The largest coordinates along the axes.
        width: w, in standardized units.
    """

    net: Energy
    axes: Float[Array, "axes dim"] | None
    low: Float[Array, " axes"]
    high: Float[Array, " axes"]
    width: float = eqx.field(static=True)

    def __check_init__(self):
        _check_positive("width", self.width)

    def __call__(self, x: Float[Array, " inputs"]) -> Scalar:
        axes, low, high = jax.lax.stop_gradient((self.axes, self.low, self.high))
        dim = low.size if axes is None else axes.shape[1]
        half = self.width / 2
        point = x[:dim]
        # inputs beyond the coordinates, such as a noise level, have no soft wall
        extra = x[dim:]
        inside = jnp.clip(point, low[:dim], high[:dim])
        contracted = inside + half * jnp.tanh((point - inside) / half)
        along = point if axes is None else axes @ point
        distance = jnp.maximum(jnp.max(jnp.maximum(along - high, low - along)), 0)
        if extra.size:
            contracted = jnp.concatenate([contracted, extra])
        return self.net(contracted) + 0.5 * (distance / self.width) ** 2


def add_walls(net: Energy, z: Float[ArrayLike, "n dim"], width: float) -> SoftWall:
    """Surround the points with soft walls of the given width.

    Args:
        net: The energy inside.
        z: Standardized training points.
        width: Width of the soft walls, in the units of `z`.

    Returns:
        The energy with soft walls.

    Raises:
        ValueError: If `width` is not positive.

    Example:
        >>> energy = add_walls(lambda x: 0.0 * x[0], np.array([[-1.0], [1.0]]), width=0.5)
        >>> float(energy(jnp.array([2.0])))
        2.0
    """
    points = np.asarray(z)
    axes = None
    along = [points]
    if points.shape[1] == 2:
        axes = jnp.asarray(_AXES.astype(np.float32))
        # one axis at a time, to bound the memory
        along = [points @ axis[:, None] for axis in _AXES]
    low, high = (
        jnp.asarray(np.concatenate([extent(y, axis=0) for y in along], dtype=np.float32))
        for extent in (np.min, np.max)
    )
    return SoftWall(net, axes, low, high, width)


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"'{name}' must be positive, got {value}.")
