"""Persistent contrastive divergence."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import Key, stop_gradient
from ebmark.methods._limits import COUNT, FRACTION, POSITIVE
from ebmark.methods.families._mcmc import AbstractMCMCMethod
from ebmark.samplers import run_chains


class PCDState(NamedTuple):
    """Persistent chains, the data points they started from, and their step size."""

    starts: Float[Array, "chains dim"]
    chains: Float[Array, "chains dim"]
    step_size: Scalar


def draw_stratified(total: int, num: int, key: Key) -> Int[Array, " num"]:
    """Draw `num` different numbers below `total`, one from each of `num` random strata.

    Chains are exchangeable, so that only their equal frequency matters; a permutation of all
    chains would cost as much as moving them.

    Args:
        total: Number of chains.
        num: Number of draws, at most `total`.
        key: Random key.
    """
    offset_key, shift_key = jr.split(key)
    edges = np.arange(num + 1) * total // num
    draws = jr.randint(offset_key, (num,), edges[:-1], edges[1:])
    return (draws + jr.randint(shift_key, (), 0, total)) % total


class PersistentContrastiveDivergence(AbstractMCMCMethod):
    r"""CD with persistent chains.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{starts}[\nabla_\theta E(x)]
       - \mathbb{E}_{buffer}[\nabla_\theta E(x^-)] $$

    Each update draws a batch from a buffer of persistent chains, restarts each at a data point with
    probability `reinit_prob`, and moves them `num_steps` MALA or Langevin steps. A chain is
    compared with the data point it started from: this removes the gradient noise from random mode
    frequencies of a batch, which tilts the energy where chains do not cross between modes.

    Attributes:
        num_steps: MCMC steps per update.
        num_chains: Chains in the buffer.
        reinit_prob: Probability that a drawn chain is restarted.
        step_size: Step size h; None is $s_{min}^2 / 10$, from the smallest local scale of the data.
        adjusted: Whether the chains are Metropolis-adjusted (MALA).

    Requires: persistent chains, gradients in x.
    Use when: CD chains are too short: long chains at the cost of short ones.
    Avoid when: weights of well-separated modes matter, which stay those of the starting points, or
        the energy changes faster than the chains mix.
    References: Tieleman (2008), Training RBMs using approximations to the likelihood gradient; Du
        & Mordatch (2019), Implicit generation and modeling with energy-based models.
    """

    limits = {
        "num_steps": COUNT,
        "num_chains": COUNT,
        "reinit_prob": FRACTION,
        "step_size": POSITIVE,
    }

    num_steps: int = eqx.field(static=True, default=10)
    num_chains: int = eqx.field(static=True, default=1024)
    reinit_prob: float = 0.2
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)

    def init(self, data, key):
        scale_key, chain_key = jr.split(key)
        starts = data[jr.randint(chain_key, (self.num_chains,), 0, data.shape[0])]
        step_size = default_step_size(local_scale(data, scale_key), self.step_size)
        return PCDState(starts, starts, step_size)

    def loss(self, energy, batch, state, key):
        draw_key, reinit_key, chain_key = jr.split(key, 3)
        num = min(self.num_chains, batch.shape[0])
        drawn = draw_stratified(self.num_chains, num, draw_key)
        is_reinit = jr.bernoulli(reinit_key, self.reinit_prob, (num, 1))
        starts = jnp.where(is_reinit, batch[:num], state.starts[drawn])
        chains = jnp.where(is_reinit, batch[:num], state.chains[drawn])
        kernel = self.kernel(state)
        chains = run_chains(kernel, stop_gradient(energy), chains, self.num_steps, chain_key).x
        loss = jnp.mean(jax.vmap(energy)(starts)) - jnp.mean(jax.vmap(energy)(chains))
        all_starts = state.starts.at[drawn].set(starts)
        all_chains = state.chains.at[drawn].set(chains)
        return loss, PCDState(all_starts, all_chains, state.step_size)
