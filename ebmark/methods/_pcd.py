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
from ebmark.methods.families._adjusted_chains import AbstractMCMCMethod
from ebmark.samplers import run_chains


class PCDState(NamedTuple):
    starts: Float[Array, "chains dim"]
    chains: Float[Array, "chains dim"]
    step_size: Scalar


def spread_picks(total: int, num: int, key: Key) -> Int[Array, " num"]:
    """`num` different numbers below `total`, each as likely: one from each of as many stretches.

    A stratified draw, where the stretches begin at random. Chains are exchangeable, so all that
    matters is that each has its turn as often; a shuffle of all costs as much as moving them.
    """
    inside_key, turn_key = jr.split(key)
    edges = np.arange(num + 1) * total // num
    inside = jr.randint(inside_key, (num,), edges[:-1], edges[1:])
    return (inside + jr.randint(turn_key, (), 0, total)) % total


class PersistentContrastiveDivergence(AbstractMCMCMethod):
    r"""Contrastive divergence whose chains go on where they were.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{births}[\nabla_\theta E(x)]
       - \mathbb{E}_{buffer}[\nabla_\theta E(x^-)] $$

    A batch of `num_chains` is drawn, a share `reinjection` of it born anew from the data, moved
    `num_steps` Langevin steps (`adjusted` by Metropolis' rule, or with a bias, as CD's), and put
    back. Each chain is compared with the data point it was born at, not with a fresh batch: where
    chains do not cross between modes, the random masses of fresh batches tilt the energy, and
    nothing tilts it back.

    Needs chains that it keeps, and a gradient in x. Use it when CD's chains are too short for the
    data: long ones at the price of short. Not when the masses of far modes matter, which stay those
    of the births, nor when learning outruns the chains.

    Tieleman (2008), Training RBMs using approximations to the likelihood gradient; Du & Mordatch
    (2019), Implicit generation and modeling with energy-based models.
    """

    num_steps: int = eqx.field(static=True, default=10)
    num_chains: int = eqx.field(static=True, default=1024)
    reinit_prob: float = 0.2
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)

    def init(self, data, key):
        scale_key, chain_key = jr.split(key)
        start = data[jr.randint(chain_key, (self.num_chains,), 0, data.shape[0])]
        return PCDState(
            start, start, default_step_size(local_scale(data, scale_key), self.step_size)
        )

    def loss(self, energy, batch, state, key):
        pick_key, fresh_key, chain_key = jr.split(key, 3)
        num = min(self.num_chains, batch.shape[0])
        picked = spread_picks(self.num_chains, num, pick_key)
        fresh = jr.bernoulli(fresh_key, self.reinit_prob, (num, 1))
        born, start = (jnp.where(fresh, batch[:num], x[picked]) for x in state[:2])
        moved = run_chains(
            self.kernel(state), stop_gradient(energy), start, self.num_steps, chain_key
        ).x
        loss = jnp.mean(jax.vmap(energy)(born)) - jnp.mean(jax.vmap(energy)(moved))
        starts, chains = state.starts.at[picked].set(born), state.chains.at[picked].set(moved)
        return loss, PCDState(starts, chains, state.step_size)
