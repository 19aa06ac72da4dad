"""Contrastive divergence with persistent particles and Jarzynski's importance weights."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Scalar

from ebmark.datasets import default_step_size, local_scale
from ebmark.energies import Offset
from ebmark.methods._limits import COUNT, NON_NEGATIVE, POSITIVE
from ebmark.methods.families._mcmc import AbstractMCMCMethod
from ebmark.samplers import Particles, ess_fraction, log_z, smc_update
from ebmark.system.devices import shard


class JarzynskiState(NamedTuple):
    """Weighted particles.

    Attributes:
        particles: Particles of the gradient.
        eval_particles: Particles that estimate log Z.
        step_size: Step size h, in standardized units.
    """

    particles: Particles
    eval_particles: Particles
    step_size: Scalar


class JarzynskiContrastiveDivergence(AbstractMCMCMethod):
    r"""Persistent particles with Jarzynski importance weights; estimates log Z.

    $$ \nabla_\theta \mathcal{L} = \mathbb{E}_{data}[\nabla E] - \sum_i w_i \nabla E(X_i), \quad
       w = \mathrm{softmax}(A), \quad A \leftarrow A + E_{old}(X) - E_{new}(X), \quad
       \log Z = \log \tfrac1m \sum_{eval} e^{A_i} $$

    Particles start as samples of N(0, I), whose Z is known. The gradient raises the energy at its
    own particles, which therefore underestimate log Z by up to several nats. Evaluation particles,
    which the gradient does not use and which make no jumps, estimate log Z without this bias.

    Attributes:
        num_steps: MCMC steps per update.
        num_particles: Particles of the gradient.
        num_eval_particles: Evaluation particles.
        jump_scale: Standard deviation of an independence proposal N(0, `jump_scale`² I) before
            each update, by which particles reach modes that no particle is in; 0 for none.
        step_size: Step size h; None is $s_{min}^2 / 10$, from the smallest local scale of the data.
        adjusted: Whether the steps are MALA; else Langevin with the paper's weight correction.

    Requires: persistent particles, started where Z is known.
    Use when: mode weights and log Z have to be estimated with MCMC chains.
    Avoid when: data are narrow relative to their standard deviation: steps are then short, and
        few particles carry all the weight (diagnostic `particle_ess`).
    References: Carbone, Hua, Coste & Vanden-Eijnden (2023), Efficient training of energy-based
        models using Jarzynski equality, proposition 1, reweighted before each move; independence
        proposals and evaluation particles are additions of ebmark.
    """

    limits = {
        "num_steps": COUNT,
        "num_particles": COUNT,
        "num_eval_particles": COUNT,
        "jump_scale": NON_NEGATIVE,
        "step_size": POSITIVE,
    }

    num_steps: int = eqx.field(static=True, default=4)
    num_particles: int = eqx.field(static=True, default=512)
    num_eval_particles: int = eqx.field(static=True, default=512)
    jump_scale: float = eqx.field(static=True, default=3.0)
    step_size: float | None = None
    adjusted: bool = eqx.field(static=True, default=True)

    def init(self, data, key):
        scale_key, particle_key, eval_key = jr.split(key, 3)
        particles = Particles.of_normal(self.num_particles, data.shape[1], particle_key)
        eval_particles = Particles.of_normal(self.num_eval_particles, data.shape[1], eval_key)
        step_size = default_step_size(local_scale(data, scale_key), self.step_size)
        return JarzynskiState(particles, eval_particles, step_size)

    def loss(self, energy, batch, state, key):
        particle_key, eval_key = jr.split(key)
        particles = smc_update(
            state.particles,
            energy,
            state.step_size,
            self.num_steps,
            particle_key,
            adjusted=self.adjusted,
            jump_scale=self.jump_scale,
        )
        eval_particles = smc_update(
            state.eval_particles,
            energy,
            state.step_size,
            self.num_steps,
            eval_key,
            adjusted=self.adjusted,
        )
        weights = jax.nn.softmax(particles.log_weights)
        loss = jnp.mean(jax.vmap(energy)(batch)) - weights @ jax.vmap(energy)(shard(particles.x))
        return loss, JarzynskiState(particles, eval_particles, state.step_size)

    def learned_energy(self, trainable, state):
        return Offset(trainable, log_z(state.eval_particles, trainable))

    def diagnostics(self, trainable, state, data, key):
        diagnostics = super().diagnostics(trainable, state, data, key)
        return {**diagnostics, "particle_ess": ess_fraction(state.particles.log_weights)}

    def network_evaluations(self, batch_size, dim):
        moves = 2 * self.num_steps + 2
        # The loss costs 3 per particle, an independence proposal 2.
        loss_and_jump = 5 if self.jump_scale else 3
        return (
            3 * batch_size
            + self.num_particles * (moves + loss_and_jump)
            + self.num_eval_particles * moves
        )

    def gaussian_precision(self, variance, state):
        return 1 / variance
