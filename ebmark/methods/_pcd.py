"""Persistent contrastive divergence."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import Point, stop_gradient
from ebmark.methods.families._mcmc import (
    PERSISTENT_LIMITS,
    AbstractHMCMethod,
    draw_stratified,
)
from ebmark.samplers import run_chains


class PCDState(NamedTuple):
    """Persistent chains, their step size, and the bounding box of the data."""

    chains: Float[Array, "chains dim"]
    step_size: Scalar
    low: Point
    high: Point


class PersistentContrastiveDivergence(AbstractHMCMethod):
    r"""Negatives from chains that persist from update to update.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{x \sim data}[\nabla_\theta E(x)]
       - \mathbb{E}_{chains}[\nabla_\theta E(x^-)] $$

    Each update continues the chains by `num_steps` MALA or Langevin steps and compares them with
    the batch. The chains start at data points and never restart, so that they sample the model if
    its energy changes slowly. With more chains than data points per update they are a replay
    buffer: each update draws as many chains as data points, restarts each at uniform noise in the
    bounding box of the data with probability `reinit_prob`, moves them and puts them back. The
    recipe above two dimensions restarts 90% of the chains at data points, so that it is close to
    CD.

    Attributes:
        num_steps: MCMC steps per update.
        num_chains: Persistent chains; above the batch size, the size of the replay buffer. Du &
            Mordatch have 10,000.
        reinit_prob: Probability that a drawn chain is restarted. Du & Mordatch have 0.05.
        reinit_at_data: Whether chains restart at points of the batch instead of uniform noise. A
            chain whose energy exceeds that of all points of the batch then restarts, too.
        step_size: Step size h; None is $s_{min}^2 / 10$, from the smallest local scale of the data.
        adjusted: Whether the chains are Metropolis-adjusted (MALA).
        num_leapfrogs: Largest number of leapfrog steps per transition; above 1 the chains are HMC.
        target_acceptance: Acceptance rate to which the step size is adapted while training; None
            for a fixed step size.

    Requires: persistent chains, gradients in x.
    Use when: chains mix over the modes within the training, so that they are samples of the model.
    Avoid when: modes are separated: the mode frequencies of a batch and of the chains differ at
        random, which tilts the energy (`pcd_paired` removes this noise), or the energy changes
        faster than the chains mix.
    References: Tieleman (2008), Training RBMs using approximations to the likelihood gradient; Du
        & Mordatch (2019), Implicit generation and modeling with energy-based models, for the
        replay buffer.
    """

    limits = PERSISTENT_LIMITS

    num_steps: int = eqx.field(static=True, default=10)
    num_chains: int = eqx.field(static=True, default=256)
    reinit_prob: float = 0.0
    reinit_at_data: bool = eqx.field(static=True, default=False)
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)
    num_leapfrogs: int = eqx.field(static=True, default=1)
    target_acceptance: float | None = None

    def init(self, data, key):
        scale_key, chain_key = jr.split(key)
        chains = data[jr.randint(chain_key, (self.num_chains,), 0, data.shape[0])]
        step_size = default_step_size(local_scale(data, scale_key), self.step_size)
        return PCDState(chains, step_size, jnp.min(data, axis=0), jnp.max(data, axis=0))

    def loss(self, energy, batch, state, key):
        draw_key, reinit_key, noise_key, chain_key = jr.split(key, 4)
        num = min(self.num_chains, batch.shape[0])
        drawn = draw_stratified(self.num_chains, num, draw_key)
        if self.reinit_at_data:
            restarts = batch[:num]
        else:
            restarts = jr.uniform(
                noise_key, (num, batch.shape[1]), batch.dtype, state.low, state.high
            )
        is_reinit = jr.bernoulli(reinit_key, self.reinit_prob, (num, 1))
        start = jnp.where(is_reinit, restarts, state.chains[drawn])
        kernel = self.kernel(state)
        chains = run_chains(kernel, stop_gradient(energy), start, self.num_steps, chain_key)
        data_energies, chain_energies = jax.vmap(energy)(batch), jax.vmap(energy)(chains.x)
        ends = chains.x
        if self.reinit_at_data:
            # the energy of a chain that is stuck would be raised without bound
            is_stuck = chain_energies > jnp.max(data_energies)
            ends = jnp.where(is_stuck[:, None], restarts, ends)
        state = self.adapt_step_size(state, chains)
        state = state._replace(chains=state.chains.at[drawn].set(ends))
        return jnp.mean(data_energies) - jnp.mean(chain_energies), state

    def network_evaluations(self, batch_size, dim):
        del dim
        num = min(self.num_chains, batch_size)
        return 3 * batch_size + num * (self.chain_evaluations + 3)
