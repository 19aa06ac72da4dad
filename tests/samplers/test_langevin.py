"""Langevin samplers: exactness, bias as predicted by theory, and BlackJAX as a reference.

Random tests have fixed seeds; the rate at which each would fail with other seeds is stated.
"""

import blackjax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from helpers.costs import full_unless

from ebmark.datasets import DATASETS, Grid
from ebmark.partition_function import GridDensity, evaluate, exact_samples
from ebmark.samplers import MALA, SAMPLERS, AbstractSampler, Langevin, run_chains

COVARIANCE = np.array([[1.0, 0.8], [0.8, 1.5]])
PRECISION = np.linalg.inv(COVARIANCE)
MEAN = np.array([3.0, -1.0])


def correlated(x):
    """Energy of a correlated Gaussian."""
    return 0.5 * (x - MEAN) @ jnp.asarray(PRECISION) @ (x - MEAN)


def skewed(x):
    """An asymmetric double well in 1-D."""
    return jnp.sum(x**4 / 4 - x**2 + 0.5 * x)


_run = jax.jit(run_chains, static_argnums=(1, 3))


def run(kernel, energy, x, num_steps, key):
    """Last states of all chains; the step size is an array, so one program serves all values."""
    kernel = type(kernel)(jnp.asarray(kernel.step_size, jnp.float32))
    return _run(kernel, energy, jnp.asarray(x, jnp.float32), num_steps, key)


def from_skewed(num, seed):
    """Independent samples of exp(-skewed), by inverse CDF in float64."""
    x = np.linspace(-5, 5, 200_001)
    cumulative = np.cumsum(np.exp(-(x**4 / 4 - x**2 + 0.5 * x)))
    uniform = np.random.default_rng(seed).uniform(size=num)
    return np.interp(uniform, cumulative / cumulative[-1], x)[:, None]


def unit_gaussian(x):
    return 0.5 * x @ x


def narrow_gaussian(x):
    return 0.5 * x @ x / 0.25


UNADJUSTED_AND_ADJUSTED = ("langevin", "mala")  # what all others are variants of


@pytest.mark.parametrize("name", full_unless(UNADJUSTED_AND_ADJUSTED.__contains__, SAMPLERS))
class TestEverySampler:
    """The contract of a sampler, for every one in the registry."""

    def test_state_starts_with_point_and_keeps_shape(self, name, getkey):
        sampler = SAMPLERS[name](0.1)
        assert isinstance(sampler, AbstractSampler)
        state = sampler.init(correlated, jnp.array([1.0, 2.0]))
        np.testing.assert_array_equal(state[0], state.x)
        np.testing.assert_array_equal(state.x, [1.0, 2.0])
        new = eqx.filter_eval_shape(sampler.step, correlated, state, key=getkey())
        old = jax.eval_shape(lambda: state)
        assert jax.tree.map(lambda a: (a.shape, a.dtype), new) == jax.tree.map(
            lambda a: (a.shape, a.dtype), old
        )

    def test_step_is_a_function_of_its_key(self, name, getkey):
        sampler = SAMPLERS[name](0.05)
        x = np.zeros((50, 2))
        key = getkey()
        first = run(sampler, correlated, x, 3, key).x
        np.testing.assert_array_equal(first, run(sampler, correlated, x, 3, key).x)
        assert (run(sampler, correlated, x, 3, getkey()).x != first).any()

    def test_chains_are_independent(self, name, getkey):
        x = np.zeros((20_000, 2))
        moved = np.asarray(run(SAMPLERS[name](0.05), correlated, x, 3, getkey()).x)
        correlation = np.corrcoef(moved[:-1, 0], moved[1:, 0])[0, 1]
        assert abs(correlation) < 4 / np.sqrt(len(x))  # fails once in 16,000

    @pytest.mark.slow
    def test_energy_offset_does_not_change_chains(self, name, getkey):
        sampler = SAMPLERS[name](0.05)
        key = getkey()
        x = np.ones((50, 2))
        shifted = run(sampler, lambda x: unit_gaussian(x) + 8.0, x, 3, key)
        np.testing.assert_allclose(
            shifted.x, run(sampler, unit_gaussian, x, 3, key).x, rtol=1e-5, atol=1e-5
        )

    @pytest.mark.slow
    def test_short_steps_converge_to_target(self, name, getkey):
        """Mean and covariance of a correlated Gaussian, from a start 8 sd away.

        Four standard errors, five numbers: fails once in 3,000. The bias of unadjusted Langevin at
        this h is 3% in the narrowest direction, which the tolerance allows for.
        """
        num = 10_000
        h = 0.02
        x = np.asarray(run(SAMPLERS[name](h), correlated, np.full((num, 2), 8.0), 600, getkey()).x)
        error = 4 * np.sqrt(np.diag(COVARIANCE) / num)
        assert (np.abs(x.mean(axis=0) - MEAN) < error).all()
        assert np.abs(np.cov(x.T) - COVARIANCE).max() < 4 * np.sqrt(2) * 1.5 / np.sqrt(num) + h / 2


CHAINS = 200_000


def variance_of_langevin(h, s2, num_steps, key):
    """Variance of chains that start in the target, N(0, s2)."""
    start_key, chain_key = jr.split(key)
    energy = {1.0: unit_gaussian, 0.25: narrow_gaussian}[s2]
    start = np.sqrt(s2) * jr.normal(start_key, (CHAINS, 1))
    x = np.asarray(run(Langevin(h), energy, start, num_steps, chain_key).x, np.float64)
    return float(np.mean(x**2))


@pytest.mark.slow
@pytest.mark.parametrize(("s2", "h"), [(1.0, 0.1), (1.0, 0.4), (1.0, 1.0), (0.25, 0.025)])
def test_langevin_stationary_variance(s2, h, getkey):
    """s^2 / (1 - h / 2 s^2), within four standard errors: fails once in 16,000."""
    expected = s2 / (1 - h / (2 * s2))
    assert variance_of_langevin(h, s2, 60, getkey()) == pytest.approx(
        expected, rel=4 * np.sqrt(2 / CHAINS)
    )


def test_langevin_variance_recursion(getkey):
    """v' = (1 - h / s^2)^2 v + 2 h, step by step: fails once in 16,000."""
    h = 0.4
    v = 1.0
    key = getkey()
    for _ in range(3):
        v = (1 - h) ** 2 * v + 2 * h
    assert variance_of_langevin(h, 1.0, 3, key) == pytest.approx(v, rel=4 * np.sqrt(2 / CHAINS))


@pytest.mark.slow
def test_langevin_bias_is_first_order_in_step(getkey):
    """Slopes over h = 0.8, 0.4, 0.2 (exactly 1.42 and 1.17) decrease towards 1, and below 1.3.

    The standard error of the last slope is 0.04; fails once in 2,000.
    """
    biases = [variance_of_langevin(h, 1.0, 60, getkey()) - 1 for h in (0.8, 0.4, 0.2)]
    slopes = np.diff(np.log(biases)) / np.log(0.5)
    exact = [h / 2 / (1 - h / 2) for h in (0.8, 0.4, 0.2)]
    np.testing.assert_allclose(slopes, np.diff(np.log(exact)) / np.log(0.5), atol=0.14)
    assert 1 < slopes[1] < 1.3 and slopes[0] > slopes[1]


def test_langevin_bias_at_default_step_size():
    """1 / (1 - h / 2) - 1 = 5.3% at h = 0.1."""
    assert pytest.approx(0.053, abs=5e-4) == 1 / (1 - 0.1 / 2) - 1


@pytest.mark.parametrize(("h", "grows"), [(1.9, False), (2.1, True)])
def test_langevin_diverges_beyond_twice_variance(h, grows, getkey):
    x = np.asarray(run(Langevin(h), unit_gaussian, np.zeros((100, 1)), 400, getkey()).x)
    assert (np.abs(x).max() > 1e6) == grows


def test_langevin_mean_is_gradient_descent():
    """The mean of many chains after one step: x - h grad E(x)."""
    x = np.array([1.5, -0.5])
    moved = run(Langevin(0.1), correlated, np.tile(x, (CHAINS, 1)), 1, jr.key(1)).x
    drift = x - 0.1 * PRECISION @ (x - MEAN)
    error = 4 * np.sqrt(2 * 0.1 / CHAINS)  # fails once in 8,000
    assert (np.abs(np.asarray(moved, np.float64).mean(axis=0) - drift) < error).all()
    spread = np.asarray(moved, np.float64).var(axis=0)
    np.testing.assert_allclose(spread, 2 * 0.1, rtol=4 * np.sqrt(2 / CHAINS))


@pytest.mark.full
def test_mala_is_exact_where_langevin_is_not(getkey):
    """Mean and covariance within four standard errors, five numbers: fails once in 3,000."""
    num = 20_000
    h = 0.25
    start = MEAN + 3 * np.asarray(jr.normal(getkey(), (num, 2)))
    state = run(MALA(h), correlated, start, 120, getkey())
    assert 0.5 < np.mean(state.accepted) < 0.95  # some proposals are rejected
    x = np.asarray(state.x, np.float64)
    assert (np.abs(x.mean(axis=0) - MEAN) < 4 * np.sqrt(np.diag(COVARIANCE) / num)).all()
    # var of an entry of a sample covariance: (S_ij^2 + S_ii S_jj) / n
    error = np.sqrt((COVARIANCE**2 + np.outer(np.diag(COVARIANCE), np.diag(COVARIANCE))) / num)
    assert (np.abs(np.cov(x.T) - COVARIANCE) < 4 * error).all()
    narrow = np.linalg.eigh(COVARIANCE)[1][:, 0]
    unadjusted = np.asarray(run(Langevin(h), correlated, start, 120, getkey()).x, np.float64)
    # power: the same test detects the bias of Langevin in the narrowest direction
    exact = narrow @ COVARIANCE @ narrow
    assert (unadjusted @ narrow).var() > exact * (1 + 8 * np.sqrt(2 / num))


def asymmetry(kernel, num, key):
    """|E[f(x) g(x') - g(x) f(x')]| in standard errors, for chains that start in the target."""
    x = from_skewed(num, seed=3)
    y = np.asarray(run(kernel, skewed, x, 1, key).x, np.float64)
    pairs = [
        (lambda z: z, lambda z: z**3),
        (lambda z: z > 0, lambda z: z),
        (lambda z: np.ones_like(z), lambda z: z**2),  # E f(x) = E f(x'): stationarity
        (lambda z: np.cos(3 * z), lambda z: np.exp(z / 2)),
    ]
    gaps = [f(x) * g(y) - f(y) * g(x) for f, g in pairs]
    return [abs(gap.mean()) / (gap.std() / np.sqrt(num)) for gap in gaps]


@pytest.mark.slow
def test_mala_is_reversible_and_langevin_is_not(getkey):
    """Detailed balance: for x from the target, (x, x') and (x', x) have the same distribution.

    Four functions at 4.5 standard errors: fails once in 40,000.
    """
    key = getkey()
    assert max(asymmetry(MALA(0.15), 400_000, key)) < 4.5
    assert max(asymmetry(Langevin(0.15), 400_000, key)) > 20


@pytest.mark.parametrize("start", [-1.6, 0.5, 2.1])
def test_mala_moves_follow_acceptance_formula(start, getkey):
    """From one point, the next has density q(x'|x) alpha(x, x'), and an atom at the point.

    Chi-square over 30 bins and the atom; p < 1e-4 would fail once in 10,000.
    """
    h = 0.3
    num = 100_000
    state = run(MALA(h), skewed, np.full((num, 1), start), 1, getkey())
    x = np.asarray(state.x, np.float64)[:, 0]
    accepted = np.asarray(state.accepted)
    np.testing.assert_array_equal(x[~accepted], np.float32(start))

    y = np.linspace(-8, 8, 400_001)
    energy = lambda z: z**4 / 4 - z**2 + 0.5 * z
    gradient = lambda z: z**3 - 2 * z + 0.5

    def log_q(to, at):
        return -((to - at + h * gradient(at)) ** 2) / (4 * h) - 0.5 * np.log(4 * np.pi * h)

    ratio = energy(start) - energy(y) + log_q(start, y) - log_q(y, start)
    flow = np.exp(log_q(y, start) + np.minimum(ratio, 0)) * (y[1] - y[0])
    edges = np.interp(np.linspace(0, 1, 31)[1:-1], np.cumsum(flow) / flow.sum(), y)
    expected = np.bincount(np.searchsorted(edges, y), flow)
    counts = np.bincount(np.searchsorted(edges, x[accepted]), minlength=30)
    expected = num * np.append(expected, 1 - flow.sum())
    p = scipy.stats.chisquare(np.append(counts, num - accepted.sum()), expected).pvalue
    assert p > 1e-4
    assert 0.02 < 1 - flow.sum() < 0.98  # proposals are accepted and rejected


@pytest.mark.slow
def test_mala_rejects_proposal_with_nan_energy(getkey):
    def half_line(x):
        return jnp.where(x[0] > 0, 0.5 * x @ x, jnp.nan)

    states = run(MALA(0.3), half_line, np.ones((2_000, 1)), 50, getkey())
    assert (np.asarray(states.x) > 0).all()
    assert 0.05 < np.mean(states.accepted) < 1  # other proposals are accepted


@pytest.mark.slow
def test_mala_state_holds_energy_and_gradient(getkey):
    state = run(MALA(0.2), correlated, np.ones((64, 2)), 5, getkey())
    np.testing.assert_allclose(state.energy, jax.vmap(correlated)(state.x), rtol=1e-5)
    np.testing.assert_allclose(
        state.gradient, jax.vmap(jax.grad(correlated))(state.x), rtol=1e-4, atol=1e-5
    )


def of_blackjax(name, h, x, num_steps, key):
    """Points after the same number of steps of the same kernel in BlackJAX."""
    log_density = lambda x: -skewed(x)
    if name == "mala":
        kernel = blackjax.mala(log_density, h)
        start = jax.vmap(kernel.init)(x)
        step = lambda k, s: kernel.step(k, s)[0]
        point = lambda s: s.position
    else:
        kernel = blackjax.sgld(lambda x, _: jax.grad(log_density)(x))
        start = x
        point = lambda s: s
        step = lambda k, s: kernel.step(k, s, None, h)

    @jax.jit
    def chains(start, keys):
        def body(state, key):
            return jax.vmap(step)(jr.split(key, x.shape[0]), state), None

        return jax.lax.scan(body, start, keys)[0]

    return np.asarray(point(chains(start, jr.split(key, num_steps))))[:, 0]


@pytest.mark.slow
@pytest.mark.parametrize("num_steps", [4, pytest.param(60, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", ["langevin", "mala"])
def test_chains_match_blackjax(name, num_steps, getkey):
    """The distribution after 4 steps from a point, far from stationary, and after 60 steps.

    Two-sample Kolmogorov-Smirnov at p > 1e-3 and means within four standard errors: fails once in
    1,000. A step size in the other convention (alpha = 2 h) is rejected.
    """
    h = 0.12
    x = np.full((20_000, 1), 1.5)
    points = np.asarray(run(SAMPLERS[name](h), skewed, x, num_steps, getkey()).x)[:, 0]
    expected = of_blackjax(name, h, jnp.asarray(x, jnp.float32), num_steps, getkey())
    assert scipy.stats.ks_2samp(points, expected).pvalue > 1e-3
    error = 4 * np.sqrt((points.var() + expected.var()) / len(points))
    assert abs(points.mean() - expected.mean()) < error
    other = np.asarray(run(SAMPLERS[name](h / 2), skewed, x, 4, getkey()).x)[:, 0]
    if num_steps == 4:
        assert scipy.stats.ks_2samp(other, expected).pvalue < 1e-6


@pytest.mark.parametrize("name", ["half_moons", "eight_gaussians_unequal"])
def test_exact_samples_follow_grid_density(name, getkey):
    """Chi-square over 24 x 24 bins; p < 1e-4 would fail once in 10,000."""
    dataset = DATASETS[name]
    num = 40_000
    mean, scale = (np.array(moment) for moment in dataset.moments())
    grid = Grid(tuple(mean - 4 * scale), tuple(mean + 4 * scale), 192)
    log_density = evaluate(dataset.log_prob, grid.points()).reshape(192, 192)
    x = exact_samples(GridDensity(grid, log_density, 0.0, 0.0), num, getkey())
    expected = num * np.exp(log_density).reshape(24, 8, 24, 8).sum(axis=(1, 3)).ravel() * grid.cell
    bins = [np.linspace(lo, hi, 25) for lo, hi in zip(grid.lower, grid.upper, strict=True)]
    counts = np.histogram2d(*x.T, bins=bins)[0].ravel()
    rare = expected < 10
    counts, expected = (np.append(a[~rare], a[rare].sum()) for a in (counts, expected))
    assert scipy.stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4


def test_exact_samples_are_uniform_in_grid_cells(getkey):
    """Kolmogorov-Smirnov, p > 1e-4 thrice: fails once in 3,000."""
    grid = Grid((-1.0, 2.0), (1.0, 6.0), 4)
    x = exact_samples(GridDensity(grid, np.zeros((4, 4)), 0.0, 0.0), 20_000, getkey())
    for axis, (low, width) in enumerate([(-1.0, 2.0), (2.0, 4.0)]):
        assert scipy.stats.kstest((x[:, axis] - low) / width, "uniform").pvalue > 1e-4
    assert scipy.stats.pearsonr(x[:, 0], x[:, 1]).pvalue > 1e-4


def test_exact_samples_avoid_zero_density(getkey):
    log_density = np.full((8, 8), -np.inf)
    log_density[2, 5] = log_density[7, 7] = 0.0
    grid = Grid((0.0, 0.0), (8.0, 8.0), 8)
    x = exact_samples(GridDensity(grid, log_density, 0.0, 0.0), 5_000, getkey())
    cells = {tuple(cell) for cell in np.floor(x).astype(int)}
    assert cells == {(2, 5), (7, 7)}  # the first index is the first coordinate


def test_exact_samples_follow_1d_density(getkey):
    """Kolmogorov-Smirnov, p > 1e-4: fails once in 10,000."""
    grid = Grid((-6.0,), (6.0,), 2_000)
    log_density = scipy.stats.norm.logpdf(grid.axes[0])
    x = exact_samples(GridDensity(grid, log_density, 0.0, 0.0), 20_000, getkey())
    assert scipy.stats.kstest(x[:, 0], "norm").pvalue > 1e-4


@pytest.mark.full
def test_blocks_do_not_change_chains(monkeypatch):
    """With two blocks and a remainder, each chain moves as in one batch."""
    from ebmark.samplers import _base

    def run():
        def energy(x):  # a new function, so that nothing compiled before is reused
            return x @ x

        return run_chains(MALA(0.1), energy, jr.normal(jr.key(0), (2_300, 2)), 6, jr.key(1)).x

    blocks = run()
    monkeypatch.setattr(_base, "_BLOCK", 10_000)
    np.testing.assert_allclose(blocks, run(), atol=1e-6)
    assert len(np.unique(np.asarray(blocks), axis=0)) == 2_300
