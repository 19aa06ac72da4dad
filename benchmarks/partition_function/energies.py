"""Energies of known log Z in whitened coordinates, with samples of the data that they model."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import ManyWell
from ebmark.energies import Energy, Key, Point

NUM_DATA = 2_000
NUM_MODES = 5
# of a mode; the modes' centers then make up the rest of the unit variance
STD = 0.7
# log Z of the mixtures, warped or not
OFFSET = 3.0
# name -> fraction of the mass in the spurious mode, its standard deviation, and whether its center
# is that of a mode of the data
SPURIOUS = {
    "1%, same width": (0.01, STD, False),
    "10%, narrower": (0.1, 0.5, False),
    "30%, broader": (0.3, 1.0, False),
    "50%, same width": (0.5, STD, False),
    "75%, within a mode": (0.75, STD / 2, True),
    "99%, broader": (0.99, 1.0, False),
}


class Mixture(eqx.Module):
    r"""The energy -log p(x) - 3 of a mixture of spheres, $\sum_k w_k N(\mu_k, s_k^2 I)$."""

    log_weights: Float[Array, " modes"]
    means: Float[Array, "modes dim"]
    stds: Float[Array, " modes"]

    def __call__(self, x: Point) -> Scalar:
        z = (x - self.means) / self.stds[:, None]
        log_dets = len(x) * (jnp.log(self.stds) + 0.5 * jnp.log(2 * jnp.pi))
        log_probs = self.log_weights - 0.5 * jnp.sum(z**2, axis=1) - log_dets
        return -jax.nn.logsumexp(log_probs) - OFFSET

    def sample(self, key: Key) -> Point:
        """Draw one point."""
        mode_key, noise_key = jr.split(key)
        k = jr.categorical(mode_key, self.log_weights)
        return self.means[k] + self.stds[k] * jr.normal(noise_key, self.means[k].shape)


class Warped(eqx.Module):
    r"""A mixture after the shear $b \leftarrow b + 0.8 \sin(2 W a)$ of one half by the other."""

    mixture: Mixture
    weights: Float[Array, "half other_half"]

    def __call__(self, x: Point) -> Scalar:
        return self.mixture(self._shear(x, -1.0))

    def sample(self, key: Key) -> Point:
        """Draw one point."""
        return self._shear(self.mixture.sample(key), 1.0)

    def _shear(self, x: Point, sign: float) -> Point:
        a, b = jnp.split(x, [self.weights.shape[1]])
        return jnp.concatenate([a, b + sign * 0.8 * jnp.sin(2 * (self.weights @ a))])


class Whitened(eqx.Module):
    """A dataset of independent coordinates, each standardized."""

    dataset: ManyWell
    mean: Float[Array, " dim"]
    std: Float[Array, " dim"]

    def __call__(self, z: Point) -> Scalar:
        return -jax.nn.logsumexp(self.dataset.component_log_probs(self.mean + self.std * z))

    def sample(self, key: Key) -> Point:
        """Draw one point."""
        return (self.dataset.sample(key) - self.mean) / self.std


class Case(NamedTuple):
    """An energy, samples of the data and the true log Z in nats."""

    name: str
    energy: Energy
    data: Float[np.ndarray, "n dim"]
    log_z: float

    @property
    def dim(self) -> int:
        """The dimension."""
        return self.data.shape[1]


def cases(dim: int) -> dict[str, Callable[[], Case]]:
    """Return what makes every case in this even dimension, by name."""
    made: dict[str, Callable[[], Case]] = {
        "mixture": lambda: _of_mixture("mixture", _mixture(dim), dim),
        "warped mixture": lambda: _of_mixture("warped mixture", _warped(dim), dim),
        "ManyWell": lambda: _many_well(dim),
    }
    for name, spurious in SPURIOUS.items():
        made[name] = lambda name=name, spurious=spurious: _spurious(name, dim, *spurious)
    return made


def _mixture(
    dim: int, spurious_mass: float = 0.0, spurious_std: float = 1.0, is_within: bool = False
) -> Mixture:
    """Return the mixture; its last mode is the spurious one, so that all share one program."""
    means_key, weights_key, spurious_key = jr.split(jr.key(dim), 3)
    means = np.sqrt(1 - STD**2) * jr.normal(means_key, (NUM_MODES, dim))
    means = means - means.mean(axis=0)
    weights = jr.dirichlet(weights_key, jnp.full(NUM_MODES, 3.0))
    spurious = means[:1] if is_within else jr.normal(spurious_key, (1, dim))
    return Mixture(
        jnp.log(jnp.append((1 - spurious_mass) * weights, spurious_mass)),
        jnp.vstack([means, spurious]),
        jnp.append(jnp.full(NUM_MODES, STD), spurious_std),
    )


def _warped(dim: int) -> Warped:
    weights = jr.normal(jr.key(dim + 1), (dim // 2, dim // 2)) / np.sqrt(dim / 2)
    return Warped(_mixture(dim), weights)


def _spurious(name: str, dim: int, mass: float, std: float, is_within: bool) -> Case:
    case = _of_mixture(f"spurious {name}", _mixture(dim), dim)
    return case._replace(energy=_mixture(dim, mass, std, is_within))


def _of_mixture(name: str, energy: Mixture | Warped, dim: int) -> Case:
    return Case(name, energy, _draw(energy, dim), OFFSET)


def _many_well(dim: int) -> Case:
    dataset = ManyWell(dim)
    mean, std = (jnp.asarray(moment) for moment in dataset.moments())
    energy = Whitened(dataset, mean, std)
    return Case("ManyWell", energy, _draw(energy, dim), -float(jnp.sum(jnp.log(std))))


def _draw(energy: Mixture | Warped | Whitened, dim: int) -> Float[np.ndarray, "n dim"]:
    keys = jr.split(jr.key(dim + 2), NUM_DATA)
    return np.asarray(jax.vmap(energy.sample)(keys), np.float64)
