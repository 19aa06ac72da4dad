"""Baselines: density estimators that train no energy network."""

import jax
import jax.numpy as jnp

from ebmark.methods._base import AbstractMethod


class AbstractBaseline(AbstractMethod):
    r"""A density estimator q with exact samples, fitted instead of the energy.

    $$ E(x) = -\log q(x), \quad \log Z = 0, \quad \mathcal{L} = -\mathbb{E}_{data} \log q(x) $$

    Network evaluations count passes through q. The loss is used if `build_trainable` is not yet
    the fit.
    """

    def loss(self, energy, batch, state, key):
        return jnp.mean(jax.vmap(energy)(batch)), state

    def network_evaluations(self, batch_size, dim):
        del dim
        return 3 * batch_size

    def gaussian_precision(self, variance, state):
        del variance, state
        return None

    def sample(self, trainable, state, num, key):
        return trainable.sample(num, key)
