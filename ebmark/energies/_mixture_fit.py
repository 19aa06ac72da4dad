"""Gaussian mixtures in float64: the two steps of EM."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# points of lower probability of a component do not count in its covariance
_MIN_RESPONSIBILITY = 1e-3


class Moments(NamedTuple):
    r"""The sums over points x_i with responsibilities r_ik of which the M step is made.

    Attributes:
        counts: $n_k = \sum_i r_{ik}$.
        means: $\mu_k = \sum_i r_{ik} x_i / n_k$.
        scatters: $n_k S_k = \sum_i r_{ik} (x_i - \mu_k)(x_i - \mu_k)^\top$.
    """

    counts: Float[np.ndarray, " components"]
    means: Float[np.ndarray, "components dim"]
    scatters: Float[np.ndarray, "components dim dim"]

    @classmethod
    def of(
        cls, points: Float[np.ndarray, "n dim"], responsibilities: Float[np.ndarray, "n components"]
    ) -> "Moments":
        """Compute the sums."""
        counts = responsibilities.sum(axis=0)
        tiny = np.finfo(np.float64).tiny
        means = responsibilities.T @ points / np.maximum(counts, tiny)[:, None]
        scatters = np.empty((*means.shape, points.shape[1]))
        for k, weights in enumerate(responsibilities.T):
            near = weights > _MIN_RESPONSIBILITY
            residuals = np.sqrt(weights[near])[:, None] * (points[near] - means[k])
            scatters[k] = residuals.T @ residuals
        return cls(counts, means, scatters)

    @property
    def within(self) -> Float[np.ndarray, "dim dim"]:
        """The covariance S within all components."""
        return self.scatters.sum(axis=0) / self.counts.sum()

    def shrunk(
        self, target: Float[np.ndarray, "*components dim dim"], num: float
    ) -> Float[np.ndarray, "components dim dim"]:
        r"""Return covariances in which a target, shared or their own, counts as `num` points.

        $$ \Sigma_k = \frac{n_k S_k + m\, T}{n_k + m} $$

        References: Fraley & Raftery (2007), Bayesian regularization for normal mixture estimation
        and model-based clustering.
        """
        return (self.scatters + num * target) / (self.counts + num)[:, None, None]


class Mixture(NamedTuple):
    r"""A Gaussian mixture $\sum_k w_k N(x; \mu_k, (P_k^\top P_k)^{-1})$ in float64.

    Attributes:
        log_weights: log w_k.
        means: the means mu_k.
        factors: the lower triangular factors P_k of the inverse covariances.
    """

    log_weights: Float[np.ndarray, " components"]
    means: Float[np.ndarray, "components dim"]
    factors: Float[np.ndarray, "components dim dim"]

    @classmethod
    def from_covariances(
        cls,
        weights: Float[np.ndarray, " components"],
        means: Float[np.ndarray, "components dim"],
        covariances: Float[np.ndarray, "components dim dim"],
    ) -> "Mixture":
        """Return the mixture of given weights, means and covariances."""
        return cls(np.log(weights), means, np.linalg.inv(np.linalg.cholesky(covariances)))

    def e_step(
        self, x: Float[np.ndarray, "n dim"]
    ) -> tuple[Float[np.ndarray, "n components"], Float[np.ndarray, " n"]]:
        """Compute the probability of each component given a point, and the log-density."""
        joint = self._joint_log_probs(x)
        log_prob = np.logaddexp.reduce(joint, axis=1)
        return np.exp(joint - log_prob[:, None]), log_prob

    def log_prob(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, " n"]:
        """Compute the log-density of points."""
        return self.e_step(x)[1]

    def _joint_log_probs(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n components"]:
        columns = [
            log_weight
            + np.log(np.diag(factor)).sum()
            - 0.5 * np.sum(((x - mean) @ factor.T) ** 2, axis=1)
            for log_weight, mean, factor in zip(*self, strict=True)
        ]
        return np.stack(columns, axis=1) - 0.5 * x.shape[1] * np.log(2 * np.pi)

    def padded(self, num: int, log_weight: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the fields in float32, of `num` components, so that one program serves all.

        Args:
            num: number of components.
            log_weight: log weight of a component that is not used.
        """
        dim = self.means.shape[1]
        missing = num - len(self.means)
        fields = (
            np.pad(self.log_weights, (0, missing), constant_values=log_weight),
            np.pad(self.means, ((0, missing), (0, 0))),
            np.concatenate([self.factors, np.tile(np.eye(dim), (missing, 1, 1))]),
        )
        log_weights, means, factors = (field.astype(np.float32) for field in fields)
        return log_weights, means, factors
