"""Flow contrastive estimation."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from ebmark.energies import Offset, stop_gradient
from ebmark.methods._base import AbstractMethod
from ebmark.methods._nce import NoiseContrastiveEstimation
from ebmark.methods.noises._base import OVERLAP_POINTS, overlap
from ebmark.methods.noises._flow import CouplingFlow


class FCEState(NamedTuple):
    flow: CouplingFlow
    memory: PyTree  # of the flow's Adam


class FlowContrastiveEstimation(AbstractMethod):
    r"""Noise contrastive estimation whose noise is a flow that learns to be taken for data.

    $$ \min_\theta \max_\alpha\; -\mathbb{E}_p \log \sigma(u) - \mathbb{E}_{q_\alpha}
       \log \sigma(-u), \quad u(x) = -E_\theta(x) - c - \log q_\alpha(x) $$

    The flow starts fitted by likelihood and takes a step of Adam an update (the paper lets one of
    the two rest, by the classifier's accuracy). At the optimum: log 4, and $c = \log Z$.

    Needs a flow, trained beside the energy. Use it when the noise has to follow the data and a flow
    can. Not when steadiness counts: a minimum of a maximum, KL .008 and .062 on the moons (two
    seeds).

    Gao, Nijkamp, Kingma, Xu, Dai & Wu (2020), Flow contrastive estimation of energy-based models.
    """

    flow_learning_rate: float = 3e-4

    def init(self, data, key):
        flow = CouplingFlow.fit(data, 1.0, key)
        return FCEState(flow, self._adam.init(eqx.filter(flow, eqx.is_inexact_array)))

    def build_trainable(self, energy, data, key):
        return Offset(energy, jnp.zeros(()))

    def loss(self, energy, batch, state, key):
        def value(energy, flow):
            return NoiseContrastiveEstimation().loss(energy, batch, flow, key)[0]

        ascent = eqx.filter_grad(lambda flow: -value(stop_gradient(energy), flow))(state.flow)
        steps, memory = self._adam.update(ascent, state.memory)
        return value(energy, state.flow), FCEState(eqx.apply_updates(state.flow, steps), memory)

    def network_evaluations(self, batch, dim):
        del dim
        return 8 * batch  # 6, and the gradient in the noise points, whose forward pass is shared

    def diagnostics(self, trainable, state, data, key):
        return {"noise_ess": overlap(trainable, state.flow, OVERLAP_POINTS, key)}

    @property
    def _adam(self):
        return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(self.flow_learning_rate))
