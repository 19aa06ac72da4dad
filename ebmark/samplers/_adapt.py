"""Adaptation of the step of the samplers that accept and refuse."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ebmark.energies import Energy, Key
from ebmark.samplers._base import AbstractSampler
from ebmark.system.devices import full_matmul_precision, shard

_SHRINKAGE, _DELAY, _DECAY = 0.05, 10.0, 0.75  # gamma, t_0 and kappa of the paper


@full_matmul_precision
@eqx.filter_jit
def adapt(
    sampler: AbstractSampler,
    energy: Energy,
    x: Float[Array, "chains dim"],
    num_steps: int,
    key: Key,
    *,
    target: float = 0.6,
) -> tuple[AbstractSampler, Float[Array, "chains dim"]]:
    r"""The sampler with the step at which it accepts `target` of its moves, and where chains are.

    $$ \log h_{t+1} = \mu - \frac{\sqrt t}{\gamma} \frac{1}{t + t_0} \sum_{i \le t} (\delta - a_i),
       \quad \log \bar h_{t+1} = t^{-\kappa} \log h_{t+1} + (1 - t^{-\kappa}) \log \bar h_t $$

    $a_i$ is the share of all chains that accepted step $i$. The chains move meanwhile: what follows
    should start from where they are, and count from there.

    Hoffman & Gelman (2014), The No-U-Turn Sampler, section 3.2 (dual averaging).
    """
    middle = jnp.log(10 * jnp.asarray(sampler.step_size))

    def at(log_step):
        return eqx.tree_at(lambda s: s.step_size, sampler, jnp.exp(log_step))

    def body(carry, numbered):
        states, log_step, average, gap = carry
        t, step_key = numbered
        noise = sampler.draw(step_key, *x.shape)
        states = jax.vmap(at(log_step).step, in_axes=(None, 0, 0))(energy, states, noise)
        gap = gap + (target - jnp.mean(states.accepted))
        log_step = middle - jnp.sqrt(t) / _SHRINKAGE * gap / (t + _DELAY)
        weight = t**-_DECAY
        return (states, log_step, weight * log_step + (1 - weight) * average, gap), None

    states = jax.vmap(sampler.init, in_axes=(None, 0))(energy, shard(x))
    start = (states, jnp.log(jnp.asarray(sampler.step_size)), jnp.array(0.0), jnp.array(0.0))
    numbered = (jnp.arange(1.0, num_steps + 1), jr.split(key, num_steps))
    (states, _, average, _), _ = jax.lax.scan(body, start, numbered)
    return at(average), states.x


def best_acceptance(sampler: AbstractSampler) -> float:
    """The acceptance that the sampler is best tuned to: theory's, for many dimensions."""
    return {"HMC": 0.65}.get(type(sampler).__name__, 0.574)
