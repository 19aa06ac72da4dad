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
# fraction of the points with which a new component begins
_NEIGHBORHOOD = 0.02
# fraction of the mean eigenvalue in the covariance within components
_SHRINKAGE = 0.1
# scale below which that of a component is its own, else at least 1
_NARROW = 0.5
# points as which the scale 1 counts in that of a component
_SCALE_POINTS = 2


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
        responsibilities = np.ones((len(points), 1))
        mixture = _fit(points, responsibilities)
        for _ in range(min(_NUM_COMPONENTS, len(points) // _MIN_POINTS) - 1):
            uncovered = points[np.argmax(-energies - mixture.log_prob(points))]
            responsibilities = _add_component(responsibilities, uncovered, points)
            for _ in range(_NUM_EM_STEPS):
                mixture = _fit(points, responsibilities)
                responsibilities, _ = mixture.e_step(points)
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
    r"""Return the mixture of largest likelihood, shrunk; drop components without points.

    $$ \Sigma_k = \frac{n_k S_k + d\, a_k S}{n_k + d}, \quad
       a_k = \frac{n_k\, \mathrm{tr}(S^{-1} S_k) / d + m}{n_k + m} $$

    with the covariance S within all components, shrunk towards a sphere. The scale $a_k$ lets a
    component of fewer points than dimensions be narrow; between 0.5 and 1 it is 1, since points
    that are near each other by selection look narrower than their component.
    """
    dim = points.shape[1]
    moments = Moments.of(points, responsibilities[:, responsibilities.sum(axis=0) >= 1])
    counts, within = moments.counts, moments.within
    sphere = max(np.trace(within) / dim, np.finfo(np.float32).tiny) * np.eye(dim)
    target = (1 - _SHRINKAGE) * within + _SHRINKAGE * sphere
    squares = np.einsum("kij,ji->k", moments.scatters, np.linalg.inv(target)) / dim
    own = (squares + _SCALE_POINTS) / (counts + _SCALE_POINTS)
    scales = np.where(own < _NARROW, own, np.maximum(own, 1))
    covariances = moments.shrunk(scales[:, None, None] * target, dim)
    return Mixture.from_covariances(counts / counts.sum(), moments.means, covariances)


def _add_component(
    responsibilities: Float[np.ndarray, "n components"],
    center: Float[np.ndarray, " dim"],
    points: Float[np.ndarray, "n dim"],
) -> Float[np.ndarray, "n more_components"]:
    """Give the points nearest to a center to a new component."""
    distances = np.sum((points - center) ** 2, axis=1)
    near = np.argsort(distances)[: max(_MIN_POINTS, int(_NEIGHBORHOOD * len(points)))]
    new = np.zeros((len(points), 1))
    new[near] = 1
    return np.hstack([(1 - new) * responsibilities, new])
