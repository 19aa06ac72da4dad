"""What methods that learn from chains share: their cost, and the sign that the chains run away."""

import math

import equinox as eqx
import numpy as np

from ebmark.methods._base import AbstractMethod

_GAP = 5.0  # nats, mean over a chunk; healthy runs of the built-in laws stay below 1 (measured)


class AbstractChainMethod(AbstractMethod):
    """A method whose negatives are `num_steps` Langevin steps away; its state has `step_size`."""

    num_steps: eqx.AbstractVar[int]

    def network_evaluations(self, batch, dim):
        return batch * (2 * self.num_steps + 6)  # a gradient in x is two passes, not three

    def gaussian_precision(self, variance, state):
        """Where the kernel's stationary variance, s^2 / (1 - h / 2 s^2), is the data's."""
        h = float(state.step_size)
        return (1 - math.sqrt(1 - 2 * h / variance)) / h

    def check_divergence(self, losses, state):
        gap = float(np.mean(np.abs(losses)))
        if gap <= _GAP:
            return None
        return (
            f"the mean energies of data and chains differ by {gap:.3g} nats (expected: below 1). "
            f"Decrease step_size (currently {state.step_size:.3g})."
        )
