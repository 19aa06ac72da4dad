"""Finite-difference score matching."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import local_scale
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import POSITIVE


class FDSMState(NamedTuple):
    """Length ε of the differences, in standardized units."""

    length: Scalar


class FiniteDifferenceScoreMatching(AbstractMethod):
    r"""Finite-difference score matching.

    $$ \mathcal{L} = \frac{1}{\epsilon^2} \mathbb{E}_{x, v}\left[2 E(x) - E(x + v) - E(x - v)
       + \tfrac18 (E(x + v) - E(x - v))^2\right], \quad \|v\| = \epsilon $$

    The loss tends to that of implicit score matching, divided by the dimension, as
    $\epsilon \to 0$. In float32, rounding errors dominate the differences below $10^{-3}$.

    Attributes:
        length: Length ε; None is `relative_scale` times the smallest local scale of the data.
        relative_scale: ε with `length` None, as a fraction of the smallest local scale.

    Requires: energies only.
    Use when: derivatives in x are expensive or unavailable.
    Avoid when: the scale of the data is close to float precision, or weights of well-separated
        modes matter.
    References: Pang et al. (2020), Efficient learning of generative models via finite-difference
        score matching, eq. 15.
    """

    limits = {"length": POSITIVE, "relative_scale": POSITIVE}

    length: float | None = None
    relative_scale: float = 0.25

    def init(self, data, key):
        if self.length is not None:
            return FDSMState(jnp.array(self.length))
        return FDSMState(self.relative_scale * local_scale(data, key))

    def loss(self, energy, batch, state, key):
        normal = jr.normal(key, batch.shape)
        v = state.length * normal / jnp.linalg.norm(normal, axis=-1, keepdims=True)
        center = jax.vmap(energy)(batch)
        forward = jax.vmap(energy)(batch + v)
        backward = jax.vmap(energy)(batch - v)
        objective = 2 * center - forward - backward + (forward - backward) ** 2 / 8
        return jnp.mean(objective) / state.length**2, state

    def network_evaluations(self, batch_size, dim):
        del dim
        return 9 * batch_size
