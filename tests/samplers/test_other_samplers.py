"""Samplers other than Langevin: exactness, limits in which they coincide, and mixing.

Random tests have fixed seeds; the rate at which each would fail with other seeds is stated.
"""

import blackjax
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from samplers.test_langevin import (
    COVARIANCE,
    MEAN,
    asymmetry,
    correlated,
    from_skewed,
    run,
    skewed,
)

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
    """Energy of a standard normal in 1-D."""
    return 0.5 * x @ x


def uneven(x):
    """A Gaussian with standard deviations 1 to 3."""
    return 0.5 * jnp.sum((x / jnp.linspace(1, 3, x.shape[0])) ** 2)


def wavy(x):
    return jnp.sum(x**2 / 2 + jnp.cos(x))


@pytest.mark.slow
@pytest.mark.parametrize("h", [0.1, 0.5])
def test_baoab_is_exact_on_gaussian(h):
    """Exact for positions on a Gaussian; Langevin has 1 / (1 - h / 2). Four standard errors."""
    x = jr.normal(jr.key(0), (100_000, 1))
    underdamped = np.asarray(_run(UnderdampedLangevin(h), line, x, 60, jr.key(1)).x, np.float64)
    assert underdamped.var() == pytest.approx(
        1, rel=4 * np.sqrt(2 / len(x))
    )  # fails once in 16,000
    langevin = np.asarray(_run(Langevin(h), line, x, 60, jr.key(1)).x, np.float64)
    assert langevin.var() > 1 + h / 3


@pytest.mark.full
def test_baoab_bias_is_below_langevin_bias():
    """E = x^2 / 2 + cos x, h = 1/2: error of the second moment below an eighth of Langevin's."""
    x = np.linspace(-9, 9, 100_001)
    weights = np.exp(-(x**2) / 2 - np.cos(x))
    exact = np.sum(weights * x**2) / weights.sum()
    start = jr.normal(jr.key(0), (200_000, 1)) * 1.3

    def bias(sampler):
        points = _run(sampler, wavy, start, 60, jr.key(2)).x
        return np.mean(np.asarray(points, np.float64) ** 2) - exact

    assert bias(Langevin(0.5)) > 0.13
    assert abs(bias(UnderdampedLangevin(0.5))) < bias(Langevin(0.5)) / 8


@pytest.mark.full
def test_hmc_with_one_leapfrog_is_mala():
    """Kolmogorov-Smirnov, p > 1e-3: fails once in 1,000; and equal acceptance rates."""
    x = np.full((CHAINS, 1), 1.5)
    hmc = _run(HMC(0.3, num_leapfrogs=1), skewed, jnp.asarray(x, jnp.float32), 3, jr.key(1))
    mala = run(MALA(0.3), skewed, x, 3, jr.key(2))
    assert scipy.stats.ks_2samp(hmc.x[:, 0], mala.x[:, 0]).pvalue > 1e-3
    assert np.mean(hmc.accepted) == pytest.approx(
        np.mean(mala.accepted), abs=4 * np.sqrt(0.5 / CHAINS)
    )


@pytest.mark.full
def test_hmc_is_reversible():
    """Detailed balance, four functions at 4.5 standard errors: fails once in 40,000."""
    assert max(asymmetry(HMC(0.1), 400_000, jr.key(3))) < 4.5


@pytest.mark.full
def test_hmc_matches_blackjax():
    """After 4 steps from a point: two-sample Kolmogorov-Smirnov, p > 1e-3."""
    h = 0.05
    x = jnp.full((CHAINS, 1), 1.5)
    points = _run(HMC(h), skewed, x, 4, jr.key(1)).x[:, 0]
    kernel = blackjax.dynamic_hmc(
        lambda x: -skewed(x),
        np.sqrt(2 * h),
        jnp.ones(1),
        next_random_arg_fn=lambda key: jr.split(key)[1],
        integration_steps_fn=lambda key: jr.randint(key, (), 4, 9),
    )

    @jax.jit
    def of_blackjax(x, key):
        init_key, key = jr.split(key)

        def body(states, key):
            return jax.vmap(lambda k, s: kernel.step(k, s)[0])(jr.split(key, len(x)), states), None

        start = jax.vmap(kernel.init)(x, jr.split(init_key, len(x)))
        return jax.lax.scan(body, start, jr.split(key, 4))[0].position[:, 0]

    assert scipy.stats.ks_2samp(points, of_blackjax(x, jr.key(2))).pvalue > 1e-3
    other = _run(HMC(h / 2), skewed, x, 4, jr.key(1)).x[:, 0]
    assert scipy.stats.ks_2samp(other, of_blackjax(x, jr.key(2))).pvalue < 1e-6  # power


@pytest.mark.full
@pytest.mark.parametrize(
    "num_leapfrogs", [2, pytest.param(3, marks=FULL), pytest.param(8, marks=FULL)]
)
def test_hmc_does_not_resonate(num_leapfrogs):
    """At every frequency up to near the stability limit, chains forget their start.

    Their second moment starts at 4 and is exactly 1; 0.25 are 8 standard errors.
    """
    sampler = HMC(0.02, num_leapfrogs=num_leapfrogs)
    widths = jnp.geomspace(0.13, 0.2 * num_leapfrogs, 40)
    start = 2 * jr.normal(jr.key(1), (2_000, 1))

    @jax.jit
    @jax.vmap
    def second_moment(width):
        scaled = lambda x: 0.5 * jnp.sum((x / width) ** 2)
        return jnp.mean((run_chains(sampler, scaled, start * width, 60, jr.key(2)).x / width) ** 2)

    np.testing.assert_allclose(second_moment(widths), 1, atol=0.25)


@pytest.mark.slow
def test_hmc_keeps_target():
    """From independent samples, after 3 steps with rejections: p > 1e-4."""
    start = jnp.asarray(from_skewed(CHAINS, seed=1), jnp.float32)
    states = _run(HMC(0.15, num_leapfrogs=5), skewed, start, 3, jr.key(1))
    assert 0.02 < 1 - np.mean(states.accepted) < 0.9
    fresh = from_skewed(CHAINS, seed=2)
    assert scipy.stats.ks_2samp(states.x[:, 0], fresh.ravel()).pvalue > 1e-4
    off = scipy.stats.ks_2samp(1.05 * states.x[:, 0], fresh.ravel())
    assert off.pvalue < 1e-4  # power


@pytest.mark.full
def test_preconditioning_is_change_of_variables():
    """x = L y with the same noise: to rounding."""
    factor = jnp.asarray(np.linalg.cholesky(COVARIANCE), jnp.float32)
    y = jr.normal(jr.key(0), (50, 2))
    moved = _run(PreconditionedLangevin(0.1, factor), correlated, y @ factor.T, 20, jr.key(1)).x
    plain = _run(Langevin(0.1), lambda y: correlated(factor @ y), y, 20, jr.key(1)).x
    np.testing.assert_allclose(moved, plain @ factor.T, rtol=2e-4, atol=2e-4)
    estimated = PreconditionedLangevin.from_points(0.1, MEAN + y @ factor.T)
    np.testing.assert_allclose(
        estimated.factor @ estimated.factor.T, np.cov((y @ factor.T).T), rtol=1e-4, atol=1e-5
    )


@pytest.mark.full
def test_annealed_langevin_reduces_to_langevin():
    """At temperature 1, and after the last annealing step."""
    x = jnp.ones((50, 2))
    key = jr.key(1)
    plain = _run(Langevin(0.1), correlated, x, 30, key).x
    at_one = _run(AnnealedLangevin(0.1, temperature=1.0), correlated, x, 30, key).x
    np.testing.assert_allclose(at_one, plain, rtol=1e-6)
    cold = AnnealedLangevin(0.1, temperature=9.0, num_annealing=1)
    hot = _run(AnnealedLangevin(0.1, temperature=9.0, num_annealing=10**6), line, x, 60, key).x
    assert np.var(hot) > 4  # towards 9 / (1 - h / 2)
    after_end = jax.vmap(cold.init, in_axes=(None, 0))(correlated, x)._replace(steps=jnp.ones(50))
    noise = jr.normal(key, (50, 2))
    step = jax.vmap(cold.move, in_axes=(None, 0, 0))(correlated, after_end, noise)
    same = jax.vmap(Langevin(0.1).move, in_axes=(None, 0, 0))(
        correlated, jax.vmap(Langevin(0.1).init, in_axes=(None, 0))(correlated, x), noise
    )
    np.testing.assert_allclose(step.x, same.x, rtol=1e-6)


@pytest.mark.full
def test_replica_variance_is_temperature():
    """T_k s^2 for each k, four standard errors of six numbers: fails once in 2,500."""
    sampler = ParallelTempering(0.4, num_replicas=4, temperature=8.0)
    start = jr.normal(jr.key(0), (CHAINS, 1)) * 2
    state = _run(sampler, line, start, 60, jr.key(1))
    variances = np.asarray(state.replicas.x, np.float64)[..., 0].var(axis=0)
    np.testing.assert_allclose(variances, [1, 2, 4, 8], rtol=4 * np.sqrt(2 / CHAINS))
    np.testing.assert_array_equal(state.x, state.replicas.x[:, 0])
    np.testing.assert_allclose(
        state.replicas.energy, jax.vmap(jax.vmap(line))(state.replicas.x), rtol=1e-4, atol=1e-6
    )
    assert 0.2 < np.mean(state.swapped) < 1 and 0.3 < np.mean(state.accepted) < 1


@pytest.mark.full
def test_tempering_samples_well_separated_modes():
    """Mode weights of 8 Gaussians from a start in one mode, which Langevin and MALA never leave."""
    dataset = DATASETS["eight_gaussians_unequal_separated"]
    energy = lambda x: -dataset.log_prob(x)
    weights = np.arange(1, 9) / 36
    start = jnp.tile(jnp.array([4.0, 0.0]), (1_000, 1))

    def mode_weight_tv(sampler):
        points = _run(sampler, energy, start, 1_500, jr.key(0)).x
        counts = np.bincount(jax.vmap(dataset.mode_index)(points), minlength=8)
        return 0.5 * np.abs(counts / len(start) - weights).sum()

    # multinomial noise alone: 0.035
    assert mode_weight_tv(ParallelTempering(0.01, temperature=60.0, num_replicas=8)) < 0.08
    assert mode_weight_tv(Langevin(0.006)) > 0.9
    assert mode_weight_tv(MALA(0.02)) > 0.9


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "first"), [(MALA, 1e-3), (HMC, 3.0), pytest.param(ParallelTempering, 3.0, marks=FULL)]
)
def test_adapt_reaches_target_acceptance(kind, first):
    x = jr.normal(jr.key(0), (200, 10))
    acceptance = best_acceptance(kind(first))
    sampler, ends = adapt(
        kind(jnp.array(first)), uneven, x, 300, jr.key(1), target_acceptance=acceptance
    )
    states = jax.vmap(sampler.init, in_axes=(None, 0))(uneven, ends)
    _, kept = trace_chains(sampler, uneven, states, 50, jr.key(2))
    assert kept.x.shape == (50, 200, 10)
    assert np.mean(kept.accepted) == pytest.approx(acceptance, abs=0.06)


def test_trace_ends_with_last_states():
    states = run(Langevin(0.1), line, np.ones((30, 2)), 1, jr.key(0))
    last, kept = trace_chains(Langevin(0.1), line, states, 5, jr.key(1), every=3)
    again, _ = trace_chains(Langevin(0.1), line, states, 5, jr.key(1), every=3)
    np.testing.assert_array_equal(kept.x[-1], last.x)
    np.testing.assert_array_equal(again.x, last.x)
