"""Contrastive divergence."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import stop_gradient
from ebmark.methods.families._adjusted_chains import AbstractMCMCMethod
from ebmark.samplers import run_chains


class CDState(NamedTuple):
    step_size: Scalar


class ContrastiveDivergence(AbstractMCMCMethod):
    r"""Lower the energy of the data, raise it where short chains from the data arrive.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{x \sim data}[\nabla_\theta E(x)]
       - \mathbb{E}_{x^-}[\nabla_\theta E(x^-)], \quad
       x^- = k \text{ Langevin steps from } x $$

    No gradient flows through the chain; the loss is no objective and its value says nothing of
    progress. Steps are `adjusted` by Metropolis' rule. Those that are not have a bias, which is
    learned into the energy and feeds itself: near $h = s_{min}^2$, and at any h where data end at
    an edge. `step_size` None is $h = s_{min}^2 / 10$, from the data's smallest local scale.

    Needs chains, and a gradient in x. Use it when no noise law covers the data but short chains
    cross them, as in many dimensions. Not when modes lie apart: short steps are score matching, and
    the masses drift (nearly half of its KL on the 8 Gaussians).

    Hinton (2002), Training products of experts by minimizing contrastive divergence.
    """

    num_steps: int = eqx.field(static=True, default=10)
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)

    def init(self, data, key):
        return CDState(default_step_size(local_scale(data, key), self.step_size))

    def loss(self, energy, batch, state, key):
        chains = run_chains(self.kernel(state), stop_gradient(energy), batch, self.num_steps, key)
        energies = jax.vmap(energy)
        return jnp.mean(energies(batch)) - jnp.mean(energies(chains.x)), state
