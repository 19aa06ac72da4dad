"""Contrastive divergence with persistent walkers that carry Jarzynski's weights."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import Offset
from ebmark.methods.families._adjusted_chains import AbstractMCMCMethod
from ebmark.samplers import Particles, ess_fraction, log_z, smc_update


class JarzynskiState(NamedTuple):
    particles: Particles
    eval_particles: Particles  # no gradient sees them: they follow, and log Z is theirs
    step_size: Scalar


class JarzynskiContrastiveDivergence(AbstractMCMCMethod):
    r"""Persistent chains whose weights undo their lag; log Z by others that no gradient sees.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{data}[\nabla E] - \sum_i w_i \nabla E(X_i), \quad
       w = \mathrm{softmax}(A), \quad A \leftarrow A + E_{old}(X) - E_{new}(X), \quad
       \log Z = \log \tfrac1m \sum_{witnesses} e^{A_i} $$

    Walkers start as draws of N(0, I), whose Z is known, and move by `num_steps` of MALA, or
    (`adjusted` false) of Langevin with the paper's correction of each. First each may jump to a
    draw of N(0, `reach`^2 I), by Metropolis' rule: so it finds wells that open where no walker
    was. The gradient lifts the energy where its walkers are, which therefore see Z too small, by
    nats; log Z is told by witnesses that do not jump: their errors cancel from update to update.

    Needs walkers that it keeps, started where Z is known. Use it when chains are to give the masses
    of modes and log Z. Not when the data are thin in units of their spread: the steps are then
    short, and the weights fall to a few walkers (the diagnostic `ess`).

    Carbone, Hua, Coste & Vanden-Eijnden (2023), Efficient training of energy-based models using
    Jarzynski equality, proposition 1, reweighted before each move; jumps and witnesses are ours.
    """

    num_steps: int = eqx.field(static=True, default=4)
    num_particles: int = eqx.field(static=True, default=512)
    num_eval_particles: int = eqx.field(static=True, default=512)
    jump_scale: float = eqx.field(static=True, default=3.0)
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)

    def init(self, data, key):
        scale_key, one, two = jr.split(key, 3)
        particles = Particles.of_normal(self.num_particles, data.shape[1], one)
        eval_particles = Particles.of_normal(self.num_eval_particles, data.shape[1], two)
        step_size = default_step_size(local_scale(data, scale_key), self.step_size)
        return JarzynskiState(particles, eval_particles, step_size)

    def loss(self, energy, batch, state, key):
        (one, two), how = jr.split(key), (energy, state.step_size, self.num_steps)
        particles = smc_update(
            state.particles, *how, one, adjusted=self.adjusted, jump_scale=self.jump_scale
        )
        eval_particles = smc_update(state.eval_particles, *how, two, adjusted=self.adjusted)
        weights = jax.nn.softmax(particles.log_weights)
        loss = jnp.mean(jax.vmap(energy)(batch)) - weights @ jax.vmap(energy)(particles.x)
        return loss, JarzynskiState(particles, eval_particles, state.step_size)

    def learned_energy(self, trainable, state):
        return Offset(trainable, log_z(state.eval_particles, trainable))

    def diagnostics(self, trainable, state, data, key):
        accepted = super().diagnostics(trainable, state, data, key)
        return accepted | {"particle_ess": ess_fraction(state.particles.log_weights)}

    def network_evaluations(self, batch, dim):
        moves, more = 2 * self.num_steps + 2, 5 if self.jump_scale else 3
        return 3 * batch + self.num_particles * (moves + more) + self.num_eval_particles * moves

    def gaussian_precision(self, variance, state):
        return 1 / variance
