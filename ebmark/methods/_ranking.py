"""Ranking noise contrastive estimation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._contrastive import AbstractContrastiveMethod, log_ratios


class RankingNoiseContrastiveEstimation(AbstractContrastiveMethod):
    r"""Multi-class NCE (InfoNCE).

    $$ \mathcal{L} = -\mathbb{E} \log \frac{w(x_0)}{\sum_{j=0}^K w(x_j)}, \quad
       w = \frac{e^{-E}}{q}, \quad x_0 \sim p, \; x_1, \dots, x_K \sim q $$

    Z cancels, so that no offset is trained. The loss is consistent for every K, and tends to
    maximum likelihood with Z by importance sampling as $K \to \infty$. The data points of a batch
    share their noise points, which leaves the distribution of each term unchanged.

    Attributes:
        ratio: Noise points per data point of the batch: K is `ratio` times the batch size.
        scale: Width of the noise distribution, relative to its fit to the data.
        noise: Name of the noise distribution, as in `nce`.

    Requires: a noise distribution with samples and a density.
    Use when: many noise points are cheap and no offset is wanted.
    Avoid when: the energy has to be normalized: Z stays free.
    References: Ma & Collins (2018), Noise contrastive estimation and negative sampling for
        conditional models; van den Oord, Li & Vinyals (2018), Representation learning with
        contrastive predictive coding.
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
