"""The discretization bias of Langevin dynamics, by Richardson extrapolation."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.energies import Energy, Key
from ebmark.samplers._langevin import Langevin
from ebmark.system.devices import full_matmul_precision

_FINEST = 4  # steps of h / 4 make one of h


class StepBias(NamedTuple):
    """The mean energy under Langevin chains at three steps, at step 0, and the truth, in nats."""

    steps: tuple[float, float, float]
    means: tuple[float, float, float]
    errors: tuple[float, float, float]  # standard errors
    biases: tuple[float, float, float]  # the means less the limit
    bias_errors: tuple[float, float, float]
    limit: float
    limit_error: float
    exact: float  # by quadrature; above the plane the mean over tempered chains
    exact_error: float  # 0 by quadrature

    @property
    def agrees(self) -> bool:
        """Whether the limit is the truth, within 3 standard errors."""
        error = np.hypot(self.limit_error, self.exact_error)
        return bool(abs(self.limit - self.exact) < 3 * error)


def richardson(a, half, quarter):
    r"""The value at step 0 of one that is smooth in the step, from three steps.

    $$ a(0) = \tfrac13 (a(h) - 6 a(h/2) + 8 a(h/4)) + O(h^3) $$

    Richardson (1911), The approximate arithmetical solution by finite differences.
    """
    return (a - 6 * half + 8 * quarter) / 3


def step_bias(
    energy: Energy, x, exact: float, h: float, num_steps: int, key: Key, exact_error: float = 0.0
) -> StepBias:
    r"""The mean of E over unadjusted Langevin chains at h, h/2, h/4, all for the same time.

    $$ x \leftarrow x - h \nabla E + \sqrt{2h}\, \xi; \qquad
       \mathbb{E}_h[E] = \mathbb{E}[E] + O(h) $$

    The chains start at exact samples `x`, so that the masses of the modes are right and only the
    step is at fault; the first half of the time is for settling. The three move by one Brownian
    motion: their differences have far less noise than they. `exact` is E's mean by quadrature.

    Durmus & Moulines (2017), Nonasymptotic convergence analysis for the unadjusted Langevin
    algorithm; Giles (2008), Multilevel Monte Carlo path simulation, for the common noise.
    """
    step = jnp.asarray(h, jnp.float32)
    means = np.asarray(_mean_energies(energy, x, step, num_steps, key), np.float64)  # (3, chains)
    limits = richardson(*means)
    errors, bias_errors = (_error(values).tolist() for values in (means, means - limits))
    limit = float(limits.mean())
    biases = (means.mean(axis=1) - limit).tolist()
    steps, found = [h, h / 2, h / 4], means.mean(axis=1).tolist()
    three = (tuple(one) for one in (steps, found, errors, biases, bias_errors))
    return StepBias(*three, limit, float(_error(limits)), exact, exact_error)


def _error(values: np.ndarray) -> np.ndarray:
    return values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])


@full_matmul_precision
@eqx.filter_jit
def _mean_energies(energy: Energy, x, h, num_steps: int, key: Key):
    """Each chain's mean of E over the latter half of the time, at h, h/2 and h/4."""

    def moved(x, noise):
        """As many steps as there are noises, in the time of one of h."""
        kernel = Langevin(h / len(noise))
        for one in noise:
            states = jax.vmap(kernel.init, in_axes=(None, 0))(energy, x)
            x = jax.vmap(kernel.step, in_axes=(None, 0, 0))(energy, states, one).x
        return x

    def body(carry, numbered):
        chains, totals = carry
        number, step_key = numbered
        fine = jr.normal(step_key, (_FINEST, *x.shape))
        halves = (fine[::2] + fine[1::2]) / jnp.sqrt(2.0)
        whole = (halves[:1] + halves[1:]) / jnp.sqrt(2.0)
        noises = (whole, halves, fine)
        chains = jnp.stack([moved(*pair) for pair in zip(chains, noises, strict=True)])
        energies = jax.vmap(jax.vmap(energy))(chains)
        return (chains, totals + jnp.where(number >= num_steps // 2, energies, 0.0)), None

    start = (jnp.stack([x] * 3), jnp.zeros((3, x.shape[0])))
    numbers = (jnp.arange(num_steps), jr.split(key, num_steps))
    return jax.lax.scan(body, start, numbers)[0][1] / (num_steps - num_steps // 2)
