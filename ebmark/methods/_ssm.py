"""Sliced score matching."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import COUNT


class SlicedScoreMatching(AbstractMethod):
    r"""Sliced score matching, plain.

    $$ \mathcal{L} = \mathbb{E}_{x, v}\left[\tfrac12 (v^\top \nabla E(x))^2
       - v^\top \nabla^2 E(x)\, v\right], \quad v_i = \pm 1 $$

    The mean over v is the loss of implicit score matching, as $\mathbb{E}[v v^\top] = I$.

    Attributes:
        num_slices: Random directions v per data point.

    Requires: second derivatives, one Hessian-vector product.
    Use when: implicit score matching has too many dimensions, and the noise of the random
        directions in the score is acceptable.
    Avoid when: the exact norm of the score is available at no cost, as here: `ssm_vr` has a lower
        variance.
    References: Song, Garg, Shi & Ermon (2019), Sliced score matching, eq. 7.
    """

    limits = {"num_slices": COUNT}

    num_slices: int = eqx.field(static=True, default=1)

    def loss(self, energy, batch, state, key):
        directions = jr.rademacher(key, (self.num_slices, *batch.shape), batch.dtype)

        def objective(x, v):
            gradient, hessian_v = jax.jvp(jax.grad(energy), (x,), (v,))
            return 0.5 * (v @ gradient) ** 2 - v @ hessian_v

        objectives = jax.vmap(jax.vmap(objective), in_axes=(None, 0))(batch, directions)
        return jnp.mean(objectives), state

    def network_evaluations(self, batch_size, dim):
        del dim
        return 12 * self.num_slices * batch_size
