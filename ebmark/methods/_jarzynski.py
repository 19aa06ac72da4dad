"""Contrastive divergence with persistent walkers that carry Jarzynski's weights."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.energies import Offset
from ebmark.local_scale import local_scale, safe_step
from ebmark.methods._chains import AbstractChainMethod
from ebmark.walkers import Walkers, log_mean, moved, resampled, share_effective


class JarzynskiState(NamedTuple):
    walkers: Walkers
    log_z: Scalar  # of the parameters at the last update
    step_size: Scalar


class JarzynskiContrastiveDivergence(AbstractChainMethod):
    r"""Persistent chains whose weights undo their lag: an unbiased gradient, and log Z for free.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{data}[\nabla E] - \sum_i w_i \nabla E(X_i), \quad
       w = \mathrm{softmax}(A), \quad A \leftarrow A + E_{old}(X) - E_{new}(X), \quad
       \log Z = \log \tfrac1n \sum_i e^{A_i} $$

    The walkers start as draws of N(0, I), whose Z is known; each of `num_steps` Langevin steps adds
    its own correction. Below an effective share of a half they are resampled. Modes get their
    masses through the weights. log Z is that of the last, unaveraged parameters.

    Needs walkers that it keeps, started where Z is known. Use it when chains are to give the masses
    of modes and log Z. Not when the data are thin in units of their spread: the steps are then
    short, and the weights fall to a few walkers (the diagnostic `ess`).

    Carbone, Hua, Coste & Vanden-Eijnden (2023), Efficient training of energy-based models using
    Jarzynski equality, proposition 1, reweighted before each move in place of after.
    """

    num_steps: int = eqx.field(static=True, default=4)
    num_walkers: int = eqx.field(static=True, default=1024)
    step_size: float | None = None

    def init(self, data, key):
        scale_key, walker_key = jr.split(key)
        walkers = Walkers.of_normal(self.num_walkers, data.shape[1], walker_key)
        step_size = safe_step(local_scale(data, scale_key), self.step_size)
        return JarzynskiState(walkers, jnp.array(0.0), step_size)

    def loss(self, energy, batch, state, key):
        resample_key, move_key = jr.split(key)
        walkers = moved(state.walkers, energy, state.step_size, self.num_steps, move_key)
        log_z = walkers.log_z + log_mean(walkers.log_weights)
        weights = jax.nn.softmax(walkers.log_weights)
        loss = jnp.mean(jax.vmap(energy)(batch)) - weights @ jax.vmap(energy)(walkers.x)
        return loss, JarzynskiState(resampled(walkers, resample_key), log_z, state.step_size)

    def density(self, trainable, state):
        return Offset(trainable, state.log_z)

    def diagnostics(self, trainable, state, data, key):
        return {"ess": share_effective(state.walkers.log_weights)}

    def evaluations(self, batch, dim):
        return 3 * batch + self.num_walkers * (2 * self.num_steps + 5)

    def gaussian_precision(self, variance, state):
        return 1 / variance
