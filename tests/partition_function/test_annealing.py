"""Annealing: its moves, weights, resampling and schedules.

Random tests have fixed seeds and tolerances of 5 standard errors.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.energies import Quadratic
from ebmark.partition_function import _pilot
from ebmark.partition_function._annealing import (
    MAX_STEPS,
    Schedule,
    Steps,
    evaluate_particles,
    follow,
)
from ebmark.partition_function._bases import MixtureBase
from ebmark.partition_function._bennett import bennett_acceptance_ratio
from ebmark.partition_function._pilot import choose_schedule

DIM = 3
# of particles in every test, so that one compiled program serves all
NUM = 2_000
BASE = MixtureBase.normal(DIM)
# N(0.5, I / 4)
GAUSSIAN = Quadratic(jnp.array(4.0), jnp.full(DIM, 0.5))
# of pymbar: its default passes options that SciPy warns of
SOLVER = ({"method": "adaptive", "options": {"min_sc_iter": 0}},)
LOG_Z = DIM / 2 * np.log(2 * np.pi / 4)


def start(base, energy, seed):
    return evaluate_particles(base, energy, base.sample(NUM, jr.key(seed)))


def schedule(num_levels, step_size=0.4):
    return Schedule(np.linspace(0, 1, num_levels + 1), np.full(num_levels, step_size))


@pytest.mark.slow
@pytest.mark.parametrize("step_size", [0.1, 0.5, 0.8])
def test_moves_leave_the_target_invariant(step_size):
    """Exact samples stay N(0.5, I / 4), at any acceptance rate: detailed balance."""
    x = 0.5 + 0.5 * jr.normal(jr.key(0), (NUM, DIM))
    particles = evaluate_particles(BASE, GAUSSIAN, x)
    walk = follow(BASE, GAUSSIAN, particles, Steps.at(1.0, np.full(8, step_size)), jr.key(1))
    moved = np.asarray(walk.particles.x, np.float64)
    assert 0.05 < float(walk.acceptance) < 1 and np.abs(walk.log_weights).max() == 0
    assert np.abs(moved.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(NUM)
    assert np.abs(moved.var(axis=0) - 0.25).max() < 5 * 0.25 * np.sqrt(2 / NUM)


def test_particles_carry_energies_and_gradients():
    """Of the points that they have moved to."""
    walk = follow(BASE, GAUSSIAN, start(BASE, GAUSSIAN, 0), schedule(4).forward(), jr.key(1))
    again = evaluate_particles(BASE, GAUSSIAN, walk.particles.x)
    np.testing.assert_allclose(walk.particles.energies, again.energies, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(walk.particles.gradients, again.gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("num_levels", [1, 3, 10])
def test_forward_weights_average_to_z(num_levels):
    r"""$E[e^f] = Z$ at any number of levels, and $E[e^r] = 1 / Z$ from exact samples."""
    steps = schedule(num_levels)
    forward = follow(BASE, GAUSSIAN, start(BASE, GAUSSIAN, 0), steps.forward(), jr.key(1))
    weights = np.exp(np.asarray(forward.log_weights, np.float64) - LOG_Z)
    assert weights.mean() == pytest.approx(1, abs=5 * weights.std() / np.sqrt(NUM))
    exact = evaluate_particles(BASE, GAUSSIAN, 0.5 + 0.5 * jr.normal(jr.key(2), (NUM, DIM)))
    reverse = follow(BASE, GAUSSIAN, exact, steps.reverse(), jr.key(3))
    weights = np.exp(np.asarray(reverse.log_weights, np.float64) + LOG_Z)
    assert weights.mean() == pytest.approx(1, abs=5 * weights.std() / np.sqrt(NUM))
    ratio = bennett_acceptance_ratio(*(np.asarray(w.log_weights) for w in (forward, reverse)))
    assert ratio.value == pytest.approx(LOG_Z, abs=5 * ratio.standard_error)


@pytest.mark.full
def test_paths_between_equals_weigh_as_the_constant():
    """If the energy is -log p_0 - 2, every path weighs e^2 forward and e^-2 in reverse."""
    energy = lambda x: -BASE.log_prob(x) - 2.0
    particles = start(BASE, energy, 0)
    for steps, sign in ((schedule(7).forward(), 1), (schedule(7).reverse(), -1)):
        walk = follow(BASE, energy, particles, steps, jr.key(1))
        np.testing.assert_allclose(walk.log_weights, 2.0 * sign, atol=1e-5)


def test_reverse_path_without_moves_weighs_minus_forward():
    """At step size 0 a path and its reverse visit the same points."""
    particles = start(BASE, GAUSSIAN, 0)
    steps = schedule(5, step_size=0.0)
    forward = follow(BASE, GAUSSIAN, particles, steps.forward(), jr.key(1))
    reverse = follow(BASE, GAUSSIAN, forward.particles, steps.reverse(), jr.key(2))
    np.testing.assert_allclose(forward.log_weights, -reverse.log_weights, rtol=1e-5, atol=1e-5)


def test_resampling_keeps_proportions():
    r"""Systematic: a particle of weight w has $\lfloor nw \rfloor$ or $\lceil nw \rceil$ copies."""
    particles = start(BASE, GAUSSIAN, 0)
    once = Steps(np.array([0.3]), np.array([[0.7, 0.3]]), np.zeros(1), np.zeros(1))
    walk = follow(BASE, GAUSSIAN, particles, once, jr.key(1), resampled=True)
    log_weights = -0.3 * np.asarray(particles.gap(), np.float64)
    expected = NUM * np.exp(log_weights - np.logaddexp.reduce(log_weights))
    copies = np.sum(np.all(particles.x[:, None] == walk.particles.x, axis=2), axis=1)
    assert copies.sum() == NUM
    assert (copies >= np.floor(expected - 1e-2)).all() and (
        copies <= np.ceil(expected + 1e-2)
    ).all()
    mean = np.logaddexp.reduce(log_weights) - np.log(NUM)
    assert float(walk.log_z) == pytest.approx(mean, abs=1e-4)
    assert np.abs(walk.log_weights).max() == 0


@pytest.mark.parametrize("ess", [pytest.param(0.5, marks=pytest.mark.full), 0.9])
def test_pilot_levels_have_the_effective_sample_size(ess, monkeypatch):
    r"""$(\sum w)^2 / (n \sum w^2)$ of each level, and at least that of the last one."""
    levels = []
    choose = _pilot._next_increment

    def record(gap, longest, ess):
        increment = choose(gap, longest, ess)
        weights = np.exp(-increment * (gap - gap.min()))
        levels.append(weights.sum() ** 2 / (len(gap) * np.sum(weights**2)))
        return increment

    monkeypatch.setattr(_pilot, "_next_increment", record)
    energy = Quadratic(jnp.array(100.0), jnp.ones(DIM))
    found, particles = choose_schedule(BASE, energy, NUM, jr.key(0), ess=ess)
    assert particles is not None and found.betas[0] == 0 and found.betas[-1] == 1
    assert len(levels) == len(found.step_sizes) == len(found.betas) - 1 > 3
    assert (np.diff(found.betas) > 0).all()
    np.testing.assert_allclose(levels[:-1], ess, atol=1e-3)
    assert levels[-1] >= ess - 1e-3


def test_multistate_bar_of_pymbar_agrees(pymbar):
    """MBAR uses the particles of all levels of a path, Bennett's ratio the weights of paths."""
    steps, _ = choose_schedule(BASE, GAUSSIAN, NUM, jr.key(0), ess=0.9)
    num_moves = 8
    levels = [start(BASE, GAUSSIAN, 1)]
    for k, (beta, step_size) in enumerate(zip(steps.betas[1:], steps.step_sizes)):
        increments = np.zeros(num_moves)
        increments[0] = beta - steps.betas[k]
        at_level = np.tile([1 - beta, beta], (num_moves, 1))
        moves = Steps(increments, at_level, np.zeros(num_moves), np.full(num_moves, step_size))
        walk = follow(BASE, GAUSSIAN, levels[-1], moves, jr.key(k), resampled=True)
        levels.append(walk.particles)
    energies = np.concatenate([np.asarray(level.energies, np.float64) for level in levels])
    reduced = np.stack([1 - steps.betas, steps.betas], axis=1) @ energies.T
    mbar = pymbar.MBAR(reduced, np.full(len(levels), NUM), solver_protocol=SOLVER)
    result = mbar.compute_free_energy_differences()
    value, error = -result["Delta_f"][0, -1], result["dDelta_f"][0, -1]
    assert value == pytest.approx(LOG_Z, abs=5 * error)


def test_too_many_steps_are_refused():
    steps = Steps.at(1.0, np.ones(MAX_STEPS + 1))
    with pytest.raises(ValueError, match=f"at most {MAX_STEPS} steps, got {MAX_STEPS + 1}"):
        follow(BASE, GAUSSIAN, start(BASE, GAUSSIAN, 0), steps, jr.key(0))
