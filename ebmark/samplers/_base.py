"""The sampler interface: `init` and `step` for one chain, and loops over many chains."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ebmark.energies import Energy, Key, Point, cast_like, cast_to_energy
from ebmark.system.devices import full_matmul_precision, one_processor, shard

# number of chains whose activations fit into a processor's cache
_BLOCK = 1_000


class AbstractSampler(eqx.Module):
    """A Markov kernel with target distribution p(x) proportional to exp(-E(x)).

    A state is a NamedTuple whose first field is the point `x`. Its other fields hold what is
    expensive to recompute and what describes the last transition, such as `accepted`.
    """

    step_size: eqx.AbstractVar[float | Float[Array, ""]]

    @abc.abstractmethod
    def init(self, energy: Energy, x: Point) -> Any:
        """Return the state of a chain that starts at `x`."""

    @abc.abstractmethod
    def step(self, energy: Energy, state: Any, key: Key) -> Any:
        """Return the state after one transition, a function of `key` alone."""


class AbstractUnadjusted(AbstractSampler):
    """A sampler whose transition needs one standard normal vector and no acceptance test.

    The noise of all chains is drawn at once, at half the cost of one key per chain.
    """

    @abc.abstractmethod
    def move(self, energy: Energy, state: Any, noise: Point) -> Any:
        """Return the state after one transition driven by a standard normal vector."""

    def step(self, energy: Energy, state: Any, key: Key) -> Any:
        return self.move(energy, state, jr.normal(key, state.x.shape, state.x.dtype))


@full_matmul_precision
@eqx.filter_jit
def run_chains(
    sampler: AbstractSampler,
    energy: Energy,
    x: Float[Array, "chains dim"],
    num_steps: int,
    key: Key,
) -> Any:
    """Run independent chains and return their last states.

    Args:
        sampler: the Markov kernel, such as `Langevin(step_size=0.01)`.
        energy: maps one point, shape (dim,), to a scalar; the target is exp(-energy) / Z.
        x: starting points, one row per chain.
        num_steps: number of transitions.
        key: PRNG key; the result is a function of it.

    Returns:
        The sampler's state with a leading axis of chains; `.x` holds the points.

    Example:
        >>> import jax.numpy as jnp, jax.random as jr
        >>> from ebmark.samplers import MALA, run_chains
        >>> states = run_chains(MALA(0.1), lambda x: 0.5 * x @ x, jnp.zeros((8, 2)), 5, jr.key(0))
        >>> states.x.shape
        (8, 2)
    """

    def body(states: Any, step_key: Key) -> tuple[Any, None]:
        return _transition(sampler, energy, states, step_key), None

    x = cast_to_energy(energy, jnp.asarray(x))
    start = jax.vmap(sampler.init, in_axes=(None, 0))(energy, shard(x))
    return jax.lax.scan(body, start, jr.split(key, num_steps))[0]


@full_matmul_precision
@eqx.filter_jit
def trace_chains(
    sampler: AbstractSampler,
    energy: Energy,
    states: Any,
    num_kept: int,
    key: Key,
    *,
    every: int = 1,
) -> tuple[Any, Any]:
    """Continue chains and keep every `every`-th state.

    Args:
        sampler: the Markov kernel.
        energy: maps one point, shape (dim,), to a scalar.
        states: what `run_chains` or `trace_chains` returned.
        num_kept: number of states to keep; the chains make `num_kept * every` transitions.
        key: PRNG key.
        every: transitions between two kept states.

    Returns:
        The last states, and the kept states with a first axis of `num_kept`.
    """

    def step(states: Any, key: Key) -> tuple[Any, None]:
        return _transition(sampler, energy, states, key), None

    def body(states: Any, key: Key) -> tuple[Any, Any]:
        states, _ = jax.lax.scan(step, states, jr.split(key, every))
        return states, states

    return jax.lax.scan(body, states, jr.split(key, num_kept))


def _transition(sampler: AbstractSampler, energy: Energy, states: Any, key: Key) -> Any:
    """Move all chains by one step; on one processor in blocks, with the same result."""
    if isinstance(sampler, AbstractUnadjusted):
        kernel = sampler.move
        randomness = jr.normal(key, states.x.shape, states.x.dtype)
    else:
        kernel = sampler.step
        randomness = jr.split(key, len(states.x))

    def step(state: Any, random: Any) -> Any:
        return cast_like(kernel(energy, state, random), state)

    if len(states.x) > _BLOCK and one_processor():
        pairs = (states, randomness)
        return jax.lax.map(lambda pair: step(*pair), pairs, batch_size=_BLOCK)
    return jax.vmap(step)(states, randomness)
