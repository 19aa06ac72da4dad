"""Flow contrastive estimation."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from ebmark.energies import Offset, stop_gradient
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import POSITIVE
from ebmark.methods._nce import NoiseContrastiveEstimation
from ebmark.methods.noises._base import NUM_ESS_POINTS, noise_ess
from ebmark.methods.noises._flow import CouplingFlow


class FCEState(NamedTuple):
    """The flow, and the state of its optimizer."""

    flow: CouplingFlow
    optimizer_state: PyTree


class FlowContrastiveEstimation(AbstractMethod):
    r"""NCE with a jointly trained flow as noise.

    $$ \min_\theta \max_\alpha\; -\mathbb{E}_p \log \sigma(u) - \mathbb{E}_{q_\alpha}
       \log \sigma(-u), \quad u(x) = -E_\theta(x) - c - \log q_\alpha(x) $$

    The flow is first fitted by maximum likelihood and takes one step of Adam per update. The paper
    instead pauses the energy or the flow, depending on the classifier's accuracy. At the optimum
    the loss is log 4 and $c = \log Z$.

    Attributes:
        flow_learning_rate: Learning rate of the flow.

    Requires: a normalizing flow, trained with the energy.
    Use when: the noise distribution has to adapt to the data and a flow can fit them.
    Avoid when: stable training matters: the KL of the min-max problem varies between seeds.
    References: Gao, Nijkamp, Kingma, Xu, Dai & Wu (2020), Flow contrastive estimation of
        energy-based models.
    """

    limits = {"flow_learning_rate": POSITIVE}

    flow_learning_rate: float = 3e-4

    def init(self, data, key):
        flow = CouplingFlow.fit(data, 1.0, key)
        return FCEState(flow, self._optimizer.init(eqx.filter(flow, eqx.is_inexact_array)))

    def build_trainable(self, energy, data, key):
        return Offset(energy, jnp.zeros(()))

    def loss(self, energy, batch, state, key):
        def value(energy, flow):
            return NoiseContrastiveEstimation().loss(energy, batch, flow, key)[0]

        ascent = eqx.filter_grad(lambda flow: -value(stop_gradient(energy), flow))(state.flow)
        steps, optimizer_state = self._optimizer.update(ascent, state.optimizer_state)
        flow = eqx.apply_updates(state.flow, steps)
        return value(energy, state.flow), FCEState(flow, optimizer_state)

    def network_evaluations(self, batch_size, dim):
        del dim
        # 6 of NCE, and the gradient in the noise points, whose forward pass is shared.
        return 8 * batch_size

    def diagnostics(self, trainable, state, data, key):
        return {"noise_ess": noise_ess(trainable, state.flow, NUM_ESS_POINTS, key)}

    @property
    def _optimizer(self) -> optax.GradientTransformation:
        return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(self.flow_learning_rate))
