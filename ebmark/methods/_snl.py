"""Self-normalized likelihood."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._contrastive import AbstractContrastiveMethod, log_ratios


class SelfNormalisedLikelihood(AbstractContrastiveMethod):
    r"""Maximum likelihood with a learned bound on log Z.

    $$ \mathcal{L} = \mathbb{E}_p[E] + b + e^{-b}\, \mathbb{E}_q\!\left[\frac{e^{-E}}{q}\right] - 1
       \;\ge\; \mathbb{E}_p[E] + \log Z, \quad \text{equal at } b = \log Z $$

    The trained offset is b; the loss in the code also contains the constant
    $\mathbb{E}_p \log q$. In contrast to likelihood by importance sampling, the gradient is
    unbiased. Its variance is that of the weights $e^{-E-b}/q$, so that the noise has to be wide:
    with one Gaussian, a single outlier made training diverge (banana, funnel), and the recipe uses
    a mixture.

    Attributes:
        ratio: Noise points per data point.
        scale: Width of the noise distribution, relative to its fit to the data.
        noise: Name of the noise distribution, as in `nce`.

    Requires: a noise distribution with samples and a density.
    Use when: a bound on the likelihood and log Z are needed. Close to the oracle in two
        dimensions.
    Avoid when: the noise has lighter tails than the model: the weights are then unbounded.
    References: Senetaire, Jeha, Mattei & Frellsen (2025), Learning energy-based models by
        self-normalising the likelihood.
    """

    ratio: int = eqx.field(static=True, default=2)
    scale: float = 2.0
    noise: str = eqx.field(static=True, default="gaussian")

    def loss(self, energy, batch, state, key):
        state = state.follow(energy, jr.fold_in(key, 1))
        u_data, u_noise = log_ratios(energy, state, batch, self.ratio, key)
        return -jnp.mean(u_data) + jnp.mean(jnp.exp(u_noise)) - 1, state
