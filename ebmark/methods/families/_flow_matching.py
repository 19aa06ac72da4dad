"""Flow matching with pairs by optimal transport, within a compiled loop."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Key

_BLUR, _ROUNDS = 0.05, 20  # of the squared distance's mean; of Sinkhorn
_BLOCK = 64  # rows that are paired among themselves: the work grows with the square


def paired(x: Float[Array, "n dim"], y: Float[Array, "n dim"], key: Key) -> Float[Array, "n dim"]:
    r"""A partner of each row of x among those of y, drawn from the entropic transport plan.

    Blocks of 64 rows are paired each on their own, and so are those that are left.

    $$ \pi = \arg\min \langle \pi, \|x - y\|^2 \rangle - \epsilon H(\pi) $$

    Cuturi (2013), Sinkhorn distances; for flows: Tong et al. (2024), algorithm 3.
    """
    x, y = jax.lax.stop_gradient((x, y))
    block_key, rest_key = jr.split(key)
    whole = x.shape[0] // _BLOCK * _BLOCK
    blocks = [a[:whole].reshape(-1, _BLOCK, a.shape[1]) for a in (x, y)]
    pairs = jax.vmap(_paired)(*blocks, jr.split(block_key, len(blocks[0]))).reshape(-1, x.shape[1])
    if whole < x.shape[0]:
        pairs = jnp.concatenate([pairs, _paired(x[whole:], y[whole:], rest_key)])
    return pairs


def _paired(x, y, key):
    costs = jnp.sum((x[:, None] - y) ** 2, axis=-1)
    heights = -costs / (_BLUR * jnp.mean(costs))

    def round_trip(_, g):
        f = -jax.nn.logsumexp(heights + g, axis=1, keepdims=True)
        return -jax.nn.logsumexp(heights + f, axis=0, keepdims=True)

    g = jax.lax.fori_loop(0, _ROUNDS, round_trip, jnp.zeros((1, y.shape[0])))
    return y[jr.categorical(key, heights + g, axis=1)]


def flow_matching(
    velocity: Callable,
    noise: Float[Array, "n dim"],
    data: Float[Array, "n dim"],
    key: Key,
    *,
    settled: float = 0.8,
    blur: float = 0.1,
) -> Scalar:
    r"""How far a velocity is from those that carry noise to paired data on straight lines.

    $$ \mathbb{E}\, w(t) \| v(x_t) - (x_1 - x_0) \|^2, \quad x_t = (1 - t) x_0 + t x_1 + .1 z $$

    $w$ falls from 1 at `settled` to 0 at 1, where the flow is to have arrived.

    Lipman et al. (2023), Flow matching, eq. 9; Tong et al. (2024), for pairs and blur.
    """
    pair_key, time_key, blur_key = jr.split(key, 3)
    data = paired(noise, data, pair_key)
    t = jr.uniform(time_key, (noise.shape[0], 1))
    x = (1 - t) * noise + t * data + blur * jr.normal(blur_key, noise.shape)
    miss = jax.vmap(velocity)(x) - (data - noise)
    weight = jnp.clip((1 - t[:, 0]) / (1 - settled), 0, 1)
    return jnp.mean(weight * jnp.sum(miss**2, axis=-1))
