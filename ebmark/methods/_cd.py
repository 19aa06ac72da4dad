"""Contrastive divergence."""

import jax.numpy as jnp

from ebmark.methods.families._user import ChainMethod


class ContrastiveDivergence(ChainMethod):
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
        antithetic: Whether two HMC chains start at each data point, with opposite momenta in each
            transition: the terms of first order in the step size cancel in their mean.

    Requires: MCMC chains, gradients in x.
    Use when: no noise distribution covers the data but short chains cross between modes, as in
        many dimensions.
    Avoid when: modes are well separated: short chains then reduce to score matching, and the mode
        weights drift.
    References: Hinton (2002), Training products of experts by minimizing contrastive divergence.
    """

    def contrast(self, energy, batch, negatives):
        return jnp.mean(energy(batch)) - jnp.mean(energy(negatives))
