"""Improved contrastive divergence."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import stop_gradient
from ebmark.methods._limits import COUNT, POSITIVE, Interval
from ebmark.methods.families._chains import AbstractChainMethod
from ebmark.samplers import Langevin, run_chains


class ICDState(NamedTuple):
    """State of improved CD.

    Attributes:
        step_size: Step size h of the chains, in standardized units.
        seen: Latest end points of chains, among which the entropy's nearest neighbors are.
    """

    step_size: Scalar
    seen: Float[Array, "chains dim"]


class ImprovedContrastiveDivergence(AbstractChainMethod):
    r"""CD with a KL term differentiated through the last chain step.

    $$ \mathcal{L} = \mathbb{E}_{data}[E(x)] - \mathbb{E}[E(\mathrm{sg}(x^-))]
       + \mathbb{E}[E_{\mathrm{sg}(\theta)}(x^-)] - d\, \mathbb{E} \log \min_j \|x^- - b_j\| $$

    The third and fourth terms are KL(q ‖ p) of the distribution of the chains q, up to a constant.
    The fourth is a nearest-neighbor estimate of the entropy of q (Kozachenko-Leonenko). The
    gradient of the objective of CD, KL(data ‖ p) - KL(q ‖ p), subtracts the terms that the paper
    and its code add: that is `weight` = -1.

    Attributes:
        num_steps: Chain length.
        num_seen: End points $b_j$ of earlier chains that are stored.
        weight: Weight of the third and fourth terms.
        step_size: Step size h; None is $s_{min}^2 / 10$, from the smallest local scale of the data.

    Requires: MCMC chains, second derivatives through their last step, a buffer of end points.
    Use when: the distribution of CD's chains stays far from the model distribution.
    Avoid when: CD works: the cost is higher, and in two dimensions so is the KL.
    References: Du, Li, Tenenbaum & Mordatch (2021), Improved contrastive divergence training of
        EBMs, eq. 5.
    """

    limits = {
        "num_steps": COUNT,
        "num_seen": COUNT,
        "weight": Interval(),
        "step_size": POSITIVE,
    }

    num_steps: int = eqx.field(static=True, default=10)
    num_seen: int = eqx.field(static=True, default=512)
    weight: float = 1.0
    step_size: float | None = None

    def init(self, data, key):
        scale_key, seen_key = jr.split(key)
        seen = data[jr.randint(seen_key, (self.num_seen,), 0, data.shape[0])]
        return ICDState(default_step_size(local_scale(data, scale_key), self.step_size), seen)

    def loss(self, energy, batch, state, key):
        chain_key, last_key = jr.split(key)
        kernel = Langevin(state.step_size)
        fixed_energy = stop_gradient(energy)
        x = run_chains(kernel, fixed_energy, batch, self.num_steps - 1, chain_key).x
        # The gradient flows through this last step only.
        x = run_chains(kernel, energy, x, 1, last_key).x
        ends = jax.lax.stop_gradient(x)
        squares = jnp.sum((x[:, None] - state.seen) ** 2, axis=-1)
        entropy = 0.5 * batch.shape[1] * jnp.mean(jnp.log(jnp.min(squares, axis=1) + 1e-12))
        kl = jnp.mean(jax.vmap(fixed_energy)(x)) - entropy
        energy_gap = jnp.mean(jax.vmap(energy)(batch)) - jnp.mean(jax.vmap(energy)(ends))
        # Only the gradient of the KL term counts: the value of the loss stays the energy gap.
        kl_term = self.weight * (kl - jax.lax.stop_gradient(kl))
        seen = jnp.concatenate([ends, state.seen])[: self.num_seen]
        return energy_gap + kl_term, ICDState(state.step_size, seen)

    def network_evaluations(self, batch_size, dim):
        return batch_size * (2 * self.num_steps + 12)
