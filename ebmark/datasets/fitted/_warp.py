"""A smooth bijection that preserves volume."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ebmark.energies import Point


class Warp(eqx.Module):
    r"""Sinusoidal shears of half of the whitened coordinates by the other half, in layers.

    $$ x = m + R v, \quad v_{t} \leftarrow v_{t} + a \sin(f v_{s} + \phi_{t}) $$

    $R$ is the symmetric root of a covariance matrix. A shear has a triangular Jacobian with ones on
    its diagonal, so that the volume is preserved, and its inverse subtracts the same sines.

    Attributes:
        center: m.
        root: R.
        unroot: The inverse of R.
        orders: In each layer, the coordinates: first the d // 2 sources s, then their targets t. If
            d is odd, the last one stays.
        phases: $\phi$ of each layer and target.
        amplitude: a, in standard deviations of whitened coordinates.
        frequency: f.

    References: Dinh, Krueger & Bengio (2015), NICE, for additive couplings.
    """

    center: Float[Array, " dim"]
    root: Float[Array, "dim dim"]
    unroot: Float[Array, "dim dim"]
    orders: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    phases: Float[Array, "layers half"]
    amplitude: float
    frequency: float

    @classmethod
    def from_moments(
        cls,
        mean: Float[np.ndarray, " dim"],
        covariance: Float[np.ndarray, "dim dim"],
        *,
        orders: Int[np.ndarray, "layers dim"],
        phases: Float[np.ndarray, "layers half"],
        amplitude: float,
        frequency: float,
    ) -> "Warp":
        """Create the warp of a distribution of this mean and covariance."""
        values, vectors = np.linalg.eigh(covariance)
        return cls(
            center=jnp.asarray(mean, jnp.float32),
            root=jnp.asarray(vectors * np.sqrt(values) @ vectors.T, jnp.float32),
            unroot=jnp.asarray(vectors / np.sqrt(values) @ vectors.T, jnp.float32),
            orders=tuple(map(tuple, orders.tolist())),
            phases=jnp.asarray(phases, jnp.float32),
            amplitude=amplitude,
            frequency=frequency,
        )

    def forward(self, y: Point) -> Point:
        """Warp a point."""
        v = self.unroot @ (y - self.center)
        for order, phases in zip(self.orders, self.phases, strict=True):
            v = self._shear(v, order, phases, 1)
        return self.center + self.root @ v

    def inverse(self, x: Point) -> Point:
        """Return the point that is warped to x."""
        v = self.unroot @ (x - self.center)
        for order, phases in zip(self.orders[::-1], self.phases[::-1], strict=True):
            v = self._shear(v, order, phases, -1)
        return self.center + self.root @ v

    def max_shift(self) -> Float[np.ndarray, " dim"]:
        """Bound how far each coordinate of a point is moved: every shear moves by at most a."""
        half = self.phases.shape[1]
        shifts = np.zeros(len(self.center))
        for order in self.orders:
            shifts[list(order[half : 2 * half])] += self.amplitude
        return np.abs(np.asarray(self.root, np.float64)) @ shifts

    def _shear(
        self, v: Point, order: tuple[int, ...], phases: Float[Array, " half"], sign: int
    ) -> Point:
        half = len(phases)
        sources, targets = np.split(np.array(order[: 2 * half]), 2)
        shift = self.amplitude * jnp.sin(self.frequency * v[sources] + phases)
        return v.at[targets].add(sign * shift)
