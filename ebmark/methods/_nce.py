"""Noise contrastive estimation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._contrastive import AbstractContrastiveMethod, log_ratios


class NoiseContrastiveEstimation(AbstractContrastiveMethod):
    r"""Logistic classification of data against noise.

    $$ h(x) = -E(x) - c - \log q(x) - \log \nu, \quad
       \mathcal{L} = -\mathbb{E}_p \log \sigma(h) - \nu\, \mathbb{E}_q \log \sigma(-h) $$

    The trained offset c makes the energy self-normalizing: at the optimum $\log Z = 0$ for every
    noise distribution q. Where noise and data hardly overlap (diagnostic `noise_ess`), the loss is
    nearly flat around its optimum.

    Attributes:
        ratio: Noise points ν per data point.
        scale: Width of the noise distribution, relative to its fit to the data; of kernels,
            relative to the smallest local scale of the data.
        noise: Noise distribution: "gaussian" with the mean and covariance of the data, "mixture" of
            Gaussians, the mixture with a wide component ("defensive"), kernels around points
            ("kde"), uniform on a "box", a normalizing "flow", or the noise-perturbed chains of the
            model ("self").

    Requires: a noise distribution with samples and a density.
    Use when: such a distribution covers the data: lowest cost, normalized, and in two
        dimensions close to the oracle.
    Avoid when: noise and data hardly overlap, as on thin curves or in many dimensions.
    References: Gutmann & Hyvarinen (2012), Noise-contrastive estimation of unnormalized models,
        eq. 8.
    """

    ratio: int = eqx.field(static=True, default=1)
    scale: float = 1.2
    noise: str = eqx.field(static=True, default="gaussian")

    def loss(self, energy, batch, state, key):
        state = state.follow(energy, jr.fold_in(key, 1))
        u_data, u_noise = log_ratios(energy, state, batch, self.ratio, key)
        h_data = u_data - jnp.log(self.ratio)
        h_noise = u_noise - jnp.log(self.ratio)
        loss = jnp.mean(jax.nn.softplus(-h_data)) + self.ratio * jnp.mean(jax.nn.softplus(h_noise))
        return loss, state
