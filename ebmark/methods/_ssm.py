"""Sliced score matching."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods._base import AbstractMethod


class SlicedScoreMatching(AbstractMethod):
    r"""Implicit score matching along random directions: one product with the Hessian, any dim.

    $$ \mathcal{L} = \mathbb{E}_{x, v}\left[\tfrac12 (v^\top \nabla E(x))^2
       - v^\top \nabla^2 E(x)\, v\right], \quad v_i = \pm 1 $$

    `num_slices` directions a point. The mean over $v$ is implicit score matching's loss, since
    $\mathbb{E}[v v^\top] = I$.

    Needs second derivatives, one product with the Hessian. Use it when implicit score matching has
    too many dimensions and the slope's own noise does not matter. Not when the norm of the slope is
    free, as here: `ssm_vr` has less variance at the same cost.

    Song, Garg, Shi & Ermon (2019), Sliced score matching, eq. 7.
    """

    num_slices: int = eqx.field(static=True, default=1)

    def loss(self, energy, batch, state, key):
        directions = jr.rademacher(key, (self.num_slices, *batch.shape), batch.dtype)

        def objective(x, v):
            slope, curvature = jax.jvp(jax.grad(energy), (x,), (v,))
            return 0.5 * (v @ slope) ** 2 - v @ curvature

        sliced = jax.vmap(jax.vmap(objective), in_axes=(None, 0))(batch, directions)
        return jnp.mean(sliced), state

    def network_evaluations(self, batch, dim):
        del dim
        return 12 * self.num_slices * batch
