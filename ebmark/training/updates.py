"""The compiled updates of a training: their start, and a loop over a chunk of them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from ebmark.energies import Key, State, cast_like
from ebmark.methods import Recipe
from ebmark.system.devices import replicate, shard
from ebmark.training.checkpoint import Carry

CHUNK = 250  # maximum number of updates between two checks of the host loop
_MIN_ROWS = 1_024


@eqx.filter_jit
def advance(
    carry: Carry,
    static: PyTree,
    recipe: Recipe,
    data: Float[Array, "n dim"],
    key: Key,
    stop: Int[Array, ""],
    num: Int[Array, ""] | None = None,
) -> tuple[Carry, Float[Array, " chunk"]]:
    """Make the updates from `carry.step` to `stop`, at most a chunk, in one compiled loop.

    The randomness of an update is a function of its number, so the boundaries of chunks do not
    change the result. `stop` is an array, so one program serves every chunk. `num` is the number of
    rows of `data` that are in use: one program serves all tables that `pad_rows` gives one shape.
    """
    num_rows = data.shape[0] if num is None else num
    optimizer = _optimizer(recipe)
    first = carry.step

    def objective(params: PyTree, batch: Array, state: State, key: Key) -> tuple[Array, State]:
        return recipe.method.loss(eqx.combine(params, static), batch, state, key)

    value_and_gradient = jax.value_and_grad(objective, has_aux=True)

    def update(step: Array, loop: tuple[Carry, Array]) -> tuple[Carry, Array]:
        (params, average, opt_state, state, _), losses = loop
        batch_key, loss_key = jr.split(jr.fold_in(key, step))
        batch = shard(data[jr.randint(batch_key, (recipe.batch_size,), 0, num_rows)])
        (loss, state), gradient = value_and_gradient(params, batch, state, loss_key)
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        params = optax.apply_updates(params, updates)
        decay = jnp.minimum(recipe.ema_decay, (1 + step) / (10 + step))
        average = optax.incremental_update(params, average, 1 - decay)
        carry = cast_like(Carry(params, average, opt_state, state, step + 1), loop[0])
        return replicate(carry), losses.at[step - first].set(loss)

    return jax.lax.fori_loop(first, stop, update, (carry, jnp.zeros(CHUNK)))


def pad_rows(data: Float[Array, "n dim"]) -> Float[Array, "padded dim"]:
    """Append zeros, at most an eighth of the rows, but at least up to 1,024 rows.

    Example:
        >>> [pad_rows(jnp.zeros((n, 1))).shape[0] for n in (2, 1_100, 1_200, 2_000)]
        [1024, 1152, 1280, 2048]
    """
    num = data.shape[0]
    unit = 1 << max((num - 1).bit_length() - 4, 0)
    padded = max(-(-num // unit) * unit, _MIN_ROWS)
    return jnp.asarray(np.pad(np.asarray(data), ((0, padded - num), (0, 0))))


@eqx.filter_jit
def start(params: PyTree, recipe: Recipe, data: Float[Array, "n dim"], key: Key) -> Carry:
    state = recipe.method.init(data, key)
    carry = Carry(params, params, _optimizer(recipe).init(params), state, jnp.array(0))
    return replicate(_with_strong_types(carry))


def _with_strong_types(tree: PyTree) -> PyTree:
    """Give arrays the types of those that an update returns, or it is compiled a second time."""

    def strong(leaf: Array) -> Array:
        return jax.lax.convert_element_type(leaf, leaf.dtype) if leaf.weak_type else leaf

    return jax.tree.map(strong, tree)


def _optimizer(recipe: Recipe) -> optax.GradientTransformation:
    def cosine(count: Any) -> Array:
        return recipe.learning_rate * 0.5 * (1 + jnp.cos(jnp.pi * count / recipe.num_updates))

    return optax.chain(optax.clip_by_global_norm(recipe.max_grad_norm), optax.adam(cosine))


def traced(recipe: Recipe) -> Recipe:
    """Turn the recipe's numbers, except counts, into arrays.

    One compiled program then serves all their values, for example in a search over learning rates.
    """
    arrays = jax.tree.map(lambda a: np.float32(a) if isinstance(a, float) else a, recipe)
    return eqx.tree_at(lambda r: r.num_updates, arrays, jnp.asarray(recipe.num_updates))
