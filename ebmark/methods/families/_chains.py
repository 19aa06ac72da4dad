"""Methods that learn from Markov chains: cost, fixed point, and when the chains diverge."""

import math

import equinox as eqx
import numpy as np

from ebmark.methods._base import AbstractMethod

# Nats, mean over the latest updates. Healthy runs on the built-in datasets stay below 1 (measured).
MAX_ENERGY_GAP = 5.0


class AbstractChainMethod(AbstractMethod):
    """A method whose negatives are end points of `num_steps` Langevin steps.

    Its state has a field `step_size`.
    """

    num_steps: eqx.AbstractVar[int]

    def network_evaluations(self, batch_size, dim):
        # A gradient in x costs two forward passes; the losses of data and negatives cost three.
        return batch_size * (2 * self.num_steps + 6)

    def gaussian_precision(self, variance, state):
        r"""Return the λ at which the stationary variance of the chains is that of the data.

        $$ s_{chains}^2 = \frac{1}{\lambda (1 - h \lambda / 2)} $$
        """
        h = float(state.step_size)
        return (1 - math.sqrt(1 - 2 * h / variance)) / h

    def check_divergence(self, losses, state):
        gap = float(np.mean(np.abs(losses)))
        if gap <= MAX_ENERGY_GAP:
            return None
        return (
            f"the mean energies of data and chains differ by {gap:.3g} nats (expected: below 1). "
            f"Decrease step_size (currently {state.step_size:.3g})."
        )
