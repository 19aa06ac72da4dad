"""The samplers beyond Langevin: exactness, limits in which they are one another, and mixing.

Random tests have fixed seeds; with fresh ones each would fail at the rate that is told beside it.
"""

import blackjax
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from samplers.test_langevin import COVARIANCE, MEAN, asymmetry, correlated, run, skewed

from ebmark.datasets import DATASETS
from ebmark.samplers import (
    HMC,
    MALA,
    AnnealedLangevin,
    Langevin,
    ParallelTempering,
    PreconditionedLangevin,
    UnderdampedLangevin,
    adapt,
    best_acceptance,
    run_chains,
    trace_chains,
)

_run = jax.jit(run_chains, static_argnums=(1, 3))
CHAINS = 20_000
FULL = pytest.mark.full


def line(x):
    """A Gaussian of variance 1 on a line."""
    return 0.5 * x @ x


def uneven(x):
    """A Gaussian of sds from 1 to 3: of equal ones, HMC's moves are all in phase."""
    return 0.5 * jnp.sum((x / jnp.linspace(1, 3, x.shape[0])) ** 2)


def wavy(x):
    return jnp.sum(x**2 / 2 + jnp.cos(x))


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_baoab_has_the_gaussians_variance_at_steps_where_langevin_is_far_off(h):
    """Exact for positions on a Gaussian; Langevin has 1 / (1 - h / 2). Four standard errors."""
    x = jr.normal(jr.key(0), (100_000, 1))
    ours = np.asarray(_run(UnderdampedLangevin(h), line, x, 60, jr.key(1)).x, np.float64)
    assert ours.var() == pytest.approx(1, rel=4 * np.sqrt(2 / len(x)))  # fails once in 16,000
    theirs = np.asarray(_run(Langevin(h), line, x, 60, jr.key(1)).x, np.float64)
    assert theirs.var() > 1 + h / 3


def test_baoabs_bias_off_gaussians_is_a_small_part_of_langevins():
    """On E = x^2 / 2 + cos x at h = 1/2: the second moment, below an eighth of Langevin's error."""
    x = np.linspace(-9, 9, 100_001)
    weights = np.exp(-(x**2) / 2 - np.cos(x))
    truth = np.sum(weights * x**2) / weights.sum()
    start, h = jr.normal(jr.key(0), (200_000, 1)) * 1.3, 0.5
    ends = [_run(kind(h), wavy, start, 60, jr.key(2)).x for kind in (UnderdampedLangevin, Langevin)]
    ours, theirs = (np.mean(np.asarray(end, np.float64) ** 2) - truth for end in ends)
    assert theirs > 0.13 and abs(ours) < theirs / 8


def test_hmc_of_one_leapfrog_is_adjusted_langevin():
    """Kolmogorov-Smirnov, p > 1e-3: fails once in 1,000; and the same share is accepted."""
    x = np.full((CHAINS, 1), 1.5)
    ours = _run(HMC(0.3, num_leapfrogs=1), skewed, jnp.asarray(x, jnp.float32), 3, jr.key(1))
    mala = run(MALA(0.3), skewed, x, 3, jr.key(2))
    assert scipy.stats.ks_2samp(ours.x[:, 0], mala.x[:, 0]).pvalue > 1e-3
    shares = [np.mean(state.accepted) for state in (ours, mala)]
    assert shares[0] == pytest.approx(shares[1], abs=4 * np.sqrt(0.5 / CHAINS))


def test_hmc_is_reversible():
    """Detailed balance, four functions at 4.5 standard errors: fails once in 40,000."""
    assert max(asymmetry(HMC(0.1), 400_000, jr.key(3))) < 4.5


def test_blackjax_has_the_same_hmc_in_law():
    """After 4 steps from a point: two-sample Kolmogorov-Smirnov, p > 1e-3."""
    h, x = 0.05, jnp.full((CHAINS, 1), 1.5)
    ours = _run(HMC(h), skewed, x, 4, jr.key(1)).x[:, 0]
    kernel = blackjax.hmc(lambda x: -skewed(x), np.sqrt(2 * h), jnp.ones(1), 8)

    @jax.jit
    def theirs(x, key):
        def body(states, key):
            return jax.vmap(lambda k, s: kernel.step(k, s)[0])(jr.split(key, len(x)), states), None

        return jax.lax.scan(body, jax.vmap(kernel.init)(x), jr.split(key, 4))[0].position[:, 0]

    assert scipy.stats.ks_2samp(ours, theirs(x, jr.key(2))).pvalue > 1e-3
    other = _run(HMC(h / 2), skewed, x, 4, jr.key(1)).x[:, 0]
    assert scipy.stats.ks_2samp(other, theirs(x, jr.key(2))).pvalue < 1e-6  # it can tell


def test_preconditioned_langevin_is_langevin_in_other_coordinates():
    """x = L y with the same noise: to rounding."""
    factor = jnp.asarray(np.linalg.cholesky(COVARIANCE), jnp.float32)
    y = jr.normal(jr.key(0), (50, 2))
    moved = _run(PreconditionedLangevin(0.1, factor), correlated, y @ factor.T, 20, jr.key(1)).x
    plain = _run(Langevin(0.1), lambda y: correlated(factor @ y), y, 20, jr.key(1)).x
    np.testing.assert_allclose(moved, plain @ factor.T, rtol=2e-4, atol=2e-4)
    shaped = PreconditionedLangevin.shaped(0.1, MEAN + y @ factor.T)
    np.testing.assert_allclose(
        shaped.factor @ shaped.factor.T, np.cov((y @ factor.T).T), rtol=1e-4, atol=1e-5
    )


def test_annealed_langevin_is_langevin_at_temperature_one_and_after_its_end():
    x, key = jnp.ones((50, 2)), jr.key(1)
    plain = _run(Langevin(0.1), correlated, x, 30, key).x
    never = _run(AnnealedLangevin(0.1, temperature=1.0), correlated, x, 30, key).x
    np.testing.assert_allclose(never, plain, rtol=1e-6)
    cold = AnnealedLangevin(0.1, temperature=9.0, num_annealing=1)
    hot = _run(AnnealedLangevin(0.1, temperature=9.0, num_annealing=10**6), line, x, 60, key).x
    assert np.var(hot) > 4  # nearly 9 / (1 - h / 2), on the way
    once = jax.vmap(cold.init, in_axes=(None, 0))(correlated, x)._replace(steps=jnp.ones(50))
    noise = cold.draw(key, 50, 2)
    step = jax.vmap(cold.step, in_axes=(None, 0, 0))(correlated, once, noise)
    same = jax.vmap(Langevin(0.1).step, in_axes=(None, 0, 0))(
        correlated, Langevin(0.1).init(correlated, x), noise
    )
    np.testing.assert_allclose(step.x, same.x, rtol=1e-6)


def test_every_replica_of_a_gaussian_has_its_temperatures_variance():
    """T_k s^2 for each k, four standard errors of six numbers: fails once in 2,500."""
    sampler = ParallelTempering(0.4, num_replicas=4, temperature=8.0)
    start = jr.normal(jr.key(0), (CHAINS, 1)) * 2
    state = _run(sampler, line, start, 60, jr.key(1))
    found = np.asarray(state.replicas.x, np.float64)[..., 0].var(axis=0)
    np.testing.assert_allclose(found, [1, 2, 4, 8], rtol=4 * np.sqrt(2 / CHAINS))
    np.testing.assert_array_equal(state.x, state.replicas.x[:, 0])
    np.testing.assert_allclose(
        state.replicas.energy, jax.vmap(jax.vmap(line))(state.replicas.x), rtol=1e-4, atol=1e-6
    )
    assert 0.2 < np.mean(state.swapped) < 1 and 0.3 < np.mean(state.accepted) < 1


@pytest.mark.full
def test_tempering_finds_the_weights_of_modes_that_other_chains_never_leave():
    """From one mode of the separated 8 Gaussians: where Langevin and MALA stay in it."""
    law = DATASETS["eight_gaussians_unequal_separated"]
    energy = lambda x: -law.log_prob(x)
    weights = np.arange(1, 9) / 36
    start = jnp.tile(jnp.array([4.0, 0.0]), (1_000, 1))

    def masses(sampler, steps):
        ends = _run(sampler, energy, start, steps, jr.key(0)).x
        return np.bincount(jax.vmap(law.region)(ends), minlength=8) / len(start)

    tv = lambda found: 0.5 * np.abs(found - weights).sum()
    tempered = masses(ParallelTempering(0.01, temperature=60.0, num_replicas=8), 1_500)
    assert tv(tempered) < 0.08  # multinomial noise alone: .035
    assert tv(masses(Langevin(0.006), 1_500)) > 0.9
    assert tv(masses(MALA(0.02), 1_500)) > 0.9


@pytest.mark.parametrize(
    ("kind", "first"), [(MALA, 1e-3), (HMC, 3.0), pytest.param(ParallelTempering, 3.0, marks=FULL)]
)
def test_the_step_is_adapted_to_the_acceptance_that_is_asked(kind, first):
    x = jr.normal(jr.key(0), (200, 10))
    target = best_acceptance(kind(first))
    sampler, ends = adapt(kind(jnp.array(first)), uneven, x, 300, jr.key(1), target=target)
    states = jax.vmap(sampler.init, in_axes=(None, 0))(uneven, ends)
    _, kept = trace_chains(sampler, uneven, states, 50, jr.key(2))
    assert kept.x.shape == (50, 200, 10)
    assert np.mean(kept.accepted) == pytest.approx(target, abs=0.06)


def test_a_trace_keeps_what_running_on_would_give():
    states = run(Langevin(0.1), line, np.ones((30, 2)), 1, jr.key(0))
    last, kept = trace_chains(Langevin(0.1), line, states, 5, jr.key(1), every=3)
    again, _ = trace_chains(Langevin(0.1), line, states, 5, jr.key(1), every=3)
    np.testing.assert_array_equal(kept.x[-1], last.x)
    np.testing.assert_array_equal(again.x, last.x)
