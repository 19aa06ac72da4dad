"""Metrics: by property, by closed form, and by other people's code.

Random tests have fixed seeds; with fresh ones each would fail at the rate that is told beside it.
"""

import json
import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.optimize
import scipy.spatial.distance
import scipy.stats

import ebmark
from ebmark.datasets import DATASETS, Grid
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Quadratic, gaussian_log_z
from ebmark.metrics import (
    SAMPLE_METRICS,
    density_metrics,
    mmd,
    sliced_wasserstein,
    target_on_grid,
    wasserstein,
)
from ebmark.partition_function import evaluate, normalize_on_grid

UNIT = Standardizer(np.zeros(2), np.ones(2))
LINE = Standardizer(np.zeros(1), np.ones(1))


def rng(seed=0):
    return np.random.default_rng(seed)


def double_well(x):
    """methods.md E.1, in the plane."""
    return -0.5 * x[0] - 6 * x[0] ** 2 + x[0] ** 4 + 0.5 * x[1] ** 2


@pytest.mark.parametrize("precision", [0.25, 1.0, 16.0])
@pytest.mark.parametrize("mean", [(0.0, 0.0), (1.0, -0.7)])
def test_the_log_normaliser_of_a_gaussian_is_found(precision, mean):
    density = normalize_on_grid(
        Quadratic(jnp.array(precision), jnp.array(mean)), Grid((-4.0, -4.0), (4.0, 4.0), 96), UNIT
    )
    truth = gaussian_log_z(precision, 2)
    assert density.log_z == pytest.approx(truth, abs=1e-4)
    assert abs(density.log_z - truth) <= density.log_z_error + 2e-6  # the estimate is honest
    assert density.log_z_error <= 1e-4


def test_the_log_normaliser_of_a_double_well_is_the_known_one():
    density = normalize_on_grid(double_well, Grid((-4.0, -6.0), (4.0, 6.0), 200), UNIT)
    assert density.log_z == pytest.approx(10.29348, abs=1e-5)
    right = np.exp(density.log_density)[density.grid.axes[0] > 0].sum() * density.grid.cell
    assert right == pytest.approx(0.84431, abs=1e-5)


def test_the_log_normaliser_on_a_line_is_that_of_scipys_quadrature():
    energy = lambda x: jnp.abs(x[0]) ** 3 + jnp.sin(3 * x[0])
    integral, _ = scipy.integrate.quad(lambda x: math.exp(-(abs(x) ** 3) - math.sin(3 * x)), -6, 6)
    density = normalize_on_grid(energy, Grid((-4.0,), (4.0,), 256), LINE)
    assert density.log_z == pytest.approx(math.log(integral), abs=1e-5)


def test_the_box_grows_until_it_holds_a_wide_energy():
    wide = Quadratic(jnp.array(1 / 36), jnp.zeros(2))  # sd 6, in a box of 8
    density = normalize_on_grid(wide, Grid((-4.0, -4.0), (4.0, 4.0), 64), UNIT, attempts=6)
    assert density.grid.upper[0] > 20
    assert density.log_z == pytest.approx(gaussian_log_z(1 / 36, 2), abs=2e-3)


def test_the_grid_grows_finer_until_it_resolves_a_narrow_energy():
    narrow = Quadratic(jnp.array(1e4), jnp.array([0.013, -0.4]))  # sd .01, cells of .125
    density = normalize_on_grid(narrow, Grid((-4.0, -4.0), (4.0, 4.0), 64), UNIT, attempts=9)
    assert density.grid.points_per_axis > 500
    truth = gaussian_log_z(1e4, 2)
    assert abs(density.log_z - truth) <= density.log_z_error + 1e-5


@pytest.mark.parametrize(
    ("precision", "grid"),
    [
        (1 / 36, Grid((-4.0, -4.0), (4.0, 4.0), 64)),  # too small a box
        (1 / 4, Grid((-4.0, -4.0), (4.0, 4.0), 64)),
        (400.0, Grid((-4.0, -4.0), (4.0, 4.0), 64)),  # too coarse a grid
        (40.0, Grid((-4.0, -4.0), (4.0, 4.0), 64)),
        (1.0, Grid((0.0, 0.0), (8.0, 8.0), 64)),  # half of it outside, on one side
    ],
)
def test_the_error_estimate_of_log_z_is_no_smaller_than_the_error_where_the_grid_is_bad(
    precision, grid
):
    energy = Quadratic(jnp.array(precision), jnp.array([0.01, 0.02]))
    density = normalize_on_grid(energy, grid, UNIT, attempts=1)
    error = abs(density.log_z - gaussian_log_z(precision, 2))
    # a box twice as wide does not hold all of the widest either: within a factor of 2
    assert error <= 2 * density.log_z_error + 1e-5
    assert error < 1e-5 or density.log_z_error > 1e-4  # what is bad is seen to be bad


def test_the_normalised_density_integrates_to_1_and_is_in_the_users_units():
    mean, scale = np.array([50.0, -2.0]), np.array([10.0, 0.1])
    box = Grid(tuple(mean - 6 * scale), tuple(mean + 6 * scale), 128)
    density = normalize_on_grid(
        Quadratic(jnp.array(1.0), jnp.zeros(2)), box, Standardizer(mean, scale)
    )
    assert np.exp(density.log_density).sum() * density.grid.cell == pytest.approx(1, abs=1e-9)
    truth = scipy.stats.multivariate_normal(mean, np.diag(scale**2))
    exact = truth.logpdf(density.grid.points()).reshape(density.log_density.shape)
    np.testing.assert_allclose(density.log_density, exact, atol=1e-4)


def test_an_energy_that_is_nowhere_finite_has_no_normaliser():
    for value in (jnp.nan, jnp.inf):
        density = normalize_on_grid(
            lambda x, v=value: v + 0 * x[0], Grid((-1.0,) * 2, (1.0,) * 2, 8), UNIT
        )
        assert math.isnan(density.log_z)


def test_walls_of_infinite_energy_are_integrated_around():
    add_walls = lambda x: jnp.where(x[0] > 0, 0.5 * x @ x, jnp.inf)
    density = normalize_on_grid(add_walls, Grid((-8.0, -8.0), (8.0, 8.0), 128), UNIT)
    assert density.log_z == pytest.approx(math.log(math.pi), abs=1e-4)


GRID = Grid((-9.0, -9.0), (9.0, 9.0), 360)
POINTS = GRID.points()


def gaussian(mean, sd):
    law = scipy.stats.multivariate_normal(mean, np.diag(np.square(sd)))
    return law.logpdf(POINTS).reshape(360, 360)


def mixture(weights, sd=0.7, apart=2.5):
    """Log-components (points x modes) of two Gaussians on a line."""
    columns = [
        math.log(w) + gaussian((m, 0.0), (sd, sd)).ravel()
        for w, m in zip(weights, (-apart, apart), strict=True)
    ]
    return np.stack(columns, axis=1)


def density_of(component_log_probs):
    return np.logaddexp.reduce(component_log_probs, axis=1).reshape(360, 360)


def truth_of(component_log_probs):
    return target_on_grid(component_log_probs, GRID)


def single(mean, sd):
    return truth_of(gaussian(mean, sd).reshape(-1, 1))


def test_at_the_truth_every_divergence_is_zero_and_the_nll_is_the_entropy():
    parts = mixture((0.3, 0.7))
    found = density_metrics(truth_of(parts), density_of(parts), GRID)
    log_p = density_of(parts)
    assert found.pop("nll") == pytest.approx(-np.sum(np.exp(log_p) * log_p) * GRID.cell, abs=1e-9)
    for metric, value in found.items():
        assert value == pytest.approx(0, abs=1e-9), metric


def test_kl_between_two_gaussians_is_the_closed_form():
    (m, s), (n, t) = ((0.5, -0.3), (1.0, 0.8)), ((0.0, 0.2), (1.2, 1.1))
    m, s, n, t = map(np.array, (m, s, n, t))
    kl = np.sum(np.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - 0.5)
    found = density_metrics(single(m, s), gaussian(n, t), GRID)
    assert found["kl"] == pytest.approx(kl, rel=1e-6)
    entropy = np.sum(np.log(s * math.sqrt(2 * math.pi * math.e)))
    assert found["nll"] == pytest.approx(entropy + kl, rel=1e-6)


def test_total_variation_of_two_shifted_gaussians_is_the_closed_form():
    """2 Phi(|shift| / 2) - 1, for unit covariances."""
    found = density_metrics(single((0, 0), (1, 1)), gaussian((1.2, 0.5), (1, 1)), GRID)
    assert found["tv"] == pytest.approx(2 * scipy.stats.norm.cdf(1.3 / 2) - 1, abs=1e-4)


MODELS = {
    "shifted": lambda: density_of(mixture((0.3, 0.7), sd=0.8, apart=2.3)),
    "blurred": lambda: density_of(mixture((0.3, 0.7), sd=1.1)),
    "other weights": lambda: density_of(mixture((0.6, 0.4))),
    "one mode lost": lambda: gaussian((2.5, 0.0), (0.7, 0.7)),
    "one Gaussian": lambda: gaussian((0.5, 0.0), (3.0, 1.0)),
    "leaking": lambda: np.logaddexp(
        math.log(0.9) + density_of(mixture((0.3, 0.7))), math.log(0.1 / 324)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_leak_masses_and_shapes_add_up_to_kl_and_none_is_negative(name):
    truth = truth_of(mixture((0.3, 0.7)))
    found = density_metrics(truth, MODELS[name](), GRID)
    parts = [found[part] for part in ("kl_off_support", "kl_mode_weights", "kl_within_mode")]
    assert sum(parts) == pytest.approx(found["kl"], abs=1e-9)
    assert min(parts) > -1e-9
    assert found["tv"] <= math.sqrt(found["kl"] / 2)  # Pinsker
    assert found["mode_weight_tv"] <= found["tv"] + 1e-12


def test_wrong_weights_alone_are_masses_alone():
    """The law of the modes: P log P/Q, and nothing else, but for what overlaps (3.6 sd apart)."""
    p, q = (0.3, 0.7), (0.6, 0.4)
    found = density_metrics(truth_of(mixture(p)), density_of(mixture(q)), GRID)
    expected = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert found["kl_mode_weights"] == pytest.approx(expected, abs=2e-3)
    assert found["kl_off_support"] < 1e-3 and found["kl_within_mode"] < 2e-3
    assert found["mode_weight_tv"] == pytest.approx(0.3, abs=1e-3)


def test_mass_put_everywhere_is_leak_alone():
    """A tenth spread evenly over the box: the support keeps .9 of its mass and its shape."""
    truth = truth_of(mixture((0.3, 0.7)))
    found = density_metrics(truth, MODELS["leaking"](), GRID)
    support = np.sum(truth.regions > 0) * GRID.cell / 324
    q0 = 1 - (0.9 * 0.999 + 0.1 * support)
    leak = 0.001 * math.log(0.001 / q0) + 0.999 * math.log(0.999 / (1 - q0))
    assert found["kl_off_support"] == pytest.approx(leak, rel=1e-2)
    assert (
        found["kl_mode_weights"] < 2e-3 and found["kl_within_mode"] < 0.01 < found["kl_off_support"]
    )


@pytest.mark.parametrize("nats", [30, 60, 900])
def test_a_leak_is_finite_however_deep_the_well(nats):
    """All but e^-nats of the mass in one far place, the rest the truth: KL and leak are `nats`."""
    truth = truth_of(mixture((0.3, 0.7)))
    at = np.full(truth.log_density.shape, -np.inf)
    at.flat[0] = -np.log(GRID.cell)  # a corner, off the support
    found = density_metrics(truth, np.logaddexp(at, truth.log_density - nats), GRID)
    assert found["kl_off_support"] == pytest.approx(0.999 * nats, rel=1e-2)
    assert found["kl"] == pytest.approx(
        found["kl_off_support"] + found["kl_mode_weights"] + found["kl_within_mode"]
    )
    assert abs(found["kl_mode_weights"]) < 1e-9


def test_blurred_modes_are_shapes_and_leak_and_not_masses():
    found = density_metrics(truth_of(mixture((0.3, 0.7))), MODELS["blurred"](), GRID)
    assert found["kl_mode_weights"] < 2e-3
    assert found["kl_within_mode"] + found["kl_off_support"] > 0.1


def test_a_lost_mode_costs_infinitely_much_only_where_the_density_is_zero():
    truth = truth_of(mixture((0.3, 0.7)))
    log_density = density_of(mixture((0.3, 0.7)))
    log_density[GRID.axes[0] < 0] = -np.inf
    found = density_metrics(truth, log_density, GRID)
    assert found["kl"] == found["nll"] == found["kl_mode_weights"] == math.inf
    assert found["mode_weight_tv"] == pytest.approx(0.3, abs=1e-3)


def test_a_constant_in_the_log_density_changes_the_nll_alone():
    """Both are normalised on the grid first: what is compared are shapes."""
    truth = truth_of(mixture((0.3, 0.7)))
    model = MODELS["shifted"]()
    there, here = (density_metrics(truth, model + c, GRID) for c in (0.7, 0.0))
    assert there.pop("nll") == pytest.approx(here.pop("nll") - 0.7, abs=1e-9)
    assert there == pytest.approx(here, abs=1e-9)


def test_divergences_do_not_depend_on_the_units():
    """A stretched plane has the same ratios of densities."""
    parts, model = mixture((0.3, 0.7)), MODELS["shifted"]()
    stretched = Grid((-900.0, -0.9), (900.0, 0.9), 360)
    log_jacobian = math.log(100 * 0.1)
    there = density_metrics(
        target_on_grid(parts - log_jacobian, stretched), model - log_jacobian, stretched
    )
    here = density_metrics(truth_of(parts), model, GRID)
    del there["fisher_divergence"], here["fisher_divergence"]  # a squared slope: it has units
    assert there.pop("nll") == pytest.approx(here.pop("nll") + log_jacobian, abs=1e-9)
    assert there == pytest.approx(here, abs=1e-9)


def test_the_support_is_the_smallest_set_of_99_9_per_cent():
    truth = single((0, 0), (1, 1))
    radius = math.sqrt(scipy.stats.chi2(2).ppf(0.999))
    inside = np.hypot(*POINTS.T).reshape(360, 360) < radius
    border = np.abs(np.hypot(*POINTS.T).reshape(360, 360) - radius) < 0.05
    np.testing.assert_array_equal((truth.regions > 0)[~border], inside[~border])
    assert np.exp(truth.log_density)[truth.regions > 0].sum() * GRID.cell == pytest.approx(
        0.999, abs=1e-4
    )


TRANSPORT = {
    "w1": SAMPLE_METRICS["w1"],
    "w2": SAMPLE_METRICS["w2"],
    "sliced_w2": SAMPLE_METRICS["sliced_w2"],
}


@pytest.mark.parametrize("name", TRANSPORT)
class TestEveryTransportDistance:
    def test_is_zero_on_equal_samples(self, name):
        x = rng().normal(size=(200, 2))
        assert TRANSPORT[name](x, x.copy()) == pytest.approx(0, abs=1e-6)

    def test_is_symmetric(self, name):
        x, y = rng().normal(size=(150, 2)), rng(1).normal(1, 2, size=(190, 2))
        assert TRANSPORT[name](x, y) == pytest.approx(TRANSPORT[name](y, x), rel=1e-9)

    def test_does_not_depend_on_the_order_of_the_points(self, name):
        x, y = rng().normal(size=(150, 3)), rng(1).normal(1, 2, size=(150, 3))
        shuffled = rng(2).permutation(x)
        assert TRANSPORT[name](shuffled, y) == pytest.approx(TRANSPORT[name](x, y), rel=1e-9)

    def test_obeys_the_triangle_inequality(self, name):
        x, y, z = (rng(i).normal(i, 1 + i, size=(80, 2)) for i in range(3))
        distance = TRANSPORT[name]
        assert distance(x, z) <= distance(x, y) + distance(y, z) + 1e-9

    def test_scales_with_the_units(self, name):
        x, y = rng().normal(size=(150, 2)), rng(1).normal(1, 2, size=(150, 2))
        assert TRANSPORT[name](7e3 * x, 7e3 * y) == pytest.approx(
            7e3 * TRANSPORT[name](x, y), rel=1e-6
        )

    def test_does_not_depend_on_where_the_origin_is(self, name):
        """A million standard deviations away: dates in seconds are."""
        x, y = rng().normal(size=(150, 2)), rng(1).normal(0.1, 1, size=(150, 2))
        assert TRANSPORT[name](x + 1e6, y + 1e6) == pytest.approx(TRANSPORT[name](x, y), rel=1e-4)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_says_nan_for_samples_that_are_not_numbers(self, name, bad):
        x, y = rng().normal(size=(20, 2)), rng(1).normal(size=(20, 2))
        x[3, 1] = bad
        assert math.isnan(TRANSPORT[name](x, y)) and math.isnan(TRANSPORT[name](y, x))

    def test_does_not_see_how_often_each_point_is_repeated(self, name):
        """So unequal sizes are weighed, not cut."""
        x, y = rng().normal(size=(40, 2)), rng(1).normal(1, 2, size=(60, 2))
        repeated = TRANSPORT[name](np.repeat(x, 3, axis=0), np.repeat(y, 2, axis=0))
        assert repeated == pytest.approx(TRANSPORT[name](x, y), rel=1e-7)

    def test_of_two_points_is_their_distance(self, name):
        x, y = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])
        expected = 5 if name != "sliced_w2" else 5 / math.sqrt(2)  # E (u . shift)^2 = |shift|^2 / 2
        assert TRANSPORT[name](x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_a_translation_is_at_the_distance_of_its_shift(order):
    x, shift = rng().normal(size=(200, 2)), np.array([0.3, -0.4])
    assert wasserstein(x, x + shift, order=order) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_scipys_assignment_finds_the_same_distance(order):
    x, y = rng().normal(size=(150, 3)), rng(1).normal(0.5, 2, size=(150, 3))
    cost = scipy.spatial.distance.cdist(x, y) ** order
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    assert wasserstein(x, y, order=order) == pytest.approx(
        cost[rows, columns].mean() ** (1 / order), rel=1e-9
    )


def test_scipys_linear_programme_finds_the_same_distance_for_unequal_sizes():
    x, y = rng().normal(size=(7, 2)), rng(1).normal(1, 2, size=(10, 2))
    cost = scipy.spatial.distance.cdist(x, y) ** 2
    rows = np.kron(np.eye(7), np.ones(10))
    columns = np.kron(np.ones(7), np.eye(10))
    solved = scipy.optimize.linprog(
        cost.ravel(),
        A_eq=np.concatenate([rows, columns]),
        b_eq=np.concatenate([np.full(7, 1 / 7), np.full(10, 1 / 10)]),
    )
    assert wasserstein(x, y, order=2) == pytest.approx(math.sqrt(solved.fun), rel=1e-7)


def test_the_distance_of_two_gaussians_is_that_of_bures():
    """Samples of 1,000: an affine map of one sample is its optimal transport, if its matrix is
    symmetric and positive, so that the formula holds for the *samples'* moments to rounding."""
    x = rng().normal(size=(1_000, 2)) @ np.array([[1.0, 0.0], [0.5, 0.8]])
    pushed = x @ np.array([[1.4, 0.3], [0.3, 0.6]]) + [2.0, -1.0]
    assert wasserstein(x, pushed, order=2) == pytest.approx(bures(x, pushed), rel=1e-6)


def test_the_distance_of_independent_gaussian_samples_is_bures_within_the_floor():
    """W2 of samples is within the two floors (n = 1,000: about .1 each) of the laws' own."""
    x, y = rng().normal(size=(1_000, 2)), rng(1).normal(size=(1_000, 2)) * [2.0, 0.5] + [1.0, 0.0]
    law = math.sqrt(1 + (2 - 1) ** 2 + (0.5 - 1) ** 2)
    assert wasserstein(x, y, order=2) == pytest.approx(law, abs=0.1)
    # Gelbrich: the moments' own distance is a lower bound, whatever the samples
    assert wasserstein(x, y, order=2) >= bures(x, y) - 1e-9


def bures(x, y):
    """W2 of the Gaussians with the samples' means and covariances."""
    a, b = (np.cov(z.T, bias=True) for z in (x, y))
    root = scipy.linalg.sqrtm(a)
    cross = scipy.linalg.sqrtm(root @ b @ root).real
    shift = np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2)
    return math.sqrt(shift + np.trace(a + b - 2 * cross))


def test_w1_is_at_most_w2():
    x, y = rng().normal(size=(150, 2)), rng(1).normal(0.5, 2, size=(150, 2))
    assert wasserstein(x, y, order=1) <= wasserstein(x, y, order=2)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (100, 37), (1, 50)])
def test_on_a_line_all_distances_are_those_of_the_quantile_functions(n, m):
    x, y = rng().normal(size=(n, 1)), rng(1).exponential(size=(m, 1))
    # quantile functions at a multiple of both sizes: exact
    fine = math.lcm(n, m)
    a, b = (np.repeat(np.sort(z[:, 0]), fine // len(z)) for z in (x, y))
    w1 = scipy.stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert np.mean(np.abs(a - b)) == pytest.approx(w1, rel=1e-9)
    assert wasserstein(x, y, order=1) == pytest.approx(w1, rel=1e-7)
    w2 = math.sqrt(np.mean((a - b) ** 2))
    assert wasserstein(x, y, order=2) == pytest.approx(w2, rel=1e-7)
    assert sliced_wasserstein(x, y) == pytest.approx(w2, rel=1e-7)


def test_the_sliced_distance_is_the_mean_over_directions_of_that_on_a_line():
    x, y = rng().normal(size=(90, 2)), rng(1).normal(1, 2, size=(70, 2))
    angles = np.pi * np.arange(200) / 200
    on_lines = [
        wasserstein((x @ u)[:, None], (y @ u)[:, None], order=2)
        for u in np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ]
    assert sliced_wasserstein(x, y) == pytest.approx(math.sqrt(np.mean(np.square(on_lines))))


def test_in_the_plane_200_directions_are_as_good_as_5000():
    x, y = rng().normal(size=(300, 2)), rng(1).normal(1, 2, size=(300, 2))
    assert sliced_wasserstein(x, y) == pytest.approx(
        sliced_wasserstein(x, y, num_projections=5_000), rel=1e-4
    )


@pytest.mark.parametrize("dim", [2, 3, 10])
def test_the_sliced_distance_of_a_translation_is_its_shift_by_the_root_of_the_dimension(dim):
    """E (u . shift)^2 = |shift|^2 / dim; in more than two dimensions over 4,000 random ones:
    their relative standard error is below .02, and a fixed seed."""
    x, shift = rng().normal(size=(50, dim)), np.full(dim, 0.7)
    assert sliced_wasserstein(x, x + shift, num_projections=4_000) == pytest.approx(
        0.7, rel=1e-6 if dim == 2 else 0.05
    )


def naive_mmd(x, y):
    """The double sums, one term after another."""
    median = np.median(scipy.spatial.distance.pdist(y))

    def kernel(a, b):
        square = np.sum((a - b) ** 2)
        widths = median * np.array([0.1, 0.3, 1.0, 3.0])
        return np.mean(np.exp(-square / (2 * widths**2)))

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    between = sum(kernel(a, b) for a in x for b in y)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m)


def test_mmd_is_the_naive_double_sum():
    x, y = rng().normal(size=(30, 3)), rng(1).normal(0.5, 1, size=(23, 3))
    # the median distance and the root of the median squared one are one for an odd number of pairs
    assert mmd(x, y) == pytest.approx(naive_mmd(x, y), abs=1e-12)


def test_mmd_is_the_same_by_blocks():
    x, y = rng().normal(size=(1_500, 2)), rng(1).normal(0.2, 1, size=(900, 2))
    kernels = [
        scipy.spatial.distance.cdist(a, b, "sqeuclidean") for a, b in ((x, x), (y, y), (x, y))
    ]
    median = np.median(kernels[1][np.triu_indices(900, 1)])
    xx, yy, xy = (
        np.mean([np.exp(-k / (2 * w**2 * median)) for w in (0.1, 0.3, 1, 3)], axis=0)
        for k in kernels
    )
    expected = (xx.sum() - 1_500) / (1_500 * 1_499) + (yy.sum() - 900) / (900 * 899) - 2 * xy.mean()
    assert mmd(x, y) == pytest.approx(expected, abs=1e-12)


def test_mmd_has_mean_zero_for_samples_of_one_law():
    """Over 200 pairs of samples, four standard errors: fails once in 16,000."""
    draws = [mmd(*rng(seed).normal(size=(2, 60, 2))) for seed in range(200)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / math.sqrt(200)
    assert min(draws) < 0 < max(draws)  # a U-statistic: a V-statistic is never negative


def test_mmd_grows_with_a_shift():
    x, y = rng().normal(size=(2, 400, 2))
    values = [mmd(x + shift, y) for shift in (0.0, 0.3, 0.6, 1.2, 2.4)]
    assert all(a < b for a, b in zip(values, values[1:], strict=False))


@pytest.mark.parametrize("seed", range(3))
def test_mmd_does_not_depend_on_units_or_on_where_the_origin_is(seed):
    """A million standard deviations away: dates in seconds are."""
    x, y = rng(seed).normal(size=(2, 300, 2)) + [[[0.1, 0]], [[0, 0]]]
    assert mmd(50 * x, 50 * y) == pytest.approx(mmd(x, y), abs=1e-9)
    assert mmd(x + 1e6, y + 1e6) == pytest.approx(mmd(x, y), abs=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_mmd_says_nan_for_samples_that_are_not_numbers(bad):
    x, y = rng().normal(size=(2, 20, 2))
    x[3, 1] = bad
    assert math.isnan(mmd(x, y)) and math.isnan(mmd(y, x))


def test_mmd_of_points_that_are_all_the_same_is_zero():
    assert mmd(np.ones((20, 2)), np.ones((30, 2))) == pytest.approx(0, abs=1e-12)


# methods.md C.2: other code, (mean, sd of a draw, draws) of W1 and W2 at n = 2,000
TABLE = {
    "eight_gaussians": {"w1": (0.156, 0.031, 5), "w2": (0.246, 0.065, 5)},
    "half_moons": {"w1": (0.051, 0.007, 5), "w2": (0.067, 0.011, 5)},
}
SHIPPED = Path(ebmark.__file__).parent / "metrics" / "null_ranges.json"
shipped = pytest.mark.skipif(not SHIPPED.exists(), reason="no floors are shipped yet")


@shipped
@pytest.mark.parametrize("name", TABLE)
def test_the_shipped_floors_are_those_of_table_c2_within_three_standard_errors(name):
    null_ranges = json.loads(SHIPPED.read_text())["null_ranges"][name]["2000"]
    for metric, (mean, sd, draws) in TABLE[name].items():
        assert null_ranges[metric]["mean"] == pytest.approx(mean, abs=3 * sd / math.sqrt(draws)), (
            metric
        )


@shipped
def test_a_shipped_floor_has_every_metric_and_falls_with_the_sample():
    null_ranges = json.loads(SHIPPED.read_text())["null_ranges"]
    assert {"eight_gaussians", "half_moons"} <= null_ranges.keys() <= DATASETS.keys()
    for of_dataset in null_ranges.values():
        for metric in SAMPLE_METRICS:
            small, large = of_dataset["500"][metric], of_dataset["2000"][metric]
            for floor in (small, large):
                assert floor["low"] < floor["mean"] < floor["high"]
                assert floor["draws"] >= 100
            if metric != "mmd_sq":  # whose mean is 0 whatever the size
                assert 1.2 < small["mean"] / large["mean"] < 2.6  # about sqrt(4) or somewhat less


def test_evaluating_in_blocks_is_evaluating(getkey):
    x = rng().normal(size=(9_000, 2))
    np.testing.assert_allclose(
        evaluate(double_well, x),
        -0.5 * x[:, 0] - 6 * x[:, 0] ** 2 + x[:, 0] ** 4 + x[:, 1] ** 2 / 2,
        rtol=1e-4,
        atol=1e-4,
    )
