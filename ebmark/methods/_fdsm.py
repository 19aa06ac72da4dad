"""Finite-difference score matching."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import local_scale
from ebmark.methods._base import AbstractMethod


class FDSMState(NamedTuple):
    length: Scalar


class FiniteDifferenceScoreMatching(AbstractMethod):
    r"""Sliced score matching from energies alone: no gradient in x.

    $$ \mathcal{L} = \frac{1}{\epsilon^2} \mathbb{E}_{x, v}\left[2 E(x) - E(x + v) - E(x - v)
       + \tfrac18 (E(x + v) - E(x - v))^2\right], \quad \|v\| = \epsilon $$

    It tends to implicit score matching's loss over `dim` as $\epsilon \to 0$. `length` is
    $\epsilon$; None is `share` of the data's smallest local scale. In float32 the differences drown
    in rounding below $10^{-3}$.

    Needs energies alone. Use it when derivatives in x are dear or cannot be had. Not when the
    data's scale is small beside the float's precision, nor for the masses of far modes.

    Pang et al. (2020), Efficient learning of generative models via finite-difference score
    matching, eq. 15.
    """

    length: float | None = None
    relative_scale: float = 0.25

    def init(self, data, key):
        if self.length is not None:
            return FDSMState(jnp.array(self.length))
        return FDSMState(self.relative_scale * local_scale(data, key))

    def loss(self, energy, batch, state, key):
        normal = jr.normal(key, batch.shape)
        v = state.length * normal / jnp.linalg.norm(normal, axis=-1, keepdims=True)
        here, ahead, behind = (jax.vmap(energy)(x) for x in (batch, batch + v, batch - v))
        objective = 2 * here - ahead - behind + (ahead - behind) ** 2 / 8
        return jnp.mean(objective) / state.length**2, state

    def network_evaluations(self, batch, dim):
        del dim
        return 9 * batch
