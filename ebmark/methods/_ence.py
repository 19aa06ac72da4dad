"""Noise contrastive estimation with an exponential loss."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._contrastive import AbstractContrastiveMethod, log_ratios


class ExponentialNoiseContrastiveEstimation(AbstractContrastiveMethod):
    r"""Noise contrastive estimation whose loss does not flatten where the noise is far.

    $$ \mathcal{L} = \mathbb{E}_p\, e^{-u/2} + \mathbb{E}_q\, e^{u/2}, \quad
       u(x) = -E(x) - c - \log q(x) $$

    At the optimum $u = \log p / q$ and $\mathcal{L} = 2 \int \sqrt{p q}$. Its gradient has heavy
    tails: the paper normalises it, here the recipe's clip does.

    Needs a noise law that can be drawn and weighed. Use it when the noise is so far that NCE's loss
    is flat. Not when noise and data overlap: NCE then has the smaller variance, and needs no
    clipping.

    Liu, Rosenfeld, Ravikumar & Risteski (2022), Analyzing and improving the optimization landscape
    of noise-contrastive estimation.
    """

    ratio: int = eqx.field(static=True, default=1)
    scale: float = 1.2
    noise: str = eqx.field(static=True, default="gaussian")

    def loss(self, energy, batch, state, key):
        state = state.follow(energy, jr.fold_in(key, 1))
        u_data, u_noise = log_ratios(energy, state, batch, self.ratio, key)
        return jnp.mean(jnp.exp(-u_data / 2)) + jnp.mean(jnp.exp(u_noise / 2)), state
