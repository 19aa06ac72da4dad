"""Methods that learn from MCMC chains: Metropolis-adjusted (MALA) or unadjusted Langevin."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ebmark.energies import State
from ebmark.methods.families._chains import AbstractChainMethod
from ebmark.samplers import MALA, AbstractSampler, Langevin, run_chains

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
