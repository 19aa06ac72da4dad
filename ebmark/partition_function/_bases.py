"""Base distributions of an annealing path: normalized and sampled exactly."""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar
from scipy.linalg import solve_triangular

from ebmark.energies import Key, Mixture, MixtureDensity, Moments, Point
from ebmark.system.random_numbers import generator

# of every base, so that one compiled program serves them all
_NUM_COMPONENTS = 16
# a component is fitted to at least this number of points on average
_MIN_POINTS = 10
# steps of EM with each number of components
_NUM_EM_STEPS = 5
# fraction of the mean eigenvalue in the covariance within components
_SHRINKAGE = 0.1


@runtime_checkable
class Base(Protocol):
    """The density at which a path begins."""

    def log_prob(self, x: Point, /) -> Scalar: ...


class MixtureBase(MixtureDensity):
    r"""A Gaussian mixture, the distribution at which an annealing path begins.

    $$ p_0(x) = \sum_k w_k N(x; \mu_k, (P_k^\top P_k)^{-1}) $$

    The log weight of a component that is not used is minus infinity.
    """

    @classmethod
    def normal(cls, dim: int, std: float = 1.0) -> "MixtureBase":
        """Return N(0, std^2 I)."""
        return cls._padded(Mixture(np.zeros(1), np.zeros((1, dim)), np.eye(dim)[None] / std))

    @classmethod
    def fit(
        cls, points: Float[np.ndarray, "n dim"], energies: Float[np.ndarray, " n"]
    ) -> "MixtureBase":
        r"""Fit a mixture to points at which exp(-E) has mass, whatever their proportions.

        Components are added one by one where the mixture covers the mass worst, at the largest of

        $$ \log w_i = -E(x_i) - \log p_0(x_i), $$

        and all are refined by EM.

        Args:
            points: the points, at least one.
            energies: their energies.

        References: Raftery & Bao (2010), Estimating and projecting trends in HIV/AIDS generalized
        epidemics using incremental mixture importance sampling.
        """
        mixture = _fit_one(points)
        for _ in range(min(_NUM_COMPONENTS, len(points) // _MIN_POINTS) - 1):
            uncovered = points[np.argmax(-energies - mixture.log_prob(points))]
            mixture = _add_component(mixture, uncovered, points)
            for _ in range(_NUM_EM_STEPS):
                mixture = _fit(points, mixture.responsibilities(points))
        return cls._padded(mixture)

    @classmethod
    def _padded(cls, mixture: Mixture) -> "MixtureBase":
        return cls(*map(jnp.asarray, mixture.padded(_NUM_COMPONENTS, -np.inf)))

    def sample(self, num: int, key: Key) -> Float[Array, "n dim"]:
        """Draw points, in NumPy: a program for each shape takes seconds to compile."""
        rng = generator(key)
        weights = np.exp(np.asarray(self.log_weights, np.float64))
        components = rng.choice(len(weights), num, p=weights / weights.sum())
        x = rng.normal(size=(num, self.means.shape[1]))
        for k in np.unique(components):
            chosen = components == k
            x[chosen] = solve_triangular(np.asarray(self.factors[k]), x[chosen].T, lower=True).T
        return jnp.asarray((x + np.asarray(self.means)[components]).astype(np.float32))


def _fit(
    points: Float[np.ndarray, "n dim"], responsibilities: Float[np.ndarray, "n components"]
) -> Mixture:
    """Return the mixture of largest likelihood, shrunk towards a sphere; drop empty components."""
    dim = points.shape[1]
    moments = Moments.of(points, responsibilities[:, responsibilities.sum(axis=0) >= 1])
    within = moments.within
    sphere = max(np.trace(within) / dim, np.finfo(np.float32).tiny) * np.eye(dim)
    target = (1 - _SHRINKAGE) * within + _SHRINKAGE * sphere
    weights = moments.counts / moments.counts.sum()
    return Mixture.from_covariances(weights, moments.means, moments.shrunk(target, dim))


def _fit_one(points: Float[np.ndarray, "n dim"]) -> Mixture:
    return _fit(points, np.ones((len(points), 1)))


def _add_component(
    mixture: Mixture, center: Float[np.ndarray, " dim"], points: Float[np.ndarray, "n dim"]
) -> Mixture:
    """Add a component at a point, as wide as its neighborhood, and of average weight."""
    num, dim = mixture.means.shape
    distances = np.sum((points - center) ** 2, axis=1)
    near = points[np.argsort(distances)[: max(5 * dim, len(points) // 50)]]
    return Mixture(
        np.append(mixture.log_weights + np.log(num / (num + 1)), -np.log(num + 1)),
        np.vstack([mixture.means, center]),
        np.concatenate([mixture.factors, _fit_one(near).factors]),
    )
