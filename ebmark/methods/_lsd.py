"""Learned Stein discrepancy."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from ebmark.energies import FourierMLP, Key
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import COUNT, POSITIVE


class LSDState(NamedTuple):
    """Parameters of the critic, and the state of its optimizer."""

    critic: PyTree
    optimizer_state: PyTree


def new_critic(dim: int, key: Key) -> FourierMLP:
    """Return an MLP on Fourier features, of the size of the study's energy."""
    return FourierMLP(dim, out=dim, key=key)


class LearnedSteinDiscrepancy(AbstractMethod):
    r"""Learned Stein discrepancy with a neural critic.

    $$ \min_\theta \max_f\; \mathbb{E}_{data}\left[s_\theta^\top f + \nabla \cdot f
       - \lambda \|f\|^2\right], \quad s_\theta = -\nabla E, \quad
       f^* = \frac{s_\theta - s_{data}}{2 \lambda} $$

    At the best critic the value is $\mathbb{E} \|s_\theta - s_{data}\|^2 / 4 \lambda$. The critic
    is an MLP on Fourier features, as the energy is. Like all scores, it is insensitive to the
    weights of well-separated modes.

    Attributes:
        penalty: Weight λ of the critic's square norm.
        num_critic: Steps of the critic's optimizer, Adam, per update.
        learning_rate: Learning rate of the critic.

    Requires: gradients in x, a critic trained with the energy.
    Use when: second derivatives of the energy are too expensive.
    Avoid when: sliced score matching is possible: the critic costs five times as much as the
        energy and lags behind it.
    References: Grathwohl et al. (2020), Learning the Stein discrepancy for training and evaluating
        energy-based models without sampling, eq. 6.
    """

    limits = {"penalty": POSITIVE, "num_critic": COUNT, "learning_rate": POSITIVE}

    penalty: float = 1.0
    num_critic: int = eqx.field(static=True, default=3)
    learning_rate: float = 2e-3

    def init(self, data, key):
        critic = eqx.filter(new_critic(data.shape[1], key), eqx.is_array)
        return LSDState(critic, self._optimizer.init(critic))

    @property
    def _optimizer(self) -> optax.GradientTransformation:
        return optax.adam(self.learning_rate, b1=0.5)

    def loss(self, energy, batch, state, key):
        static = eqx.filter(new_critic(batch.shape[1], key), eqx.is_array, inverse=True)
        score = -jax.vmap(jax.grad(energy))(batch)
        fixed_score = jax.lax.stop_gradient(score)

        def critic_loss(params):
            f = eqx.combine(params, static)
            divergence = jax.vmap(lambda x: jnp.trace(jax.jacfwd(f)(x)))(batch)
            values = jax.vmap(f)(batch)
            gain = jnp.sum(fixed_score * values - self.penalty * values**2, axis=1)
            return -jnp.mean(gain + divergence)

        def ascend(_, critic_and_optimizer):
            critic, optimizer_state = critic_and_optimizer
            steps, optimizer_state = self._optimizer.update(
                jax.grad(critic_loss)(critic), optimizer_state
            )
            return optax.apply_updates(critic, steps), optimizer_state

        critic, optimizer_state = jax.lax.fori_loop(0, self.num_critic, ascend, tuple(state))
        values = jax.lax.stop_gradient(jax.vmap(eqx.combine(critic, static))(batch))
        return jnp.mean(jnp.sum(score * values, axis=1)), LSDState(critic, optimizer_state)

    def network_evaluations(self, batch_size, dim):
        # The critic is as large as the energy; its divergence costs 3 (1 + dim) per step.
        return batch_size * (7 + 3 * self.num_critic * (1 + dim))
