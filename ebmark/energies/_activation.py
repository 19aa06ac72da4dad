"""The networks' activation, cheaper on a CPU than an exponential and a division for each pass."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.custom_jvp
def silu(z: Float[Array, " width"]) -> Float[Array, " width"]:
    r"""`jax.nn.silu`: $z\, \sigma(z)$ with $\sigma(z) = \tfrac12 (1 + \tanh \tfrac z2)$.

    XLA's tanh is a rational function; its value serves the derivative too, here written out:
    $\tfrac12 (1 + t) + \tfrac z4 (1 - t^2)$ with $t = \tanh \tfrac z2$.

    Elfwing, Uchibe & Doya (2018), Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning.
    """
    return 0.5 * z * (1 + jnp.tanh(0.5 * z))


@silu.defjvp
def _derivative(primals, tangents):
    (z,), (dz,) = primals, tangents
    t = jnp.tanh(0.5 * z)
    return 0.5 * z * (1 + t), dz * (0.5 * (1 + t) + 0.25 * z * (1 - t * t))
