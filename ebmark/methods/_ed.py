"""Energy discrepancy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import COUNT, NON_NEGATIVE, POSITIVE
from ebmark.system.random_numbers import normal


class EnergyDiscrepancy(AbstractMethod):
    r"""Energy discrepancy against perturbed copies of the data.

    $$ \mathcal{L} = \mathbb{E} \log\left(\frac{w}{M} + \frac1M \sum_{j=1}^M
       e^{E(x) - E(x + \sqrt{t}\, \xi + \sqrt{t}\, \xi_j)}\right) $$

    The loss tends to score matching as $t \to 0$ and to maximum likelihood as $t \to \infty$. As
    $M \to \infty$ its optimum is the data distribution for every t.

    Attributes:
        samples: Perturbed copies M per data point.
        time: Variance t of each of the two perturbations, in standardized units.
        stabilizer: Weight w, which keeps the bias of the logarithm of few samples small.

    Requires: energies only: no derivative in x, no chains, no noise distribution.
    Use when: data fill their space: a good first choice in two dimensions, close to the
        oracle.
    Avoid when: data lie on thin manifolds or have many dimensions: perturbed copies seldom return
        to the data.
    References: Schroeder, Ou, Lim, Li, Vollmer & Duncan (2023), Energy discrepancies: a
        score-independent loss for energy-based models.
    """

    limits = {"samples": COUNT, "time": POSITIVE, "stabilizer": NON_NEGATIVE}

    samples: int = eqx.field(static=True, default=4)
    time: float = 0.5
    stabilizer: float = 1.0

    def loss(self, energy, batch, state, key):
        center_key, copy_key = jr.split(key)
        std = jnp.sqrt(self.time)
        centers = batch + std * jr.normal(center_key, batch.shape)
        copies = centers + std * normal(copy_key, (self.samples, *batch.shape))
        gaps = jax.vmap(energy)(batch) - jax.vmap(jax.vmap(energy))(copies)
        log_sums = jnp.logaddexp(jax.nn.logsumexp(gaps, axis=0), jnp.log(self.stabilizer))
        return jnp.mean(log_sums) - jnp.log(self.samples), state

    def network_evaluations(self, batch_size, dim):
        del dim
        return 3 * batch_size * (1 + self.samples)
