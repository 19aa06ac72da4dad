"""What a dataset with a known law is: a sum of components, each with a density."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Scalar

from ebmark.energies import Key, Point


class AbstractDataset(eqx.Module):
    r"""A law that can be sampled and whose density is known: $p(x) = \sum_k p_k(x)$.

    Its components $p_k$ (weights included) are its modes; the regions of the modes are where
    each is the likeliest.
    """

    dim: eqx.AbstractVar[int]
    entropy: eqx.AbstractVar[float]  # nats: the NLL that no model can beat
    local_scale: eqx.AbstractVar[float]  # the smallest local standard deviation
    modes: eqx.AbstractVar[int]
    description: eqx.AbstractVar[str]  # what it is, in a line

    @abc.abstractmethod
    def sample(self, key: Key) -> Point:
        """One point."""

    @abc.abstractmethod
    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        """The log-density of each component, weight included; their sum is p(x)."""

    @abc.abstractmethod
    def moments(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each coordinate."""

    def support_box(self) -> tuple[list[float], list[float]]:
        """The corners of a box that holds all but 1e-5 of it: by default, four deviations."""
        mean, scale = self.moments()
        pairs = list(zip(mean, scale, strict=True))
        return [m - 4 * s for m, s in pairs], [m + 4 * s for m, s in pairs]

    def log_prob(self, x: Point) -> Scalar:
        """log p(x), normalised."""
        return jax.nn.logsumexp(self.component_log_probs(x))

    def score(self, x: Point) -> Point:
        """The gradient of log p(x)."""
        return jax.grad(self.log_prob)(x)

    def mode_index(self, x: Point) -> Int[Array, ""]:
        """The mode that `x` belongs to: the likeliest component."""
        return jnp.argmax(self.component_log_probs(x))
