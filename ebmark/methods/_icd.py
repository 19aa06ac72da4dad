"""Improved contrastive divergence."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import stop_gradient
from ebmark.methods.families._chains import AbstractChainMethod
from ebmark.samplers import Langevin, run_chains


class ICDState(NamedTuple):
    step_size: Scalar
    seen: Float[Array, "chains dim"]  # where chains ended lately: neighbours for the entropy


class ImprovedContrastiveDivergence(AbstractChainMethod):
    r"""Contrastive divergence, and its own chains' law pulled to the model's.

    $$ \mathcal{L} = \mathbb{E}_{data}[E(x)] - \mathbb{E}[E(\mathrm{sg}(x^-))]
       + \mathbb{E}[E_{\mathrm{sg}(\theta)}(x^-)] - d\, \mathbb{E} \log \min_j \|x^- - b_j\| $$

    The third and fourth are KL(q || p) of the chains' law q; the gradient flows through the last
    Langevin step only. The entropy is a nearest-neighbour estimate, to `num_seen` ends $b_j$ of
    earlier chains (Kozachenko-Leonenko); `weight` scales both. The gradient of CD's own objective,
    KL(data || p) - KL(q || p), subtracts what the paper, and its code, add: `weight` = -1 is that.

    Needs chains, second derivatives through their last step, and a store of their ends. Use it when
    CD's chains lag behind the energy. Not when CD does well: dearer, and no better on the 8
    Gaussians and moons (one seed: KL .032 and .026, CD .016 and .015).

    Du, Li, Tenenbaum & Mordatch (2021), Improved contrastive divergence training of EBMs, eq. 5.
    """

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
        kernel, fixed = Langevin(state.step_size), stop_gradient(energy)
        x = run_chains(kernel, fixed, batch, self.num_steps - 1, chain_key).x
        x = run_chains(kernel, energy, x, 1, last_key).x  # and this one knows theta
        ends = jax.lax.stop_gradient(x)
        squares = jnp.sum((x[:, None] - state.seen) ** 2, axis=-1)
        entropy = 0.5 * batch.shape[1] * jnp.mean(jnp.log(jnp.min(squares, axis=1) + 1e-12))
        own = jnp.mean(jax.vmap(fixed)(x)) - entropy
        loss = jnp.mean(jax.vmap(energy)(batch)) - jnp.mean(jax.vmap(energy)(ends))
        own = self.weight * (own - jax.lax.stop_gradient(own))  # its value is no gap of energies
        seen = jnp.concatenate([ends, state.seen])[: self.num_seen]
        return loss + own, ICDState(state.step_size, seen)

    def network_evaluations(self, batch, dim):
        return batch * (2 * self.num_steps + 12)
