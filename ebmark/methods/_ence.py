"""Noise contrastive estimation with an exponential loss."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._contrastive import AbstractContrastiveMethod, log_ratios


class ExponentialNoiseContrastiveEstimation(AbstractContrastiveMethod):
    r"""NCE with exponential loss.

    $$ \mathcal{L} = \mathbb{E}_p\, e^{-u/2} + \mathbb{E}_q\, e^{u/2}, \quad
       u(x) = -E(x) - c - \log q(x) $$

    The loss does not become flat where noise and data hardly overlap. At the optimum
    $u = \log p / q$ and $\mathcal{L} = 2 \int \sqrt{p q}$. Its gradient has heavy tails: the paper
    normalizes it, here the recipe's `max_grad_norm` clips it.

    Attributes:
        ratio: Noise points per data point.
        scale: Width of the noise distribution, relative to its fit to the data.
        noise: Name of the noise distribution, as in `nce`.

    Requires: a noise distribution with samples and a density.
    Use when: noise and data overlap so little that the loss of NCE is flat.
    Avoid when: noise and data overlap: NCE then has a smaller variance and needs no clipping.
    References: Liu, Rosenfeld, Ravikumar & Risteski (2022), Analyzing and improving the
        optimization landscape of noise-contrastive estimation.
    """

    ratio: int = eqx.field(static=True, default=1)
    scale: float = 1.2
    noise: str = eqx.field(static=True, default="gaussian")

    def loss(self, energy, batch, state, key):
        state = state.follow(energy, jr.fold_in(key, 1))
        u_data, u_noise = log_ratios(energy, state, batch, self.ratio, key)
        return jnp.mean(jnp.exp(-u_data / 2)) + jnp.mean(jnp.exp(u_noise / 2)), state
