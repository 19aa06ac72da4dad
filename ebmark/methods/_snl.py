"""Self-normalised likelihood."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._contrastive import AbstractContrastiveMethod, log_ratios


class SelfNormalisedLikelihood(AbstractContrastiveMethod):
    r"""Maximum likelihood with $\log Z$ bounded by its tangent, whose place is learned.

    $$ \mathcal{L} = \mathbb{E}_p[E] + b + e^{-b}\, \mathbb{E}_q\!\left[\frac{e^{-E}}{q}\right] - 1
       \;\ge\; \mathbb{E}_p[E] + \log Z, \quad \text{equal at } b = \log Z $$

    The trained offset is $b$; the code's loss also holds the constant $\mathbb{E}_p \log q$. Unlike
    that of importance sampled likelihood, the gradient is unbiased; its variance is that of the
    weights $e^{-E-b}/q$, so the noise has to be wide: of a Gaussian fitted to the whole, one far
    point was the end (banana, funnel), so the recipe fits a mixture.

    Needs a noise law that can be drawn and weighed. Use it when a bound on the likelihood itself,
    and log Z, are wanted: at the oracle on the 8 Gaussians and the moons (10 seeds). Not when the
    noise has lighter tails than the model: the weights have no bound.

    Senetaire, Jeha, Mattei & Frellsen (2025), Learning energy-based models by self-normalising the
    likelihood.
    """

    ratio: int = eqx.field(static=True, default=2)
    scale: float = 2.0
    noise: str = eqx.field(static=True, default="gaussian")

    def loss(self, energy, batch, state, key):
        state = state.follow(energy, jr.fold_in(key, 1))
        u_data, u_noise = log_ratios(energy, state, batch, self.ratio, key)
        return -jnp.mean(u_data) + jnp.mean(jnp.exp(u_noise)) - 1, state
