"""What a sampler is: `init` and `step` for one chain, `draw` and a scan of steps for many."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array, Float

from ebmark.energies import Energy, Key, Point
from ebmark.system.devices import full_matmul_precision, one_processor, shard

_BLOCK = 1_000  # chains whose activations a processor's cache holds


class AbstractSampler(eqx.Module):
    """A Markov kernel whose target is p(x) proportional to exp(-E(x)).

    A state is a NamedTuple whose first field is the point `x`; what is costly to recompute, and
    what tells how the chain fares, are its other fields.
    """

    @abc.abstractmethod
    def init(self, energy: Energy, x: Point) -> Any:
        """The state of a chain that starts at `x`."""

    @abc.abstractmethod
    def step(self, energy: Energy, state: Any, noise: Any) -> Any:
        """One transition, driven by one chain's part of what `draw` has drawn."""

    def draw(self, key: Key, num: int, dim: int) -> Any:
        """What drives a transition of `num` independent chains: a key each, by default."""
        del dim
        return jr.split(key, num)


class AbstractUnadjusted(AbstractSampler):
    """A sampler whose transition needs one Gaussian vector: those of all chains are drawn at once.

    The law is that of a key for each chain, at half the price.
    """

    def draw(self, key, num, dim):
        return jr.normal(key, (num, dim))


@full_matmul_precision
@eqx.filter_jit
def run_chains(
    sampler: AbstractSampler,
    energy: Energy,
    x: Float[Array, "chains dim"],
    num_steps: int,
    key: Key,
) -> Any:
    """`num_steps` transitions of independent chains from the rows of `x`; their last states."""

    def body(states, step_key):
        return _transition(sampler, energy, states, step_key), None

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
    """Go on from `states` for `num_kept` times `every` transitions: the last, and those kept.

    `states` are what `run_chains` returned. Kept states have a first axis of `num_kept`.
    """

    def body(states, key):
        states, _ = jax.lax.scan(one, states, jr.split(key, every))
        return states, states

    def one(states, key):
        return _transition(sampler, energy, states, key), None

    return jax.lax.scan(body, states, jr.split(key, num_kept))


def _transition(sampler: AbstractSampler, energy: Energy, states: Any, key: Key) -> Any:
    """A step of all chains; on one processor a block after the other, with the same result."""

    def step(state, noise):
        return sampler.step(energy, state, noise)

    noise = sampler.draw(key, *states.x.shape)
    if len(states.x) > _BLOCK and one_processor():
        return jax.lax.map(lambda one: step(*one), (states, noise), batch_size=_BLOCK)
    return jax.vmap(step)(states, noise)
