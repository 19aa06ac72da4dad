"""The metrics beyond transport: referees, closed forms, and what each can and cannot see.

Random tests have fixed seeds; with fresh ones each would fail at the rate that is told beside it.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from scipy.spatial.distance import cdist

from ebmark.datasets import Grid, SyntheticDataset
from ebmark.metrics import (
    ADDITIONAL_SAMPLE_METRICS,
    SAMPLE_METRICS,
    classifier_accuracy,
    coverage,
    density,
    density_metrics,
    energy_distance,
    kernel_stein_discrepancy,
    mmd,
    precision,
    recall,
    sinkhorn_divergence,
    target_on_grid,
)
from ebmark.partition_function import log_z_bracket


def normal(num, dim=2, seed=0):
    return np.random.default_rng(seed).normal(size=(num, dim))


def law(num, seed, name="eight_gaussians"):
    return SyntheticDataset(name).draw(num, jr.key(seed))


@pytest.mark.parametrize("name", [*SAMPLE_METRICS, *ADDITIONAL_SAMPLE_METRICS])
def test_every_metric_is_a_number_whatever_the_order_of_the_points_and_nan_of_a_nan(name):
    metric = (SAMPLE_METRICS | ADDITIONAL_SAMPLE_METRICS)[name]
    x, y = normal(200, seed=1), normal(200, seed=2) + 0.5
    found = metric(x, y)
    assert isinstance(found, float) and np.isfinite(found)
    if name != "c2st":  # whose folds are drawn by place
        assert metric(x[::-1], y[::-1]) == pytest.approx(found, rel=1e-6)
    broken = x.copy()
    broken[3, 1] = np.nan
    assert np.isnan(metric(broken, y))


def test_scipy_has_the_same_energy_distance_on_a_line():
    """Its own is the V-statistic's root: the pairs of a point with itself are counted there."""
    x, y = normal(300, 1, seed=1), 0.7 * normal(400, 1, seed=2) + 0.2
    within = [cdist(z, z).sum() / (len(z) ** 2 * (len(z) - 1)) for z in (x, y)]
    theirs = scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2 - sum(within)
    assert energy_distance(x, y) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("metric", [energy_distance, mmd])
def test_a_u_statistic_is_0_in_the_mean_for_samples_of_one_law(metric):
    """Four standard errors of 60 draws: fails once in 16,000."""
    found = [metric(normal(150, seed=2 * k), normal(150, seed=2 * k + 1)) for k in range(60)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(60)
    assert min(found) < 0


@pytest.mark.full
def test_mmd_and_energy_distance_take_ten_thousand_points_in_little_memory():
    import tracemalloc

    x, y = normal(10_000, seed=1), normal(10_000, seed=2)
    for metric in (mmd, energy_distance):
        tracemalloc.start()
        assert abs(metric(x, y)) < 5e-3
        assert tracemalloc.get_traced_memory()[1] < 0.6 * 8 * len(x) * len(y)  # n^2 doubles
        tracemalloc.stop()


def test_the_sinkhorn_divergence_of_a_shift_is_its_square_and_of_nothing_0():
    x = normal(200)
    assert sinkhorn_divergence(x, x) == pytest.approx(0, abs=1e-9)
    shift = np.array([0.6, -0.8])
    assert sinkhorn_divergence(x, x + shift) == pytest.approx(1.0, abs=2e-3)


def test_ksd_is_what_autodiff_makes_of_its_definition():
    x, scores = normal(12), normal(12, seed=3)
    gaps = ((x[:, None] - x) ** 2).sum(-1)
    c2 = np.median(gaps[np.triu_indices(12, 1)])
    kernel = lambda a, b: (1 + jnp.sum((a - b) ** 2) / c2) ** -0.5

    def stein(a, b, s, t):
        cross = jnp.trace(jax.jacfwd(jax.grad(kernel, 1), 0)(a, b))
        to, of = jax.grad(kernel, (1, 0))(a, b)
        return s @ t * kernel(a, b) + s @ to + t @ of + cross

    pairs = jax.vmap(jax.vmap(stein, (None, 0, None, 0)), (0, None, 0, None))(x, x, scores, scores)
    expected = (pairs.sum() - jnp.trace(pairs)) / (12 * 11)
    assert kernel_stein_discrepancy(x, scores) == pytest.approx(float(expected), rel=1e-4)


def test_ksd_is_0_in_the_mean_for_the_density_itself_and_not_for_a_wider_one():
    """Four standard errors of 40 draws: fails once in 16,000."""
    draws = [normal(200, seed=k) for k in range(40)]
    here = [kernel_stein_discrepancy(x, -x) for x in draws]
    assert abs(np.mean(here)) < 4 * np.std(here) / np.sqrt(40)
    wider = [kernel_stein_discrepancy(1.3 * x, -1.3 * x) for x in draws]
    assert np.mean(wider) > 8 * np.std(wider) / np.sqrt(40)


def test_the_classifier_sees_wrong_weights_and_a_lost_mode_and_never_more_than_there_is():
    """C2ST <= 1/2 + TV / 2: .611 for weights 1..8 (TV .2222), .5625 for a mode lost (TV 1/8)."""
    truth = law(2_000, 1)
    same = classifier_accuracy(law(2_000, 2), truth)
    assert same == pytest.approx(0.5, abs=0.03)
    unequal = classifier_accuracy(law(2_000, 3, "eight_gaussians_unequal"), truth)
    assert 0.56 < unequal < 0.5 + 0.2222 / 2 + 0.03
    many = law(2_600, 4)
    lost = many[~((many[:, 0] > 2) & (abs(many[:, 1]) < 1.1))][:2_000]
    assert 0.53 < classifier_accuracy(lost, truth) < 0.5625 + 0.03


def test_neighbours_are_those_of_brute_force():
    x, y = normal(80, 3, seed=1), 1.2 * normal(60, 3, seed=2)
    between = cdist(x, y)
    reach_y = np.sort(cdist(y, y), axis=1)[:, 5]
    reach_x = np.sort(cdist(x, x), axis=1)[:, 5]
    assert precision(x, y) == np.mean((between <= reach_y).any(axis=1))
    assert recall(x, y) == np.mean((between <= reach_x[:, None]).any(axis=0))
    assert density(x, y) == pytest.approx((between <= reach_y).sum() / (5 * 80))
    assert coverage(x, y) == np.mean(between.min(axis=0) <= reach_y)


def test_coverage_of_the_truth_is_known_and_a_lost_mode_costs_its_mass():
    """1 - 2^-5 for equal numbers; the standard error of 2,000 points is about .004."""
    truth, fresh = law(2_000, 1), law(2_000, 2)
    assert coverage(fresh, truth) == pytest.approx(1 - 2**-5, abs=0.02)
    lost = fresh[~((fresh[:, 0] > 2) & (abs(fresh[:, 1]) < 1.1))]
    assert coverage(fresh, truth) - coverage(lost, truth) == pytest.approx(1 / 8, abs=0.03)


def test_the_fisher_divergence_of_gaussians_is_known():
    """Of N(0, I) from N(m, s^2 I): E |x - (x - m) / s^2|^2 = d (1 - 1/s^2)^2 + |m|^2 / s^4."""
    grid, m, s2 = Grid((-8.0, -8.0), (8.0, 8.0), 400), np.array([0.5, -0.2]), 1.5
    points = grid.points()
    log_p = scipy.stats.multivariate_normal([0, 0]).logpdf(points)
    log_q = scipy.stats.multivariate_normal(m, s2).logpdf(points)
    truth = target_on_grid(log_p[:, None], grid)
    found = density_metrics(truth, log_q.reshape(400, 400), grid)["fisher_divergence"]
    assert found == pytest.approx(2 * (1 - 1 / s2) ** 2 + m @ m / s2**2, rel=1e-3)


def test_the_fisher_divergence_is_blind_to_far_weights():
    """methods.md A.7: weights .2/.8 against .5/.5 at +-m: halves of .0041 (m = 3), 2.3e-6 (5)."""
    grid = Grid((-14.0,), (14.0,), 6_000)
    x = grid.points()[:, 0]
    for m, half in ((3, 4.1e-3), (5, 2.3e-6)):
        parts = np.stack([scipy.stats.norm.logpdf(x, c) for c in (-m, m)], axis=1)
        truth = target_on_grid(parts + np.log([0.2, 0.8]), grid)
        model = np.logaddexp.reduce(parts + np.log(0.5), axis=1)
        found = density_metrics(truth, model, grid)
        assert found["fisher_divergence"] / 2 == pytest.approx(half, rel=0.04)
        assert found["kl"] == pytest.approx(0.193, abs=2e-3)


def double_well(x):
    """log Z = 10.29348."""
    return -0.5 * x[0] - 6 * x[0] ** 2 + x[0] ** 4 + 0.5 * x[1] ** 2


def from_double_well(num, seed=0):
    grid = np.linspace(-4, 4, 100_001)
    cumulative = np.cumsum(np.exp(0.5 * grid + 6 * grid**2 - grid**4))
    rng = np.random.default_rng(seed)
    first = np.interp(rng.uniform(size=num), cumulative / cumulative[-1], grid)
    return jnp.asarray(np.column_stack([first, rng.normal(size=num)]), jnp.float32)


def test_the_bracket_holds_the_log_z_of_a_gaussian_and_of_a_double_well():
    gaussian = lambda x: 0.5 * jnp.sum((x - 1) ** 2) / 0.25
    x = 1 + 0.5 * jr.normal(jr.key(0), (500, 6))
    found = log_z_bracket(gaussian, x, jr.key(1))
    truth = 3 * np.log(2 * np.pi * 0.25)
    assert not found.failed
    assert found.lower - 0.05 < truth < found.upper + 0.05  # .05: four standard errors
    assert found.estimate == pytest.approx(truth, abs=0.05)
    found = log_z_bracket(double_well, from_double_well(500), jr.key(2))
    assert not found.failed and found.estimate == pytest.approx(10.29348, abs=0.08)
    assert found.lower - 0.05 < 10.29348 < found.upper + 0.05


def test_a_bracket_of_too_few_levels_says_that_it_failed():
    narrow = lambda x: 0.5 * jnp.sum((x - 3) ** 2) / 0.01
    x = 3 + 0.1 * jr.normal(jr.key(0), (300, 8))
    assert log_z_bracket(narrow, x, jr.key(1), num_levels=5, step_size=0.001).failed
