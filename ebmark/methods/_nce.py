"""Noise contrastive estimation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._contrastive import AbstractContrastiveMethod, log_ratios


class NoiseContrastiveEstimation(AbstractContrastiveMethod):
    r"""Tell data from noise: the logistic regression whose logit is the log-density ratio.

    $$ h(x) = -E(x) - c - \log q(x) - \log \nu, \quad
       \mathcal{L} = -\mathbb{E}_p \log \sigma(h) - \nu\, \mathbb{E}_q \log \sigma(-h) $$

    The `noise` $q$ is the data's Gaussian ("gaussian"), a "mixture" of them, kernels around data
    points ("kde"), uniform on a "box", a "flow", or the model's own blurred chains ("self"). It is
    `scale` times as wide as the law fitted to the data; kernels are `scale` times as wide as the
    data's smallest local scale. $\nu$ is `ratio`. The trained offset $c$ makes the energy
    self-normalising: at the optimum $\log Z = 0$, whatever the noise. Where the noise is far from
    the data (the diagnostic `overlap`) the loss is nearly flat around its optimum.

    Needs a noise law that can be drawn and weighed. Use it when such a law covers the data: at the
    oracle on the 8 Gaussians and the moons (10 seeds), cheapest of all, and normalised. Not when
    noise and data hardly overlap, as on thin curves or in many dimensions.

    Gutmann & Hyvarinen (2012), Noise-contrastive estimation of unnormalized models, eq. 8.
    """

    ratio: int = eqx.field(static=True, default=1)
    scale: float = 1.2
    noise: str = eqx.field(static=True, default="gaussian")

    def loss(self, energy, batch, state, key):
        state = state.follow(energy, jr.fold_in(key, 1))
        u_data, u_noise = log_ratios(energy, state, batch, self.ratio, key)
        h_data, h_noise = u_data - jnp.log(self.ratio), u_noise - jnp.log(self.ratio)
        loss = jnp.mean(jax.nn.softplus(-h_data)) + self.ratio * jnp.mean(jax.nn.softplus(h_noise))
        return loss, state
