"""Samplers: exact where they should be, and biased by exactly as much as theory says.

Random tests have fixed seeds; with fresh ones each would fail at the rate that is told beside it.
"""

import blackjax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

from ebmark.datasets import DATASETS, Grid
from ebmark.partition_function import GridDensity, evaluate, exact_samples
from ebmark.samplers import MALA, SAMPLERS, AbstractSampler, Langevin, run_chains

COVARIANCE = np.array([[1.0, 0.8], [0.8, 1.5]])
PRECISION = np.linalg.inv(COVARIANCE)
MEAN = np.array([3.0, -1.0])


def correlated(x):
    """A correlated Gaussian's energy."""
    return 0.5 * (x - MEAN) @ jnp.asarray(PRECISION) @ (x - MEAN)


def skewed(x):
    """A double well with one side deeper, on a line."""
    return jnp.sum(x**4 / 4 - x**2 + 0.5 * x)


_run = jax.jit(run_chains, static_argnums=(1, 3))


def run(kernel, energy, x, num_steps, key):
    """All chains' last states; the step size is an argument, so one program serves all of them."""
    kernel = type(kernel)(jnp.asarray(kernel.step_size, jnp.float32))
    return _run(kernel, energy, jnp.asarray(x, jnp.float32), num_steps, key)


def from_skewed(num, seed):
    """Independent draws from exp(-skewed), by inverse CDF in float64."""
    x = np.linspace(-5, 5, 200_001)
    cumulative = np.cumsum(np.exp(-(x**4 / 4 - x**2 + 0.5 * x)))
    uniform = np.random.default_rng(seed).uniform(size=num)
    return np.interp(uniform, cumulative / cumulative[-1], x)[:, None]


def unit_gaussian(x):
    return 0.5 * x @ x


def narrow_gaussian(x):
    return 0.5 * x @ x / 0.25


TEMPERING = pytest.param("tempering", marks=pytest.mark.full)  # six chains in one


@pytest.mark.parametrize("name", [TEMPERING if n == "tempering" else n for n in SAMPLERS])
class TestEverySampler:
    """The contract, over the registry."""

    def test_a_state_starts_with_its_point_and_keeps_its_shape(self, name, getkey):
        sampler = SAMPLERS[name](0.1)
        assert isinstance(sampler, AbstractSampler)
        state = sampler.init(correlated, jnp.array([1.0, 2.0]))
        np.testing.assert_array_equal(state[0], state.x)
        np.testing.assert_array_equal(state.x, [1.0, 2.0])
        new = eqx.filter_eval_shape(
            sampler.step, correlated, state, sampler.draw(getkey(), 1, 2)[0]
        )
        old = jax.eval_shape(lambda: state)
        assert jax.tree.map(lambda a: (a.shape, a.dtype), new) == jax.tree.map(
            lambda a: (a.shape, a.dtype), old
        )

    def test_a_step_is_a_function_of_its_key(self, name, getkey):
        sampler, x, key = SAMPLERS[name](0.05), np.zeros((50, 2)), getkey()
        first, again = (run(sampler, correlated, x, 3, key).x for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert (run(sampler, correlated, x, 3, getkey()).x != first).any()

    def test_chains_are_independent_of_one_another(self, name, getkey):
        x = np.zeros((20_000, 2))
        moved = np.asarray(run(SAMPLERS[name](0.05), correlated, x, 3, getkey()).x)
        neighbours = np.corrcoef(moved[:-1, 0], moved[1:, 0])[0, 1]
        assert abs(neighbours) < 4 / np.sqrt(len(x))  # fails once in 16,000

    def test_a_constant_added_to_the_energy_moves_no_chain(self, name, getkey):
        sampler, key, x = SAMPLERS[name](0.05), getkey(), np.ones((50, 2))
        shifted = run(sampler, lambda x: unit_gaussian(x) + 8.0, x, 3, key)
        np.testing.assert_allclose(
            shifted.x, run(sampler, unit_gaussian, x, 3, key).x, rtol=1e-5, atol=1e-5
        )

    def test_short_steps_reach_the_target(self, name, getkey):
        """Mean and covariance of a correlated Gaussian, from a start 8 sd away.

        Four standard errors, five numbers: fails once in 3,000. ULA at this h is biased by 3 %
        in its narrowest direction, which the tolerance holds.
        """
        num, h = 10_000, 0.02
        x = np.asarray(run(SAMPLERS[name](h), correlated, np.full((num, 2), 8.0), 600, getkey()).x)
        error = 4 * np.sqrt(np.diag(COVARIANCE) / num)
        assert (np.abs(x.mean(axis=0) - MEAN) < error).all()
        assert np.abs(np.cov(x.T) - COVARIANCE).max() < 4 * np.sqrt(2) * 1.5 / np.sqrt(num) + h / 2


CHAINS = 200_000


def variance_of_langevin(h, s2, num_steps, key):
    """That of chains started in the target itself, N(0, s2)."""
    start_key, chain_key = jr.split(key)
    energy = {1.0: unit_gaussian, 0.25: narrow_gaussian}[s2]
    start = np.sqrt(s2) * jr.normal(start_key, (CHAINS, 1))
    x = np.asarray(run(Langevin(h), energy, start, num_steps, chain_key).x, np.float64)
    return float(np.mean(x**2))


@pytest.mark.parametrize(("s2", "h"), [(1.0, 0.1), (1.0, 0.4), (1.0, 1.0), (0.25, 0.025)])
def test_the_stationary_variance_of_langevin_is_too_large_by_what_theory_says(s2, h, getkey):
    """s^2 / (1 - h / 2 s^2), within four standard errors: fails once in 16,000."""
    expected = s2 / (1 - h / (2 * s2))
    assert variance_of_langevin(h, s2, 60, getkey()) == pytest.approx(
        expected, rel=4 * np.sqrt(2 / CHAINS)
    )


def test_the_variance_on_the_way_follows_langevins_own_recursion(getkey):
    """v' = (1 - h / s^2)^2 v + 2 h, step by step: fails once in 16,000."""
    h, v, key = 0.4, 1.0, getkey()
    for _ in range(3):
        v = (1 - h) ** 2 * v + 2 * h
    assert variance_of_langevin(h, 1.0, 3, key) == pytest.approx(v, rel=4 * np.sqrt(2 / CHAINS))


def test_the_bias_of_langevin_is_of_the_first_order_in_its_step(getkey):
    """Over h = .8, .4, .2 (exact slopes 1.42 and 1.17): they fall towards 1, and below 1.3.

    The standard error of the last slope is .04; it fails once in 2,000.
    """
    biases = [variance_of_langevin(h, 1.0, 60, getkey()) - 1 for h in (0.8, 0.4, 0.2)]
    slopes = np.diff(np.log(biases)) / np.log(0.5)
    exact = [h / 2 / (1 - h / 2) for h in (0.8, 0.4, 0.2)]
    np.testing.assert_allclose(slopes, np.diff(np.log(exact)) / np.log(0.5), atol=0.14)
    assert 1 < slopes[1] < 1.3 and slopes[0] > slopes[1]


def test_a_step_of_a_tenth_of_the_variance_costs_5_3_per_cent():
    assert pytest.approx(0.053, abs=5e-4) == 1 / (1 - 0.1 / 2) - 1


@pytest.mark.parametrize(("h", "grows"), [(1.9, False), (2.1, True)])
def test_langevin_explodes_beyond_a_step_of_twice_the_variance(h, grows, getkey):
    x = np.asarray(run(Langevin(h), unit_gaussian, np.zeros((100, 1)), 400, getkey()).x)
    assert (np.abs(x).max() > 1e6) == grows


def test_langevin_without_noise_is_gradient_descent():
    """The mean of many chains after one step: x - h grad E(x)."""
    x = np.array([1.5, -0.5])
    moved = run(Langevin(0.1), correlated, np.tile(x, (CHAINS, 1)), 1, jr.key(1)).x
    drift = x - 0.1 * PRECISION @ (x - MEAN)
    error = 4 * np.sqrt(2 * 0.1 / CHAINS)  # fails once in 8,000
    assert (np.abs(np.asarray(moved, np.float64).mean(axis=0) - drift) < error).all()
    spread = np.asarray(moved, np.float64).var(axis=0)
    np.testing.assert_allclose(spread, 2 * 0.1, rtol=4 * np.sqrt(2 / CHAINS))


def test_mala_is_exact_on_a_correlated_gaussian_at_a_step_where_langevin_is_not(getkey):
    """Mean and covariance within four standard errors, five numbers: fails once in 3,000."""
    num, h = 20_000, 0.25
    start = MEAN + 3 * np.asarray(jr.normal(getkey(), (num, 2)))
    state = run(MALA(h), correlated, start, 120, getkey())
    assert 0.5 < np.mean(state.accepted) < 0.95  # it really refuses some
    x = np.asarray(state.x, np.float64)
    assert (np.abs(x.mean(axis=0) - MEAN) < 4 * np.sqrt(np.diag(COVARIANCE) / num)).all()
    # var of an entry of a sample covariance: (S_ij^2 + S_ii S_jj) / n
    error = np.sqrt((COVARIANCE**2 + np.outer(np.diag(COVARIANCE), np.diag(COVARIANCE))) / num)
    assert (np.abs(np.cov(x.T) - COVARIANCE) < 4 * error).all()
    narrow = np.linalg.eigh(COVARIANCE)[1][:, 0]
    unadjusted = np.asarray(run(Langevin(h), correlated, start, 120, getkey()).x, np.float64)
    # power: the same test sees Langevin's bias in the narrowest direction
    truth = narrow @ COVARIANCE @ narrow
    assert (unadjusted @ narrow).var() > truth * (1 + 8 * np.sqrt(2 / num))


def asymmetry(kernel, num, key):
    """How many standard errors E[f(x) g(x') - g(x) f(x')] is from 0, for chains in the target."""
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


def test_mala_is_reversible_and_langevin_is_not(getkey):
    """Detailed balance: for x from the target, (x, x') and (x', x) have one law.

    Four functions at 4.5 standard errors: fails once in 40,000.
    """
    key = getkey()
    assert max(asymmetry(MALA(0.15), 400_000, key)) < 4.5
    assert max(asymmetry(Langevin(0.15), 400_000, key)) > 20


@pytest.mark.parametrize("start", [-1.6, 0.5, 2.1])
def test_malas_moves_follow_the_acceptance_formula(start, getkey):
    """From one point, the law of the next: q(x'|x) alpha(x, x') and the rest stays.

    Chi-square over 30 cells and the atom; p < 1e-4 would fail once in 10,000.
    """
    h, num = 0.3, 100_000
    state = run(MALA(h), skewed, np.full((num, 1), start), 1, getkey())
    x, accepted = np.asarray(state.x, np.float64)[:, 0], np.asarray(state.accepted)
    np.testing.assert_array_equal(x[~accepted], np.float32(start))

    y = np.linspace(-8, 8, 400_001)
    energy, slope = (lambda z: z**4 / 4 - z**2 + 0.5 * z), (lambda z: z**3 - 2 * z + 0.5)

    def log_q(to, at):
        return -((to - at + h * slope(at)) ** 2) / (4 * h) - 0.5 * np.log(4 * np.pi * h)

    ratio = energy(start) - energy(y) + log_q(start, y) - log_q(y, start)
    flow = np.exp(log_q(y, start) + np.minimum(ratio, 0)) * (y[1] - y[0])
    edges = np.interp(np.linspace(0, 1, 31)[1:-1], np.cumsum(flow) / flow.sum(), y)
    expected = np.bincount(np.searchsorted(edges, y), flow)
    seen = np.bincount(np.searchsorted(edges, x[accepted]), minlength=30)
    expected = num * np.append(expected, 1 - flow.sum())
    p = scipy.stats.chisquare(np.append(seen, num - accepted.sum()), expected).pvalue
    assert p > 1e-4
    assert 0.02 < 1 - flow.sum() < 0.98  # both happen


def test_mala_refuses_a_proposal_whose_energy_is_not_a_number(getkey):
    def add_walls(x):
        return jnp.where(x[0] > 0, 0.5 * x @ x, jnp.nan)

    states = run(MALA(0.3), add_walls, np.ones((2_000, 1)), 50, getkey())
    assert (np.asarray(states.x) > 0).all()
    assert 0.05 < np.mean(states.accepted) < 1  # and goes on where it may


def test_mala_remembers_the_energy_and_the_gradient_of_its_point(getkey):
    state = run(MALA(0.2), correlated, np.ones((64, 2)), 5, getkey())
    np.testing.assert_allclose(state.energy, jax.vmap(correlated)(state.x), rtol=1e-5)
    np.testing.assert_allclose(
        state.gradient, jax.vmap(jax.grad(correlated))(state.x), rtol=1e-4, atol=1e-5
    )


def of_blackjax(name, h, x, num_steps, key):
    """The same kernel by BlackJAX, the same number of steps."""
    log_density = lambda x: -skewed(x)
    if name == "mala":
        kernel = blackjax.mala(log_density, h)
        start = jax.vmap(kernel.init)(x)
        step, point = (lambda k, s: kernel.step(k, s)[0]), (lambda s: s.position)
    else:
        kernel = blackjax.sgld(lambda x, _: jax.grad(log_density)(x))
        start, point = x, (lambda s: s)
        step = lambda k, s: kernel.step(k, s, None, h)

    @jax.jit
    def chains(start, keys):
        def body(state, key):
            return jax.vmap(step)(jr.split(key, x.shape[0]), state), None

        return jax.lax.scan(body, start, keys)[0]

    return np.asarray(point(chains(start, jr.split(key, num_steps))))[:, 0]


@pytest.mark.parametrize("num_steps", [4, 60])
@pytest.mark.parametrize("name", ["langevin", "mala"])
def test_blackjax_has_the_same_chains_in_law(name, num_steps, getkey):
    """After 4 steps from a point, far from stationary, and after 60: the whole law, not moments.

    Two-sample Kolmogorov-Smirnov at p > 1e-3 and means within four standard errors: fails once in
    1,000. A step in the other convention (alpha = 2 h) is refused below.
    """
    h, x = 0.12, np.full((20_000, 1), 1.5)
    ours = np.asarray(run(SAMPLERS[name](h), skewed, x, num_steps, getkey()).x)[:, 0]
    theirs = of_blackjax(name, h, jnp.asarray(x, jnp.float32), num_steps, getkey())
    assert scipy.stats.ks_2samp(ours, theirs).pvalue > 1e-3
    error = 4 * np.sqrt((ours.var() + theirs.var()) / len(ours))
    assert abs(ours.mean() - theirs.mean()) < error
    other = np.asarray(run(SAMPLERS[name](h / 2), skewed, x, 4, getkey()).x)[:, 0]
    if num_steps == 4:
        assert scipy.stats.ks_2samp(other, theirs).pvalue < 1e-6


@pytest.mark.parametrize("name", ["half_moons", "eight_gaussians_unequal"])
def test_exact_samples_follow_the_density_on_the_grid(name, getkey):
    """Chi-square over 24 x 24 cells of the plane; p < 1e-4 would fail once in 10,000."""
    dataset, num = DATASETS[name], 40_000
    mean, scale = (np.array(moment) for moment in dataset.moments())
    grid = Grid(tuple(mean - 4 * scale), tuple(mean + 4 * scale), 192)
    log_density = evaluate(dataset.log_prob, grid.points()).reshape(192, 192)
    x = exact_samples(GridDensity(grid, log_density, 0.0, 0.0), num, getkey())
    expected = num * np.exp(log_density).reshape(24, 8, 24, 8).sum(axis=(1, 3)).ravel() * grid.cell
    bins = [np.linspace(lo, hi, 25) for lo, hi in zip(grid.lower, grid.upper, strict=True)]
    seen = np.histogram2d(*x.T, bins=bins)[0].ravel()
    rare = expected < 10
    seen, expected = (np.append(a[~rare], a[rare].sum()) for a in (seen, expected))
    assert scipy.stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-4


def test_exact_samples_are_uniform_within_their_cells_and_independent(getkey):
    """Kolmogorov-Smirnov, p > 1e-4 thrice: fails once in 3,000."""
    grid = Grid((-1.0, 2.0), (1.0, 6.0), 4)
    x = exact_samples(GridDensity(grid, np.zeros((4, 4)), 0.0, 0.0), 20_000, getkey())
    for axis, (low, width) in enumerate([(-1.0, 2.0), (2.0, 4.0)]):
        assert scipy.stats.kstest((x[:, axis] - low) / width, "uniform").pvalue > 1e-4
    assert scipy.stats.pearsonr(x[:, 0], x[:, 1]).pvalue > 1e-4


def test_exact_samples_never_fall_where_the_density_is_zero(getkey):
    log_density = np.full((8, 8), -np.inf)
    log_density[2, 5] = log_density[7, 7] = 0.0
    grid = Grid((0.0, 0.0), (8.0, 8.0), 8)
    x = exact_samples(GridDensity(grid, log_density, 0.0, 0.0), 5_000, getkey())
    cells = {tuple(cell) for cell in np.floor(x).astype(int)}
    assert cells == {(2, 5), (7, 7)}  # the first index is the first coordinate


def test_exact_samples_on_a_line_follow_its_density(getkey):
    """Kolmogorov-Smirnov, p > 1e-4: fails once in 10,000."""
    grid = Grid((-6.0,), (6.0,), 2_000)
    log_density = scipy.stats.norm.logpdf(grid.axes[0])
    x = exact_samples(GridDensity(grid, log_density, 0.0, 0.0), 20_000, getkey())
    assert scipy.stats.kstest(x[:, 0], "norm").pvalue > 1e-4


def test_chains_in_blocks_are_those_of_one_piece(monkeypatch):
    """Two blocks and a rest: each chain is moved as it would be among all."""
    from ebmark.samplers import _base

    def run():
        def energy(x):  # a new one, so that nothing compiled for the other is taken
            return x @ x

        return run_chains(MALA(0.1), energy, jr.normal(jr.key(0), (2_300, 2)), 6, jr.key(1)).x

    blocks = run()
    monkeypatch.setattr(_base, "_BLOCK", 10_000)
    np.testing.assert_allclose(blocks, run(), atol=1e-6)
    assert len(np.unique(np.asarray(blocks), axis=0)) == 2_300
