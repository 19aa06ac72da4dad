"""Flow matching with pairs by optimal transport, in a compiled loop."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Key, Point

# Entropic regularization, as a fraction of the mean squared distance of a block.
_REGULARIZATION = 0.05
_NUM_SINKHORN_ITERATIONS = 20
# Rows are paired within blocks, as the cost grows with the square of their number.
_BLOCK_SIZE = 64


def pair(x: Float[Array, "n dim"], y: Float[Array, "n dim"], key: Key) -> Float[Array, "n dim"]:
    r"""Draw a partner among the rows of y for each row of x from the entropic transport plan.

    $$ \pi = \arg\min \langle \pi, \|x - y\|^2 \rangle - \epsilon H(\pi) $$

    Rows are paired within consecutive blocks of 64.

    Args:
        x: Points to find partners for.
        y: Candidates, as many as points.
        key: Random key.

    Returns:
        One row of y per row of x, possibly repeated.

    References: Cuturi (2013), Sinkhorn distances; Tong et al. (2024), algorithm 3.
    """
    x, y = jax.lax.stop_gradient((x, y))
    block_key, rest_key = jr.split(key)
    num_blocks, rest = divmod(x.shape[0], _BLOCK_SIZE)
    end = num_blocks * _BLOCK_SIZE
    x_blocks = x[:end].reshape(num_blocks, _BLOCK_SIZE, x.shape[1])
    y_blocks = y[:end].reshape(num_blocks, _BLOCK_SIZE, x.shape[1])
    pairs = jax.vmap(_pair_block)(x_blocks, y_blocks, jr.split(block_key, num_blocks))
    pairs = pairs.reshape(-1, x.shape[1])
    if rest:
        pairs = jnp.concatenate([pairs, _pair_block(x[end:], y[end:], rest_key)])
    return pairs


def _pair_block(
    x: Float[Array, "m dim"], y: Float[Array, "m dim"], key: Key
) -> Float[Array, "m dim"]:
    costs = jnp.sum((x[:, None] - y) ** 2, axis=-1)
    log_kernel = -costs / (_REGULARIZATION * jnp.mean(costs))

    def iterate(_, g):
        f = -jax.nn.logsumexp(log_kernel + g, axis=1, keepdims=True)
        return -jax.nn.logsumexp(log_kernel + f, axis=0, keepdims=True)

    g = jax.lax.fori_loop(0, _NUM_SINKHORN_ITERATIONS, iterate, jnp.zeros((1, y.shape[0])))
    return y[jr.categorical(key, log_kernel + g, axis=1)]


def flow_matching(
    velocity: Callable[[Point], Point],
    noise: Float[Array, "n dim"],
    data: Float[Array, "n dim"],
    key: Key,
    *,
    decay_start: float = 0.8,
    path_std: float = 0.1,
) -> Scalar:
    r"""Compute the flow-matching loss of a velocity on straight paths from noise to paired data.

    $$ \mathbb{E}\, w(t) \| v(x_t) - (x_1 - x_0) \|^2, \quad
       x_t = (1 - t) x_0 + t x_1 + \mathrm{path\_std}\, z $$

    Args:
        velocity: The velocity v of one point.
        noise: Start points x_0.
        data: End points x_1, paired with the start points by optimal transport.
        key: Random key.
        decay_start: Time at which the weight w starts to fall linearly from 1, to 0 at t = 1.
        path_std: Standard deviation of the Gaussian noise z on the path.

    References: Lipman et al. (2023), Flow matching, eq. 9; Tong et al. (2024), for the pairs.
    """
    pair_key, time_key, path_key = jr.split(key, 3)
    data = pair(noise, data, pair_key)
    t = jr.uniform(time_key, (noise.shape[0], 1))
    x = (1 - t) * noise + t * data + path_std * jr.normal(path_key, noise.shape)
    error = jax.vmap(velocity)(x) - (data - noise)
    weight = jnp.clip((1 - t[:, 0]) / (1 - decay_start), 0, 1)
    return jnp.mean(weight * jnp.sum(error**2, axis=-1))
