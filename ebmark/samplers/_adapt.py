"""Adaptation of the step size of Metropolis-adjusted samplers."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.energies import Energy, Key, cast_like, cast_to_energy
from ebmark.samplers._base import AbstractSampler
from ebmark.samplers._hmc import HMC
from ebmark.system.devices import full_matmul_precision, shard

# gamma, t_0 and kappa of Hoffman & Gelman (2014)
_SHRINKAGE = 0.05
_DELAY = 10.0
_DECAY = 0.75


@full_matmul_precision
@eqx.filter_jit
def adapt(
    sampler: AbstractSampler,
    energy: Energy,
    x: Float[Array, "chains dim"],
    num_steps: int,
    key: Key,
    *,
    target_acceptance: float | Scalar = 0.6,
) -> tuple[AbstractSampler, Float[Array, "chains dim"]]:
    r"""Adapt the step size to a target acceptance rate by dual averaging.

    $$ \log h_{t+1} = \mu - \frac{\sqrt t}{\gamma} \frac{1}{t + t_0} \sum_{i \le t} (\delta - a_i),
       \quad \log \bar h_{t+1} = t^{-\kappa} \log h_{t+1} + (1 - t^{-\kappa}) \log \bar h_t $$

    $a_i$ is the fraction of chains that accepted step $i$. The chains move during adaptation, so
    sampling should continue from the returned points.

    Args:
        sampler: a sampler whose state has `accepted`, such as `MALA`.
        energy: maps one point, shape (dim,), to a scalar.
        x: starting points, one row per chain.
        num_steps: number of transitions.
        key: PRNG key.
        target_acceptance: the acceptance rate $\delta$, in (0, 1).

    Returns:
        The sampler with the adapted step size, and the points of the chains.

    References: Hoffman & Gelman (2014), The No-U-Turn Sampler, section 3.2.
    """
    x = cast_to_energy(energy, jnp.asarray(x))
    log_step_prior = jnp.log(10 * jnp.asarray(sampler.step_size))

    def with_step_size(log_step: Scalar) -> AbstractSampler:
        return eqx.tree_at(lambda s: s.step_size, sampler, jnp.exp(log_step))

    def body(carry: tuple, inputs: tuple) -> tuple[Any, None]:
        states, log_step, average, gap = carry
        t, step_key = inputs
        keys = jr.split(step_key, x.shape[0])
        step = jax.vmap(with_step_size(log_step).step, in_axes=(None, 0, 0))
        states = step(energy, states, keys)
        gap = gap + (target_acceptance - jnp.mean(states.accepted))
        log_step = log_step_prior - jnp.sqrt(t) / _SHRINKAGE * gap / (t + _DELAY)
        weight = t**-_DECAY
        average = weight * log_step + (1 - weight) * average
        return cast_like((states, log_step, average, gap), carry), None

    states = jax.vmap(sampler.init, in_axes=(None, 0))(energy, shard(x))
    start = (states, jnp.log(jnp.asarray(sampler.step_size)), jnp.array(0.0), jnp.array(0.0))
    inputs = (jnp.arange(1.0, num_steps + 1), jr.split(key, num_steps))
    (states, _, average, _), _ = jax.lax.scan(body, start, inputs)
    return with_step_size(average), states.x


def best_acceptance(sampler: AbstractSampler) -> float:
    """Return the asymptotically optimal acceptance rate: 0.65 for HMC, 0.574 for MALA."""
    return 0.65 if isinstance(sampler, HMC) else 0.574
