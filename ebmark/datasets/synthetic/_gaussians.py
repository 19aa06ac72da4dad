"""Mixtures of Gaussians of one width: on a ring, on a grid, at random places."""

import abc
import math
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets.synthetic._base import AbstractDataset, Corners, Moments, check_positive
from ebmark.energies import Key, Point


class AbstractGaussianMixture(AbstractDataset):
    r"""Gaussians of one width at fixed centers, $p(x) = \sum_k w_k N(x; m_k, s^2 I)$.

    Attributes:
        scale: The standard deviation s.
        weights: The weights w_k, up to a common factor.
    """

    scale: eqx.AbstractVar[float]
    if TYPE_CHECKING:
        # as in `AbstractDataset`
        weights = (1.0,)
    else:
        weights: eqx.AbstractVar[tuple[float, ...]]

    def __check_init__(self):
        check_positive(scale=self.scale)
        if not self.weights or min(self.weights) <= 0:
            raise ValueError(f"'weights' must be positive numbers, got {self.weights}.")

    @abc.abstractmethod
    def centers(self) -> Float[np.ndarray, "modes dim"]:
        """Compute the centers m_k."""

    @property
    def modes(self) -> int:
        return len(self.weights)

    @property
    def local_scale(self) -> float:
        return self.scale

    @property
    def separation(self) -> float:
        """The distance of the two nearest centers, in standard deviations."""
        centers = self.centers()
        distances = np.linalg.norm(centers[:, None] - centers, axis=-1)
        return round(float(distances[distances > 0].min()) / self.scale, 2)

    def _normalized_weights(self) -> Float[np.ndarray, " modes"]:
        return np.array(self.weights) / sum(self.weights)

    def sample(self, key: Key) -> Point:
        mode_key, noise_key = jr.split(key)
        mode = jr.choice(mode_key, self.modes, p=jnp.array(self._normalized_weights()))
        return jnp.array(self.centers())[mode] + self.scale * jr.normal(noise_key, (self.dim,))

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        squares = jnp.sum((x - jnp.array(self.centers())) ** 2, axis=-1)
        log_z = 0.5 * self.dim * math.log(2 * math.pi * self.scale**2)
        log_weights = jnp.log(jnp.array(self._normalized_weights()))
        return log_weights - squares / (2 * self.scale**2) - log_z

    def moments(self) -> Moments:
        weights = self._normalized_weights()
        mean = weights @ self.centers()
        square = weights @ self.centers() ** 2 + self.scale**2
        return mean.tolist(), np.sqrt(square - mean**2).tolist()

    def covariance(self) -> Float[np.ndarray, "dim dim"]:
        weights = self._normalized_weights()
        centered = self.centers() - weights @ self.centers()
        return (centered.T * weights) @ centered + self.scale**2 * np.eye(self.dim)


class GaussianRing(AbstractGaussianMixture):
    r"""Gaussians of one width, equally spaced on a circle.

    $$ p(x) = \sum_k w_k N(x; R (\cos 2\pi k/K, \sin 2\pi k/K), s^2 I) $$

    The usual 8 Gaussians have $R = 4/\sqrt 2$ and $s = .5/\sqrt 2$ (1.414 in the code of FFJORD).
    Langevin chains cross between the modes at $R/s = 8$ and do not at 16.

    Args:
        radius: R.
        scale: s.
        weights: The weights w_k, up to a common factor.
        entropy: Differential entropy in nats.

    References: Grathwohl et al. (2019), FFJORD.
    """

    radius: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    entropy: float = eqx.field(static=True)
    dim: int = eqx.field(static=True, default=2)

    @property
    def description(self) -> str:
        sizes = "equal" if len(set(self.weights)) == 1 else "unequal"
        return f"{sizes} Gaussians of sd {self.scale:.3g} on a circle of radius {self.radius:.3g}"

    def centers(self) -> Float[np.ndarray, "modes dim"]:
        angles = 2 * math.pi * np.arange(self.modes) / self.modes
        return self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


class GaussianGrid(AbstractGaussianMixture):
    r"""Equal Gaussians on a square grid around 0.

    The usual 25 Gaussians have $2/\sqrt 2$ between neighbors and $s = .2/\sqrt 2$ (1.414 in the
    code of Schroeder et al.).

    Args:
        side: Number of Gaussians per side.
        spacing: Distance between neighbors.
        scale: s.
        entropy: Differential entropy in nats.

    References: Schroeder et al. (2023), Energy discrepancies.
    """

    side: int = eqx.field(static=True)
    spacing: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    entropy: float = eqx.field(static=True)
    dim: int = eqx.field(static=True, default=2)

    @property
    def description(self) -> str:
        return (
            f"{self.side**2} Gaussians of sd {self.scale:.3g} on a grid, {self.spacing:.3g} apart"
        )

    @property
    def weights(self) -> tuple[float, ...]:
        return (1.0,) * self.side**2

    def centers(self) -> Float[np.ndarray, "modes dim"]:
        ticks = self.spacing * (np.arange(self.side) - (self.side - 1) / 2)
        return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)


class GaussiansInSquare(AbstractGaussianMixture):
    r"""Gaussians placed at random in a square, $m_k \sim U(-a, a)^2$.

    With 40 Gaussians, $a = 40$ and $s = \mathrm{softplus}(1)$ it is the target of Midgley et al.
    with other random centers.

    Args:
        extent: a.
        scale: s.
        weights: The weights w_k, up to a common factor.
        entropy: Differential entropy in nats.
        seed: Seed of the centers, drawn with numpy's PCG64.

    References: Midgley et al. (2023), Flow annealed importance sampling bootstrap.
    """

    extent: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    entropy: float = eqx.field(static=True)
    seed: int = eqx.field(static=True, default=0)
    dim: int = eqx.field(static=True, default=2)

    @property
    def description(self) -> str:
        return (
            f"{self.modes} Gaussians of sd {self.scale:.3g} placed at random in a square of side"
            f" {2 * self.extent:g}"
        )

    def centers(self) -> Float[np.ndarray, "modes dim"]:
        drawn = np.random.default_rng(self.seed).uniform(size=(self.modes, 2))
        return self.extent * (2 * drawn - 1)

    def support_box(self) -> Corners:
        end = self.extent + 6 * self.scale
        return [-end] * 2, [end] * 2


class GaussiansOnSphere(AbstractGaussianMixture):
    r"""Gaussians in random directions, $m_k = R\, u_k$, $|u_k| = 1$, in any dimension.

    With $R$, $s$ and weights of 8 Gaussians on a ring, only the dimension differs from that.

    Args:
        dim: Number of coordinates.
        radius: R.
        scale: s.
        weights: The weights w_k, up to a common factor.
        entropy: Differential entropy in nats.
        seed: Seed of the directions, normalized normal draws of numpy's PCG64.
    """

    dim: int = eqx.field(static=True)
    radius: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    entropy: float = eqx.field(static=True)
    seed: int = eqx.field(static=True, default=0)

    @property
    def description(self) -> str:
        return (
            f"{self.modes} Gaussians of sd {self.scale:.3g}, at distance {self.radius:.3g} from the"
            f" origin in random directions of {self.dim} dimensions"
        )

    def centers(self) -> Float[np.ndarray, "modes dim"]:
        drawn = np.random.default_rng(self.seed).normal(size=(self.modes, self.dim))
        return self.radius * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
