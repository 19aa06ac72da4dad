"""Contrastive divergence."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import stop_gradient
from ebmark.methods.families._mcmc import CHAIN_LIMITS, AbstractHMCMethod
from ebmark.samplers import run_chains


class CDState(NamedTuple):
    """Step size h of the chains, in standardized units."""

    step_size: Scalar


class ContrastiveDivergence(AbstractHMCMethod):
    r"""Negatives from short MCMC chains started at the data.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{x \sim data}[\nabla_\theta E(x)]
       - \mathbb{E}_{x^-}[\nabla_\theta E(x^-)], \quad
       x^- = k \text{ Langevin steps from } x $$

    No gradient flows through the chains. The loss is not an objective: its value does not measure
    progress. The energy learns the discretization bias of unadjusted chains, which can grow until
    training diverges: at step sizes near $s_{min}^2$, and at any step size where the density of the
    data has an edge.

    Attributes:
        num_steps: Chain length k.
        step_size: Step size h; None is $s_{min}^2 / 10$, from the smallest local scale of the data.
        adjusted: Whether the chains are Metropolis-adjusted (MALA).
        num_leapfrogs: Largest number of leapfrog steps per transition; above 1 the chains are HMC.
        target_acceptance: Acceptance rate to which the step size is adapted while training; None
            for a fixed step size.

    Requires: MCMC chains, gradients in x.
    Use when: no noise distribution covers the data but short chains cross between modes, as in
        many dimensions.
    Avoid when: modes are well separated: short chains then reduce to score matching, and the mode
        weights drift (40% of the KL on 8 Gaussians is mode-weight KL).
    References: Hinton (2002), Training products of experts by minimizing contrastive divergence.
    """

    limits = CHAIN_LIMITS

    num_steps: int = eqx.field(static=True, default=10)
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)
    num_leapfrogs: int = eqx.field(static=True, default=1)
    target_acceptance: float | None = None

    def init(self, data, key):
        return CDState(default_step_size(local_scale(data, key), self.step_size))

    def loss(self, energy, batch, state, key):
        chains = run_chains(self.kernel(state), stop_gradient(energy), batch, self.num_steps, key)
        energies = jax.vmap(energy)
        loss = jnp.mean(energies(batch)) - jnp.mean(energies(chains.x))
        return loss, self.adapt_step_size(state, chains)
