"""The interface of a synthetic dataset: a sum of components, each with a known density."""

import abc
import functools
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from ebmark.energies import Key, Point
from ebmark.system.devices import full_matmul_precision

Moments = tuple[list[float], list[float]]
_BLOCK = 4096
# numbers of drawn points between these are rounded up to a power of two
_MIN_PADDED, _MAX_PADDED = 256, 65_536
Corners = tuple[list[float], list[float]]


class AbstractDataset(eqx.Module):
    r"""A distribution that can be sampled and whose density is known: $p(x) = \sum_k p_k(x)$.

    Its components $p_k$ (weights included) are its modes. A point belongs to the mode whose
    component is largest there.

    The fingerprint of a dataset in stored results is its repr: the names of classes and fields, and
    the order of fields, must not change.

    Attributes:
        dim: Number of coordinates.
        modes: Number of modes.
        local_scale: The smallest local standard deviation, in data units.
        entropy: Differential entropy in nats: the smallest expected NLL of any model.
        description: One line that says what the dataset is.
        has_score: Whether the density is differentiable and Stein's identity holds. If not, there
            is no Fisher divergence and no kernel Stein discrepancy.
    """

    has_score: ClassVar[bool] = True

    dim: eqx.AbstractVar[int]
    if TYPE_CHECKING:
        # a type checker would require an abstract variable to be a field of every subclass
        modes = 1
        local_scale = 1.0
        entropy = 0.0
        description = ""
    else:
        modes: eqx.AbstractVar[int]
        local_scale: eqx.AbstractVar[float]
        entropy: eqx.AbstractVar[float]
        description: eqx.AbstractVar[str]

    @abc.abstractmethod
    def sample(self, key: Key) -> Point:
        """Draw one point."""

    @abc.abstractmethod
    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        """Compute log p_k(x) of each component, weight included; the p_k sum to p."""

    @abc.abstractmethod
    def moments(self) -> Moments:
        """Return the mean and the standard deviation of each coordinate."""

    def covariance(self) -> Float[np.ndarray, "dim dim"] | None:
        """Return the covariance of the coordinates, exactly; None where it is not known."""
        return None

    @property
    def whitened_local_scale(self) -> float | None:
        """The smallest local standard deviation in whitened coordinates; None if not known.

        Of isotropic modes: $s_{min}$ over the root of the largest eigenvalue of the covariance.
        """
        covariance = self.covariance()
        if covariance is None:
            return None
        return self.local_scale / float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))

    def support_box(self) -> Corners:
        """Return the lower and upper corners of a box that holds all but 1e-5 of the mass.

        By default, the mean plus and minus four standard deviations, six above 32 dimensions.
        """
        mean, std = (np.array(moment) for moment in self.moments())
        margin = (4 if self.dim <= 32 else 6) * std
        return (mean - margin).tolist(), (mean + margin).tolist()

    def log_prob(self, x: Point) -> Scalar:
        """Compute log p(x), normalized."""
        return jax.nn.logsumexp(self.component_log_probs(x))

    def score(self, x: Point) -> Point:
        """Compute the score, the gradient of log p at x."""
        return jax.grad(self.log_prob)(x)

    def mode_index(self, x: Point) -> Int[Array, ""]:
        """Return the index of the mode that x belongs to: its largest component."""
        return jnp.argmax(self.component_log_probs(x))

    def draw(self, num: int, key: Key) -> Float[np.ndarray, "num dim"]:
        """Draw `num` independent points, compiled; they begin with those of a smaller number."""
        # few programs serve all small numbers
        size = num if num > _MAX_PADDED else max(1 << (num - 1).bit_length(), _MIN_PADDED)
        return np.asarray(_draw(self, key, size), np.float64)[:num]

    def batched_component_log_probs(
        self, x: Float[np.ndarray, "n dim"]
    ) -> Float[np.ndarray, "n modes"]:
        """Compute log p_k of each component at points, compiled."""
        return np.asarray(_component_log_probs(self, jnp.asarray(x, jnp.float32)), np.float64)

    def batched_scores(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """Compute the scores at points, compiled."""
        return np.asarray(_scores(self, jnp.asarray(x, jnp.float32)), np.float64)


@full_matmul_precision
@functools.partial(jax.jit, static_argnames="num")
def _draw(dataset: AbstractDataset, key: Key, num: int) -> Float[Array, "n dim"]:
    return jax.vmap(dataset.sample)(jr.split(key, num))


@full_matmul_precision
@jax.jit
def _component_log_probs(
    dataset: AbstractDataset, x: Float[Array, "n dim"]
) -> Float[Array, "n modes"]:
    return jax.lax.map(dataset.component_log_probs, x, batch_size=_BLOCK)


@full_matmul_precision
@jax.jit
def _scores(dataset: AbstractDataset, x: Float[Array, "n dim"]) -> Float[Array, "n dim"]:
    return jax.vmap(dataset.score)(x)


def check_positive(**values: float) -> None:
    """Raise ValueError if a value is not positive; the keywords are the names of the fields."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"'{name}' must be positive, got {value}.")


def check_pairs(dim: int) -> None:
    """Raise ValueError unless the coordinates come in pairs."""
    if dim < 2 or dim % 2:
        raise ValueError(f"'dim' must be even and at least 2, got {dim}.")
