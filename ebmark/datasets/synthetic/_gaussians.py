"""Mixtures of Gaussians of one width: on a ring, on a grid, scattered."""

import abc
import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.datasets.synthetic._base import AbstractDataset


class AbstractGaussianMixture(AbstractDataset):
    r"""Gaussians of one width at fixed centres, $p(x) = \sum_k w_k N(x; m_k, s^2 I)$."""

    scale: eqx.AbstractVar[float]
    weights: eqx.AbstractVar[tuple[float, ...]]  # in proportion

    @property
    def modes(self):
        return len(self.weights)

    @property
    def local_scale(self):
        return self.scale

    @abc.abstractmethod
    def centers(self) -> np.ndarray:
        """The centres, (modes, dim)."""

    @property
    def separation(self) -> float:
        """The distance of the two nearest centres, in standard deviations."""
        centers = self.centers()
        between = np.linalg.norm(centers[:, None] - centers, axis=-1)
        return round(float(between[between > 0].min()) / self.scale, 2)

    def _shares(self):
        return np.array(self.weights) / sum(self.weights)

    def sample(self, key):
        mode_key, noise_key = jr.split(key)
        mode = jr.choice(mode_key, self.modes, p=jnp.array(self._shares()))
        return jnp.array(self.centers())[mode] + self.scale * jr.normal(noise_key, (self.dim,))

    def component_log_probs(self, x):
        squares = jnp.sum((x - jnp.array(self.centers())) ** 2, axis=-1)  # (modes, dim) -> (modes,)
        log_z = 0.5 * self.dim * math.log(2 * math.pi * self.scale**2)
        return jnp.log(jnp.array(self._shares())) - squares / (2 * self.scale**2) - log_z

    def moments(self):
        mean = self._shares() @ self.centers()
        square = self._shares() @ self.centers() ** 2 + self.scale**2
        return mean.tolist(), np.sqrt(square - mean**2).tolist()


class GaussianRing(AbstractGaussianMixture):
    r"""Equal Gaussians on a circle, with any weights.

    $$ p(x) = \sum_k w_k N(x; R (\cos 2\pi k/K, \sin 2\pi k/K), s^2 I) $$

    The 8-Gaussians of the field are $R = 4/\sqrt 2$, $s = .5/\sqrt 2$ (Grathwohl et al. 2019,
    FFJORD, whose code has 1.414). $R/s = 8$ lets Langevin cross between modes; at 16 it does not.
    """

    radius: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    entropy: float = eqx.field(static=True)
    dim: int = eqx.field(static=True, default=2)

    @property
    def description(self):
        sizes = "equal" if len(set(self.weights)) == 1 else "unequal"
        return f"{sizes} Gaussians of sd {self.scale:.3g} on a circle of radius {self.radius:.3g}"

    def centers(self):
        angles = 2 * math.pi * np.arange(self.modes) / self.modes
        return self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


class GaussianGrid(AbstractGaussianMixture):
    r"""Equal Gaussians on a square grid about 0.

    25 of them, $2/\sqrt 2$ apart and $s = .2/\sqrt 2$, are those of Schroeder et al. (2023), Energy
    discrepancies, whose code has 1.414.
    """

    side: int = eqx.field(static=True)
    spacing: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    entropy: float = eqx.field(static=True)
    dim: int = eqx.field(static=True, default=2)

    @property
    def weights(self):
        return (1.0,) * self.side**2

    @property
    def description(self):
        return (
            f"{self.side**2} Gaussians of sd {self.scale:.3g} on a grid, {self.spacing:.3g} apart"
        )

    def centers(self):
        ticks = self.spacing * (np.arange(self.side) - (self.side - 1) / 2)
        return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)


class GaussiansInSquare(AbstractGaussianMixture):
    r"""Equal Gaussians scattered over a square, $m_k \sim U(-a, a)^2$, by numpy's PCG64 of a seed.

    40 of them with $a = 40$ and $s = \mathrm{softplus}(1)$ are the law of Midgley et al. (2023),
    Flow annealed importance sampling bootstrap, but for the draw of the centres.
    """

    extent: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    entropy: float = eqx.field(static=True)
    seed: int = eqx.field(static=True, default=0)
    dim: int = eqx.field(static=True, default=2)

    @property
    def description(self):
        side = 2 * self.extent
        return (
            f"{self.modes} Gaussians of sd {self.scale:.3g} strewn over a square of side {side:g}"
        )

    def centers(self):
        drawn = np.random.default_rng(self.seed).uniform(size=(self.modes, 2))
        return self.extent * (2 * drawn - 1)

    def support_box(self):
        reach = self.extent + 6 * self.scale
        return [-reach] * 2, [reach] * 2


class GaussiansOnSphere(AbstractGaussianMixture):
    r"""Gaussians in random directions, $m_k = R\, u_k$, $|u_k| = 1$, in any dimension.

    The directions are normal draws, normalised, by numpy's PCG64 of a seed. $R$ and $s$ may be
    those of the 8 Gaussians, so that only the dimension changes.
    """

    dim: int = eqx.field(static=True)
    radius: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    entropy: float = eqx.field(static=True)
    seed: int = eqx.field(static=True, default=0)

    @property
    def description(self):
        return (
            f"{self.modes} Gaussians of sd {self.scale:.3g}, {self.radius:.3g} from 0 in random "
            f"directions of {self.dim} dimensions"
        )

    def centers(self):
        drawn = np.random.default_rng(self.seed).normal(size=(self.modes, self.dim))
        return self.radius * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
