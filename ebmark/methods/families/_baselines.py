"""What methods that train no network share: the fit is a law, which is drawn from exactly."""

import jax
import jax.numpy as jnp

from ebmark.methods._base import AbstractMethod


class AbstractBaseline(AbstractMethod):
    r"""A law in closed form or a flow, in place of the energy that it is given.

    $$ E(x) = -\log q(x), \quad \log Z = 0, \quad \mathcal{L} = -\mathbb{E}_{data} \log q(x) $$

    Its evaluations are those of the law itself; the loss is used where `wrap` is not the whole fit.
    """

    def loss(self, energy, batch, state, key):
        return jnp.mean(jax.vmap(energy)(batch)), state

    def network_evaluations(self, batch, dim):
        del dim
        return 3 * batch

    def gaussian_precision(self, variance, state):
        del variance, state
        return None  # it has no such parameter

    def sample(self, trainable, state, num, key):
        return trainable.sample(num, key)
