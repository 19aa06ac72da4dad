"""The schedule of an annealing path, chosen by an adaptive run of sequential Monte Carlo."""

import jax.random as jr
import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar

from ebmark.energies import Energy, Key
from ebmark.partition_function._annealing import (
    MAX_STEPS,
    Particles,
    Schedule,
    Steps,
    evaluate_particles,
    follow,
)
from ebmark.partition_function._bases import MixtureBase
from ebmark.system.random_numbers import split

_ACCEPTANCE = 0.8
# a level is at least this far from the one before
_MIN_INCREMENT = 1e-6


def choose_schedule(
    base: MixtureBase, energy: Energy, num: int, key: Key, *, ess: float
) -> tuple[Schedule, Particles | None]:
    r"""Choose inverse temperatures and step sizes by sequential Monte Carlo.

    The next level is the one at which the weights of the equally weighted particles have an
    effective sample size of the fraction `ess`:

    $$ \frac{(\sum_i w_i)^2}{n \sum_i w_i^2} = \texttt{ess}, \quad
       w_i = e^{-(\beta' - \beta)(E(x_i) + \log p_0(x_i))} $$

    The particles are then resampled and moved by one HMC transition, whose step size is adapted
    from level to level to an acceptance rate of 0.8.

    Args:
        base: the distribution at beta = 0.
        energy: the distribution at beta = 1.
        num: number of particles.
        key: PRNG key.
        ess: effective sample size of one level, a fraction of the particles.

    Returns:
        The schedule and the particles at its end; None where it has not reached beta = 1, because
        an energy is not finite or more than `MAX_STEPS` levels are needed.

    References: Zhou, Johansen & Aston (2016), Toward automatic model comparison: an adaptive
    sequential Monte Carlo approach; Buchholz, Chopin & Jacob (2021), Adaptive tuning of Hamiltonian
    Monte Carlo within sequential Monte Carlo.
    """
    key, start_key = split(key)
    particles = evaluate_particles(base, energy, base.sample(num, start_key))
    betas = [0.0]
    step_sizes: list[float] = []
    step_size = particles.x.shape[1] ** -0.25
    while betas[-1] < 1.0:
        gap = np.asarray(particles.gap(), np.float64)
        if len(step_sizes) == MAX_STEPS or np.isnan(gap).any() or not np.isfinite(gap).any():
            return Schedule(np.array(betas), np.array(step_sizes)), None
        increment = _next_increment(gap, 1.0 - betas[-1], ess)
        beta = min(betas[-1] + increment, 1.0)
        levels = np.array([[1 - beta, beta]])
        step = Steps(np.array([beta - betas[-1]]), levels, np.zeros(1), np.array([step_size]))
        step_key = jr.fold_in(key, len(betas))
        walk = follow(base, energy, particles, step, step_key, resampled=True)
        particles = walk.particles
        betas.append(beta)
        step_sizes.append(step_size)
        step_size *= np.exp(float(walk.acceptance) - _ACCEPTANCE)
    return Schedule(np.array(betas), np.array(step_sizes)), particles


def _next_increment(gap: Float[np.ndarray, " particles"], longest: float, ess: float) -> float:
    """Return the increment of beta at which the effective sample size is the fraction `ess`."""
    num = len(gap)

    def excess(increment: float) -> float:
        log_weights = -increment * gap
        log_ess = (
            2 * np.logaddexp.reduce(log_weights)
            - np.logaddexp.reduce(2 * log_weights)
            - np.log(num)
        )
        return log_ess - np.log(ess)

    if excess(longest) >= 0:
        return longest
    # of particles in which some energies are infinite, even the least increment drops them
    if excess(_MIN_INCREMENT) <= 0:
        return _MIN_INCREMENT
    return float(root_scalar(excess, bracket=(_MIN_INCREMENT, longest), xtol=1e-9).root)
