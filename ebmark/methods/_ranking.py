"""Ranking noise contrastive estimation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._contrastive import AbstractContrastiveMethod, log_ratios


class RankingNoiseContrastiveEstimation(AbstractContrastiveMethod):
    r"""Find the datum among noise points (InfoNCE).

    $$ \mathcal{L} = -\mathbb{E} \log \frac{w(x_0)}{\sum_{j=0}^K w(x_j)}, \quad
       w = \frac{e^{-E}}{q}, \quad x_0 \sim p, \; x_1, \dots, x_K \sim q $$

    Z cancels, so no offset is trained; consistent for every $K$, and maximum likelihood with Z by
    importance sampling as $K \to \infty$. $K$ is `ratio` times the batch, and the data of a batch
    share their noise: each term has the law that it would have alone.

    Needs a noise law that can be drawn and weighed. Use it when many noise points are cheap and an
    offset is not wanted. Not when the energy is to come out normalised: Z stays free.

    Ma & Collins (2018), Noise contrastive estimation and negative sampling for conditional models;
    van den Oord, Li & Vinyals (2018), Representation learning with contrastive predictive
    coding.
    """

    ratio: int = eqx.field(static=True, default=2)
    scale: float = 1.2
    noise: str = eqx.field(static=True, default="gaussian")

    def build_trainable(self, energy, data, key):
        return energy

    def loss(self, energy, batch, state, key):
        state = state.follow(energy, jr.fold_in(key, 1))
        u_data, u_noise = log_ratios(energy, state, batch, self.ratio, key)
        log_sum = jnp.logaddexp(u_data, jax.nn.logsumexp(u_noise))
        return jnp.mean(log_sum - u_data), state
