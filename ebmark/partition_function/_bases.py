"""Base distributions of an annealing path: normalized and sampled exactly."""

from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar
from scipy.linalg import solve_triangular
from scipy.special import softmax

from ebmark.energies import Key, MixtureDensity, Point
from ebmark.system.random_numbers import generator

# of every base, so that one compiled program serves them all
_NUM_COMPONENTS = 16
# a component is fitted to at least this number of points on average
_MIN_POINTS = 10
# steps of EM with each number of components
_NUM_EM_STEPS = 5
# points of lower probability of a component do not count in its covariance
_MIN_RESPONSIBILITY = 1e-3
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
        return cls._padded(np.zeros(1), np.zeros((1, dim)), np.eye(dim)[None] / std)

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
        mixture = _Mixture.around(points)
        for _ in range(min(_NUM_COMPONENTS, len(points) // _MIN_POINTS) - 1):
            uncovered = points[np.argmax(-energies - mixture.log_probs(points))]
            mixture = mixture.with_component(uncovered, points)
            for _ in range(_NUM_EM_STEPS):
                mixture = _Mixture.maximize(points, mixture.responsibilities(points))
        return cls._padded(*mixture)

    @classmethod
    def _padded(cls, log_weights: np.ndarray, means: np.ndarray, factors: np.ndarray):
        missing = _NUM_COMPONENTS - len(means)
        log_weights = np.pad(log_weights, (0, missing), constant_values=-np.inf)
        means = np.pad(means, ((0, missing), (0, 0)))
        identities = np.tile(np.eye(means.shape[1]), (missing, 1, 1))
        arrays = (log_weights, means, np.concatenate([factors, identities]))
        return cls(*(jnp.asarray(array.astype(np.float32)) for array in arrays))

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


class _Mixture(NamedTuple):
    """A Gaussian mixture in float64."""

    log_weights: Float[np.ndarray, " components"]
    means: Float[np.ndarray, "components dim"]
    factors: Float[np.ndarray, "components dim dim"]

    @classmethod
    def around(cls, points: Float[np.ndarray, "n dim"]) -> "_Mixture":
        """Return one Gaussian with the moments of points."""
        return cls.maximize(points, np.ones((len(points), 1)))

    @classmethod
    def maximize(
        cls, points: Float[np.ndarray, "n dim"], responsibilities: Float[np.ndarray, "n components"]
    ) -> "_Mixture":
        r"""Return the mixture of largest expected likelihood, the M step of EM, shrunk.

        $$ \Sigma_k = \frac{n_k S_k + d\, S}{n_k + d} $$

        with the covariance $S_k$ of a component's points and $S$ within all components, itself
        shrunk towards a sphere.
        """
        n, dim = points.shape
        counts = responsibilities.sum(axis=0)
        responsibilities, counts = responsibilities[:, counts >= 1], counts[counts >= 1]
        means = responsibilities.T @ points / counts[:, None]
        scatters = np.empty((len(counts), dim, dim))
        for k, weights in enumerate(responsibilities.T):
            near = weights > _MIN_RESPONSIBILITY
            residuals = np.sqrt(weights[near])[:, None] * (points[near] - means[k])
            scatters[k] = residuals.T @ residuals
        within = scatters.sum(axis=0) / n
        sphere = max(np.trace(within) / dim, np.finfo(np.float32).tiny) * np.eye(dim)
        within = (1 - _SHRINKAGE) * within + _SHRINKAGE * sphere
        covariances = (scatters + dim * within) / (counts + dim)[:, None, None]
        factors = np.linalg.inv(np.linalg.cholesky(covariances))
        return cls(np.log(counts / n), means, factors)

    def with_component(
        self, center: Float[np.ndarray, " dim"], points: Float[np.ndarray, "n dim"]
    ) -> "_Mixture":
        """Add a component at a point, as wide as its neighborhood, and of average weight."""
        num, dim = self.means.shape
        distances = np.sum((points - center) ** 2, axis=1)
        near = points[np.argsort(distances)[: max(5 * dim, len(points) // 50)]]
        new = _Mixture.around(near)
        log_weights = [*(self.log_weights + np.log(num / (num + 1))), -np.log(num + 1)]
        return _Mixture(
            np.array(log_weights),
            np.vstack([self.means, center]),
            np.concatenate([self.factors, new.factors]),
        )

    def responsibilities(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n components"]:
        """Return the probability of each component given a point, the E step of EM."""
        return softmax(self._component_log_probs(x), axis=1)

    def log_probs(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, " n"]:
        """Compute log p_0 at points, up to a constant."""
        return np.logaddexp.reduce(self._component_log_probs(x), axis=1)

    def _component_log_probs(
        self, x: Float[np.ndarray, "n dim"]
    ) -> Float[np.ndarray, "n components"]:
        log_probs = [
            log_weight
            + np.log(np.diag(factor)).sum()
            - 0.5 * np.sum(((x - mean) @ factor.T) ** 2, 1)
            for log_weight, mean, factor in zip(*self, strict=True)
        ]
        return np.stack(log_probs, axis=1)
