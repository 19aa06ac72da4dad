"""Chains whose Langevin steps may be accepted or refused by Metropolis' rule."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ebmark.methods.families._chains import AbstractChainMethod
from ebmark.samplers import MALA, AbstractSampler, Langevin, run_chains

_LOOKED_AT = 1_000  # chains
_SAME = 1e-5  # nats; a loss of chains that move goes up and down by a thousand times that


class AbstractMCMCMethod(AbstractChainMethod):
    """Learning from chains of MALA, or of Langevin as it is: exact, or with a bias of its own."""

    adjusted: eqx.AbstractVar[bool]

    def kernel(self, state) -> AbstractSampler:
        """What moves the chains."""
        return (MALA if self.adjusted else Langevin)(state.step_size)

    def diagnostics(self, trainable, state, data, key):
        """The share of moves that are accepted, at the end of chains from the data."""
        if not self.adjusted:
            return {}
        chains = run_chains(self.kernel(state), trainable, data[:_LOOKED_AT], self.num_steps, key)
        return {"acceptance_rate": jnp.mean(chains.accepted)}

    def gaussian_precision(self, variance, state):
        """The data's own, where no step leaves a bias."""
        return 1 / variance if self.adjusted else super().gaussian_precision(variance, state)

    def check_divergence(self, losses, state):
        if self.adjusted and np.max(np.abs(losses)) < _SAME:  # data, and the ends of their chains
            return (
                "no move of the chains was accepted: nothing is learned; make step_size smaller "
                f"(it was {state.step_size:.3g})"
            )
        said = super().check_divergence(losses, state)
        return said if said is None or self.adjusted else f"{said}, or the chains adjusted"
