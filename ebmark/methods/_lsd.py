"""Learned Stein discrepancy."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from ebmark.energies import FourierMLP
from ebmark.methods._base import AbstractMethod


class LSDState(NamedTuple):
    critic: PyTree
    memory: PyTree  # of the critic's own Adam


def _critic(dim, key):
    return FourierMLP(dim, out=dim, key=key)


class LearnedSteinDiscrepancy(AbstractMethod):
    r"""Score matching by a critic that learns where the scores differ: no second derivative of E.

    $$ \min_\theta \max_f\; \mathbb{E}_{data}\left[s_\theta^\top f + \nabla \cdot f
       - \lambda \|f\|^2\right], \quad s_\theta = -\nabla E, \quad
       f^* = \frac{s_\theta - s_{data}}{2 \lambda} $$

    At the best critic its value is $\mathbb{E} \|s_\theta - s_{data}\|^2 / 4 \lambda$. The critic
    is a perceptron on Fourier features, as the energy is, and takes `num_critic` steps of its own
    Adam an update. As blind as any score to far modes' weights.

    Needs a gradient in x and a critic, trained beside the energy. Use it when second derivatives of
    the energy are too dear. Not when sliced score matching can be had: the critic costs five
    times the energy and lags behind it (KL .039 on the 8 Gaussians, one seed).

    Grathwohl et al. (2020), Learning the Stein discrepancy for training and evaluating
    energy-based models without sampling, eq. 6.
    """

    penalty: float = 1.0
    num_critic: int = eqx.field(static=True, default=3)
    learning_rate: float = 2e-3

    def init(self, data, key):
        critic = eqx.filter(_critic(data.shape[1], key), eqx.is_array)
        return LSDState(critic, self._adam().init(critic))

    def _adam(self):
        return optax.adam(self.learning_rate, b1=0.5)

    def loss(self, energy, batch, state, key):
        static = eqx.filter(_critic(batch.shape[1], key), eqx.is_array, inverse=True)
        score = -jax.vmap(jax.grad(energy))(batch)
        seen = jax.lax.stop_gradient(score)

        def against(params):
            f = eqx.combine(params, static)
            divergence = jax.vmap(lambda x: jnp.trace(jax.jacfwd(f)(x)))(batch)
            values = jax.vmap(f)(batch)
            gain = jnp.sum(seen * values - self.penalty * values**2, axis=1)
            return -jnp.mean(gain + divergence)

        def ascend(_, carry):
            steps, memory = self._adam().update(jax.grad(against)(carry[0]), carry[1])
            return optax.apply_updates(carry[0], steps), memory

        critic, memory = jax.lax.fori_loop(0, self.num_critic, ascend, tuple(state))
        f = jax.vmap(eqx.combine(critic, static))(batch)
        return jnp.mean(jnp.sum(score * jax.lax.stop_gradient(f), axis=1)), LSDState(critic, memory)

    def network_evaluations(self, batch, dim):
        # the critic's count as the energy's: it is as large; 3 (1 + dim) a step for its divergence
        return batch * (7 + 3 * self.num_critic * (1 + dim))
