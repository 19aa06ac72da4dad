"""Denoising score matching with classification of the noise level."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods.families._noise_levels import AbstractNoiseLevelMethod, noisy


class DiffusiveClassification(AbstractNoiseLevelMethod):
    r"""Match scores at every noise level, and tell from a point which level it came from.

    $$ \mathcal{L} = \mathcal{L}_{DSM} - w\, \mathbb{E} \log
       \frac{e^{-E(x, u_0)}}{\sum_{j=0}^m e^{-E(x, u_j)}}, \quad
       x \sim p_{u_0},\; u_j \sim U(0, 1) $$

    The classes are equally likely beforehand, so that the optimum is $E(x, u) = -\log p_u(x)$ up to
    one constant for all levels: heights are compared through the levels, at every point. The
    masses of far modes, which scores alone cannot see, come down from where the modes meet.

    Needs second derivatives and a network told the level. Use it when samples at every level and
    the masses of far modes are both wanted. Not when one density is enough and a noise law is at
    hand: NCE is nearer to the oracle at a third of the cost.

    Aggarwal et al. (2025), BoltzNCE, eq. 10; DiffCLF (2026), Diffusive classification loss for
    learning energy-based generative models.
    """

    weight: float = 1.0
    num_others: int = eqx.field(static=True, default=3)
    relative_scale: float = 0.5
    largest: float = 2.0
    num_levels: int = eqx.field(static=True, default=16)
    num_steps_per_level: int = eqx.field(static=True, default=40)

    def loss(self, energy, batch, state, key):
        match_key, level_key = jr.split(key)
        levels, points, matching = noisy(self, energy, state, batch, match_key)
        others = jr.uniform(level_key, (batch.shape[0], self.num_others))

        def surprise(x, level, others):
            heights = jax.vmap(lambda u: -self.at(energy, state, u)(x))(jnp.append(level, others))
            return jax.nn.logsumexp(heights) - heights[0]

        telling = jnp.mean(jax.vmap(surprise)(points, levels, others))
        return matching + self.weight * telling, state

    def network_evaluations(self, batch, dim):
        return batch * (6 + 3 * (1 + self.num_others))
