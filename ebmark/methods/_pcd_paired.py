"""Persistent contrastive divergence whose chains are compared with their starting points."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import stop_gradient
from ebmark.methods.families._mcmc import (
    PERSISTENT_LIMITS,
    AbstractHMCMethod,
    draw_stratified,
)
from ebmark.samplers import run_chains


class PairedPCDState(NamedTuple):
    """Persistent chains, the data points they started from, and their step size."""

    starts: Float[Array, "chains dim"]
    chains: Float[Array, "chains dim"]
    step_size: Scalar


class PairedPersistentContrastiveDivergence(AbstractHMCMethod):
    r"""PCD whose chains are compared with their own starting points, a variant by ebmark.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{starts}[\nabla_\theta E(x)]
       - \mathbb{E}_{buffer}[\nabla_\theta E(x^-)] $$

    Each update draws chains from a buffer, one per data point of the batch, restarts each at its
    data point with probability `reinit_prob`, and moves them `num_steps` MALA or Langevin steps.
    The data term is taken at the points where the drawn chains started instead of at the batch. A
    chain in a mode is then compared with a point of that mode, which removes the gradient noise
    from random mode frequencies of a batch: that noise tilts the energy where chains do not cross
    between modes. With `num_steps` steps from a new starting point the method is CD.

    Attributes:
        num_steps: MCMC steps per update.
        num_chains: Chains in the buffer.
        reinit_prob: Probability that a drawn chain is restarted.
        step_size: Step size h; None is $s_{min}^2 / 10$, from the smallest local scale of the data.
        adjusted: Whether the chains are Metropolis-adjusted (MALA).
        num_leapfrogs: Largest number of leapfrog steps per transition; above 1 the chains are HMC.
        target_acceptance: Acceptance rate to which the step size is adapted while training; None
            for a fixed step size.

    Requires: persistent chains, gradients in x.
    Use when: CD chains are too short: long chains at the cost of short ones.
    Avoid when: the numbers must be those of PCD in the literature, which `pcd` is; weights of
        well-separated modes matter, which stay those of the starting points.
    References: Tieleman (2008), Training RBMs using approximations to the likelihood gradient, for
        the persistent chains; the pairs are of ebmark.
    """

    limits = PERSISTENT_LIMITS

    num_steps: int = eqx.field(static=True, default=10)
    num_chains: int = eqx.field(static=True, default=1024)
    reinit_prob: float = 0.2
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)
    num_leapfrogs: int = eqx.field(static=True, default=1)
    target_acceptance: float | None = None

    def init(self, data, key):
        scale_key, chain_key = jr.split(key)
        starts = data[jr.randint(chain_key, (self.num_chains,), 0, data.shape[0])]
        step_size = default_step_size(local_scale(data, scale_key), self.step_size)
        return PairedPCDState(starts, starts, step_size)

    def loss(self, energy, batch, state, key):
        draw_key, reinit_key, chain_key = jr.split(key, 3)
        num = min(self.num_chains, batch.shape[0])
        drawn = draw_stratified(self.num_chains, num, draw_key)
        is_reinit = jr.bernoulli(reinit_key, self.reinit_prob, (num, 1))
        starts = jnp.where(is_reinit, batch[:num], state.starts[drawn])
        chains = jnp.where(is_reinit, batch[:num], state.chains[drawn])
        kernel = self.kernel(state)
        moved = run_chains(kernel, stop_gradient(energy), chains, self.num_steps, chain_key)
        loss = jnp.mean(jax.vmap(energy)(starts)) - jnp.mean(jax.vmap(energy)(moved.x))
        state = self.adapt_step_size(state, moved)
        all_starts = state.starts.at[drawn].set(starts)
        all_chains = state.chains.at[drawn].set(moved.x)
        return loss, state._replace(starts=all_starts, chains=all_chains)

    def network_evaluations(self, batch_size, dim):
        return super().network_evaluations(min(self.num_chains, batch_size), dim)
