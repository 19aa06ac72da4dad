"""Sliced score matching."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Energy, Key, Point
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import COUNT


def sliced_derivatives(
    energy: Energy, batch: Float[Array, "batch dim"], num_slices: int, key: Key
) -> tuple[
    Float[Array, "slices batch"], Float[Array, "slices batch"], Float[Array, "slices batch"]
]:
    r"""Return $v^\top \nabla E$, $\|\nabla E\|^2$ and $v^\top \nabla^2 E\, v$ for random signs v.

    Args:
        energy: Maps one point to a scalar.
        batch: Points.
        num_slices: Directions v per point.
        key: Random key.
    """

    def derivatives(x: Point, v: Point) -> tuple[Scalar, Scalar, Scalar]:
        gradient, hessian_v = jax.jvp(jax.grad(energy), (x,), (v,))
        return v @ gradient, gradient @ gradient, v @ hessian_v

    directions = jr.rademacher(key, (num_slices, *batch.shape), batch.dtype)
    return jax.vmap(jax.vmap(derivatives), in_axes=(None, 0))(batch, directions)


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
        slopes, _, curvatures = sliced_derivatives(energy, batch, self.num_slices, key)
        return jnp.mean(0.5 * slopes**2 - curvatures), state

    def network_evaluations(self, batch_size, dim):
        del dim
        return 12 * self.num_slices * batch_size
