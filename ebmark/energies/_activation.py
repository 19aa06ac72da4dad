"""The activation of the networks, faster on a CPU than `jax.nn.silu`."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.custom_jvp
def silu(z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Compute $z\, \sigma(z)$ with $\sigma(z) = \tfrac12 (1 + \tanh \tfrac z2)$.

    XLA computes tanh as a rational function, without an exponential or a division per pass. The
    derivative reuses it: $\tfrac12 (1 + t) + \tfrac z4 (1 - t^2)$ with $t = \tanh \tfrac z2$.

    Args:
        z: Any array; the function is elementwise.

    Returns:
        The activations, in the shape of `z`.

    References: Elfwing, Uchibe & Doya (2018), Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning.
    """
    return 0.5 * z * (1 + jnp.tanh(0.5 * z))


@silu.defjvp
def _silu_jvp(
    primals: tuple[Float[Array, "*shape"]], tangents: tuple[Float[Array, "*shape"]]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    (z,) = primals
    (dz,) = tangents
    t = jnp.tanh(0.5 * z)
    return 0.5 * z * (1 + t), dz * (0.5 * (1 + t) + 0.25 * z * (1 - t * t))
