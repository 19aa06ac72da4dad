"""Conditional noise contrastive estimation."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import local_scale
from ebmark.methods._base import AbstractMethod


class CNCEState(NamedTuple):
    narrow: Scalar
    wide: Scalar


class ConditionalNoiseContrastiveEstimation(AbstractMethod):
    r"""Tell each datum from `ratio` copies of it that were moved at random.

    $$ \mathcal{L} = 2\, \mathbb{E}_{x, \xi} \log\left(1 + e^{E(x) - E(y)}\right), \quad
       y = x + \epsilon \xi, \quad \xi \sim N(0, I) $$

    The move is symmetric, so that neither its density nor Z enters. As $\epsilon \to 0$ it is score
    matching, blind to the weights of distant modes; wide moves compare the heights of all modes.
    `width` None therefore draws $\log \epsilon$ uniformly between the data's smallest local scale
    and `widest`: a mixture of symmetric moves is symmetric. Its gradient is that of one step of
    contrastive divergence with Barker's acceptance (Yair & Michaeli 2021).

    Needs energies, and symmetric moves of the data. Use it when no noise law can be fitted: at the
    oracle on the 8 Gaussians and the moons with wide moves (10 seeds). Not in many dimensions,
    where a wide move seldom meets data.

    Ceylan & Gutmann (2018), Conditional noise-contrastive estimation of unnormalised models.
    """

    ratio: int = eqx.field(static=True, default=2)
    width: float | None = None
    widest: float = 2.0  # in standard deviations of the data

    def init(self, data, key):
        if self.width is not None:
            return CNCEState(jnp.array(self.width), jnp.array(self.width))
        return CNCEState(local_scale(data, key), jnp.array(self.widest))

    def loss(self, energy, batch, state, key):
        width_key, move_key = jr.split(key)
        fraction = jr.uniform(width_key, (self.ratio, batch.shape[0], 1))
        width = state.narrow ** (1 - fraction) * state.wide**fraction
        moved = batch + width * jr.normal(move_key, (self.ratio, *batch.shape))
        here, there = jax.vmap(energy)(batch), jax.vmap(jax.vmap(energy))(moved)
        return 2 * jnp.mean(jax.nn.softplus(here - there)), state

    def network_evaluations(self, batch, dim):
        del dim
        return 3 * batch * (1 + self.ratio)
