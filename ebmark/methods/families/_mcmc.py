"""Methods that learn from MCMC chains: Metropolis-adjusted (MALA, HMC) or unadjusted Langevin."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int

from ebmark.energies import Key, State
from ebmark.methods._limits import COUNT, FRACTION, POSITIVE
from ebmark.methods.families._chains import AbstractChainMethod
from ebmark.samplers import HMC, MALA, AbstractSampler, Langevin, run_chains

CHAIN_LIMITS = {
    "num_steps": COUNT,
    "step_size": POSITIVE,
    "num_leapfrogs": COUNT,
    "target_acceptance": FRACTION,
}
# of the fields of methods whose chains persist
PERSISTENT_LIMITS = {**CHAIN_LIMITS, "num_chains": COUNT, "reinit_prob": FRACTION}
# of log h per update and per unit of the acceptance rate
_ADAPTATION_RATE = 0.3
MAX_DIAGNOSTIC_CHAINS = 1_000
# Nats. Chains that move change the loss by more than a thousand times this from update to update.
MIN_LOSS_OF_MOVING_CHAINS = 1e-5


class AbstractMCMCMethod(AbstractChainMethod):
    """A method whose chains are MALA if `adjusted`, else unadjusted Langevin.

    Unadjusted chains have a discretization bias, which the energy learns.
    """

    adjusted: eqx.AbstractVar[bool]

    def kernel(self, state: State) -> AbstractSampler:
        """Return the transition kernel of the chains, at the step size of `state`."""
        if self.adjusted:
            return MALA(state.step_size)
        return Langevin(state.step_size)

    def diagnostics(self, trainable, state, data, key):
        """Return the acceptance rate at the end of chains from the data, if they are adjusted."""
        if not self.adjusted:
            return {}
        start = data[:MAX_DIAGNOSTIC_CHAINS]
        chains = run_chains(self.kernel(state), trainable, start, self.num_steps, key)
        return {"acceptance_rate": jnp.mean(chains.accepted)}

    def gaussian_precision(self, variance, state):
        return 1 / variance if self.adjusted else super().gaussian_precision(variance, state)

    def check_divergence(self, losses, state):
        if self.adjusted and np.max(np.abs(losses)) < MIN_LOSS_OF_MOVING_CHAINS:
            return (
                "no move of the chains was accepted, so nothing is learned. "
                f"Decrease step_size (currently {state.step_size:.3g})."
            )
        reason = super().check_divergence(losses, state)
        if reason is None or self.adjusted:
            return reason
        return f"{reason.removesuffix('.')} or set adjusted = true."


class AbstractHMCMethod(AbstractMCMCMethod):
    """A method whose adjusted chains may be HMC, with a step size that adapts while training."""

    num_leapfrogs: eqx.AbstractVar[int]
    target_acceptance: eqx.AbstractVar[float | None]

    @property
    def is_hmc(self) -> bool:
        """Whether the chains are HMC, else Langevin."""
        return self.adjusted and self.num_leapfrogs > 1

    @property
    def chain_evaluations(self) -> int:
        """Network evaluations of one chain."""
        return 2 * self.num_steps * (self.num_leapfrogs if self.is_hmc else 1)

    def kernel(self, state: State) -> AbstractSampler:
        if self.is_hmc:
            return HMC(state.step_size, self.num_leapfrogs)
        return super().kernel(state)

    def adapt_step_size(self, state: Any, chains: Any) -> Any:
        r"""Return the state with $\log h$ raised by 0.3 times the excess acceptance rate.

        Args:
            state: A NamedTuple with a field `step_size`.
            chains: The last states of the chains of `kernel`.
        """
        if self.target_acceptance is None or not self.adjusted:
            return state
        excess = jnp.mean(chains.accepted) - self.target_acceptance
        return state._replace(step_size=state.step_size * jnp.exp(_ADAPTATION_RATE * excess))

    def network_evaluations(self, batch_size, dim):
        del dim
        return batch_size * (self.chain_evaluations + 6)


def draw_stratified(total: int, num: int, key: Key) -> Int[Array, " num"]:
    """Draw `num` different numbers below `total`, one from each of `num` random strata.

    Chains are exchangeable, so that only their equal frequency matters; a permutation of all
    chains would cost as much as moving them.

    Args:
        total: Number of chains.
        num: Number of draws, at most `total`.
        key: Random key.
    """
    offset_key, shift_key = jr.split(key)
    edges = np.arange(num + 1) * total // num
    draws = jr.randint(offset_key, (num,), edges[:-1], edges[1:])
    return (draws + jr.randint(shift_key, (), 0, total)) % total
