"""log Z and densities on a grid: closed forms, scipy, and the error estimate."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from ebmark.datasets import Grid, SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Quadratic, gaussian_log_z
from ebmark.errors import UserError
from ebmark.partition_function import evaluate, exact_samples, normalize_on_grid
from ebmark.partition_function._probes import missed_fraction

UNIT = Standardizer(np.zeros(2), np.ones(2))
LINE = Standardizer(np.zeros(1), np.ones(1))


def double_well(x):
    """A quartic double well in the first coordinate: log Z = 10.29348, by scipy.integrate.quad."""
    return -0.5 * x[0] - 6 * x[0] ** 2 + x[0] ** 4 + 0.5 * x[1] ** 2


@pytest.mark.parametrize("precision", [0.25, 1.0, 16.0])
@pytest.mark.parametrize("mean", [(0.0, 0.0), (1.0, -0.7)])
def test_log_z_of_gaussian_is_exact(precision, mean):
    density = normalize_on_grid(
        Quadratic(jnp.array(precision), jnp.array(mean)), Grid((-4.0, -4.0), (4.0, 4.0), 96), UNIT
    )
    exact = gaussian_log_z(precision, 2)
    assert density.log_z == pytest.approx(exact, abs=1e-4)
    assert abs(density.log_z - exact) <= density.log_z_error + 2e-6
    assert density.log_z_error <= 1e-4


def test_log_z_of_double_well_is_known_value():
    density = normalize_on_grid(double_well, Grid((-4.0, -6.0), (4.0, 6.0), 200), UNIT)
    assert density.log_z == pytest.approx(10.29348, abs=1e-5)
    right = np.exp(density.log_density)[density.grid.axes[0] > 0].sum() * density.grid.cell
    assert right == pytest.approx(0.84431, abs=1e-5)


def test_log_z_in_1d_matches_scipy():
    energy = lambda x: jnp.abs(x[0]) ** 3 + jnp.sin(3 * x[0])
    integral, _ = scipy.integrate.quad(lambda x: math.exp(-(abs(x) ** 3) - math.sin(3 * x)), -6, 6)
    density = normalize_on_grid(energy, Grid((-4.0,), (4.0,), 256), LINE)
    assert density.log_z == pytest.approx(math.log(integral), abs=1e-5)


@pytest.mark.parametrize("beyond", [jnp.nan, -jnp.inf])
def test_energy_without_a_value_beyond_the_box_is_unresolved(beyond):
    energy = lambda x: jnp.where(jnp.abs(x[0]) < 9, 0.5 * x[0] ** 2, beyond)
    density = normalize_on_grid(energy, Grid((-8.0,), (8.0,), 256), LINE)
    assert not density.is_resolved and "NaN or minus infinity" in density.problem()


def test_box_grows_for_wide_energy():
    """Standard deviation 6 in a box of width 8."""
    wide = Quadratic(jnp.array(1 / 36), jnp.zeros(2))
    density = normalize_on_grid(wide, Grid((-4.0, -4.0), (4.0, 4.0), 64), UNIT, attempts=6)
    assert density.grid.upper[0] > 20
    assert density.log_z == pytest.approx(gaussian_log_z(1 / 36, 2), abs=2e-3)


@pytest.mark.slow
def test_grid_is_refined_for_narrow_energy():
    """Standard deviation 0.01 on a grid of spacing 0.125."""
    narrow = Quadratic(jnp.array(1e4), jnp.array([0.013, -0.4]))
    density = normalize_on_grid(narrow, Grid((-4.0, -4.0), (4.0, 4.0), 64), UNIT, attempts=9)
    assert density.grid.points_per_axis > 500
    exact = gaussian_log_z(1e4, 2)
    assert abs(density.log_z - exact) <= density.log_z_error + 1e-5


@pytest.mark.parametrize(
    ("precision", "grid"),
    [
        (1 / 36, Grid((-4.0, -4.0), (4.0, 4.0), 64)),  # box too small
        (1 / 4, Grid((-4.0, -4.0), (4.0, 4.0), 64)),
        (400.0, Grid((-4.0, -4.0), (4.0, 4.0), 64)),  # grid too coarse
        (40.0, Grid((-4.0, -4.0), (4.0, 4.0), 64)),
        (1.0, Grid((0.0, 0.0), (8.0, 8.0), 64)),  # half of the mass outside
    ],
)
def test_log_z_error_covers_error_of_bad_grid(precision, grid):
    """Within a factor of 2, as the doubled box does not contain all of the widest energy."""
    energy = Quadratic(jnp.array(precision), jnp.array([0.01, 0.02]))
    density = normalize_on_grid(energy, grid, UNIT, attempts=1)
    error = abs(density.log_z - gaussian_log_z(precision, 2))
    assert error <= 2 * density.log_z_error + 1e-5
    assert error < 1e-5 or density.log_z_error > 1e-4


def test_grid_density_is_normalized_in_user_units():
    mean, scale = np.array([50.0, -2.0]), np.array([10.0, 0.1])
    box = Grid(tuple(mean - 6 * scale), tuple(mean + 6 * scale), 128)
    density = normalize_on_grid(
        Quadratic(jnp.array(1.0), jnp.zeros(2)), box, Standardizer(mean, scale)
    )
    assert np.exp(density.log_density).sum() * density.grid.cell == pytest.approx(1, abs=1e-9)
    gaussian = scipy.stats.multivariate_normal(mean, np.diag(scale**2))
    exact = gaussian.logpdf(density.grid.points()).reshape(density.log_density.shape)
    np.testing.assert_allclose(density.log_density, exact, atol=1e-4)


def test_log_z_is_nan_without_finite_energy():
    for value in (jnp.nan, jnp.inf):
        density = normalize_on_grid(
            lambda x, v=value: v + 0 * x[0], Grid((-1.0,) * 2, (1.0,) * 2, 8), UNIT
        )
        assert math.isnan(density.log_z)


def test_log_z_with_infinite_energies():
    """Half of a standard normal: Z = pi."""
    half_normal = lambda x: jnp.where(x[0] > 0, 0.5 * x @ x, jnp.inf)
    density = normalize_on_grid(half_normal, Grid((-8.0, -8.0), (8.0, 8.0), 128), UNIT)
    assert density.log_z == pytest.approx(math.log(math.pi), abs=1e-4)


def test_evaluate_in_blocks_matches_formula():
    x = np.random.default_rng(0).normal(size=(9_000, 2))
    np.testing.assert_allclose(
        evaluate(double_well, x),
        -0.5 * x[:, 0] - 6 * x[:, 0] ** 2 + x[:, 0] ** 4 + x[:, 1] ** 2 / 2,
        rtol=1e-4,
        atol=1e-4,
    )


def two_gaussians(center, weight, scale, background, dim=2):
    """The energy of a narrow and a wide Gaussian, whose log Z is dim / 2 log(2 pi)."""

    def energy(z):
        def part(weight, center, sd):
            return math.log(weight) - dim * math.log(sd) - jnp.sum((z - center) ** 2) / (2 * sd**2)

        return -jnp.logaddexp(part(weight, center, scale), part(1 - weight, -1.0, background))

    return energy


@pytest.mark.parametrize("dim", [1, pytest.param(2, marks=pytest.mark.full)])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.5), (0.25, 0.4), (0.5, 0.1)])
def test_spike_between_grid_points_is_noticed(place, dim):
    """A spike of an eighth of the spacing, at any place in a cell, is found or log Z unresolved."""
    spacing = 8 / 256
    center = jnp.array([1.0, 0.5][:dim]) + spacing * jnp.array(place[:dim])
    for weight, background in ((0.5, 0.3), (0.2, 0.3), (0.5, 0.6)):
        energy = two_gaussians(center, weight, spacing / 8, background, dim)
        grid = Grid((-4.0,) * dim, (4.0,) * dim, 256)
        units = Standardizer(np.zeros(dim), np.ones(dim))
        density = normalize_on_grid(energy, grid, units, attempts=1)
        error = abs(density.log_z - dim / 2 * math.log(2 * math.pi))
        assert not density.is_resolved or error < 0.05


@pytest.mark.parametrize("name", ["eight_gaussians", "rings", "half_moons"])
def test_probes_find_nothing_in_smooth_density(name):
    """So that log Z and its error are those of the grids alone, bit for bit."""
    source = SyntheticDataset(name)

    def energies(points):
        return -np.logaddexp.reduce(source.component_log_probs(points), axis=1)

    grid = source.grid()
    assert missed_fraction(energies, energies(grid.points()), grid) == 0


def slope(x):
    return x[0]


NOT_NORMALIZABLE = {
    "linear": slope,
    "steep": lambda x: 1e3 * slope(x),
    "faint": lambda x: 0.01 * slope(x),
    "constant": lambda x: 0.0 * slope(x),
    "concave": lambda x: -0.5 * x @ x,
    "one_side": lambda x: jnp.maximum(slope(x), 0.0),
    "heavy_tails": lambda x: 0.5 * len(x) * jnp.log1p(x @ x),
    "infinite": lambda x: jnp.inf + 0.0 * slope(x),
}


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("name", NOT_NORMALIZABLE)
def test_energy_without_normalizing_constant(name, dim):
    """It is said in one line, and its density cannot be sampled."""
    units = Standardizer(np.ones(dim), np.full(dim, 3.0))
    grid = Grid((-8.0,) * dim, (8.0,) * dim, 64)
    density = normalize_on_grid(NOT_NORMALIZABLE[name], grid, units)
    assert not density.is_resolved
    assert "log Z is not resolved" in density.problem() and "\n" not in density.problem()
    with pytest.raises(UserError, match="normalizing constant"):
        exact_samples(density, 10, jax.random.key(0))


def test_problem_is_empty_for_gaussian():
    density = normalize_on_grid(lambda x: 0.5 * x @ x, Grid((-8.0,), (8.0,), 64), LINE)
    assert density.problem() == "" and "changes it by" in density.problem(0.0)
