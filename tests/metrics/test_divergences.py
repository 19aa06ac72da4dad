"""Divergences of densities on a grid: closed forms and the decomposition of KL."""

import math

import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from scipy.ndimage import gaussian_filter

from ebmark.datasets import DATASETS, Grid, SyntheticDataset
from ebmark.metrics import density_metrics, mode_frequency_tv, target_on_grid
from ebmark.metrics import target as target_of_source
from ebmark.partition_function import evaluate

KL_PARTS = ("kl_off_support", "kl_mode_weights", "kl_within_mode")
GRID = Grid((-9.0, -9.0), (9.0, 9.0), 360)
POINTS = GRID.points()


def gaussian(mean, sd):
    distribution = scipy.stats.multivariate_normal(mean, np.diag(np.square(sd)))
    return distribution.logpdf(POINTS).reshape(360, 360)


def mixture(weights, sd=0.7, separation=2.5):
    """Component log-densities, (points, modes), of two Gaussians on the first axis."""
    columns = [
        math.log(w) + gaussian((m, 0.0), (sd, sd)).ravel()
        for w, m in zip(weights, (-separation, separation), strict=True)
    ]
    return np.stack(columns, axis=1)


def density_of(component_log_probs):
    return np.logaddexp.reduce(component_log_probs, axis=1).reshape(360, 360)


def target_of(component_log_probs):
    return target_on_grid(component_log_probs, GRID)


def single(mean, sd):
    return target_of(gaussian(mean, sd).reshape(-1, 1))


MODELS = {
    "shifted": lambda: density_of(mixture((0.3, 0.7), sd=0.8, separation=2.3)),
    "wide modes": lambda: density_of(mixture((0.3, 0.7), sd=1.1)),
    "other weights": lambda: density_of(mixture((0.6, 0.4))),
    "missing mode": lambda: gaussian((2.5, 0.0), (0.7, 0.7)),
    "one Gaussian": lambda: gaussian((0.5, 0.0), (3.0, 1.0)),
    "uniform mass": lambda: np.logaddexp(
        math.log(0.9) + density_of(mixture((0.3, 0.7))), math.log(0.1 / 324)
    ),
}


def test_divergences_are_zero_at_target():
    """All but the NLL, which is the entropy."""
    components = mixture((0.3, 0.7))
    log_p = density_of(components)
    values = density_metrics(target_of(components), log_p, GRID)
    assert values.pop("nll") == pytest.approx(-np.sum(np.exp(log_p) * log_p) * GRID.cell, abs=1e-9)
    for metric, value in values.items():
        assert value == pytest.approx(0, abs=1e-9), metric


def test_kl_of_gaussians_is_closed_form():
    """KL = sum of log t/s + (s^2 + (m - n)^2) / (2 t^2) - 1/2; NLL = entropy + KL."""
    m = np.array((0.5, -0.3))
    s = np.array((1.0, 0.8))
    n = np.array((0.0, 0.2))
    t = np.array((1.2, 1.1))
    kl = np.sum(np.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - 0.5)
    values = density_metrics(single(m, s), gaussian(n, t), GRID)
    assert values["kl"] == pytest.approx(kl, rel=1e-6)
    entropy = np.sum(np.log(s * math.sqrt(2 * math.pi * math.e)))
    assert values["nll"] == pytest.approx(entropy + kl, rel=1e-6)


def test_tv_of_shifted_gaussians_is_closed_form():
    """2 Phi(|shift| / 2) - 1, for unit covariances."""
    values = density_metrics(single((0, 0), (1, 1)), gaussian((1.2, 0.5), (1, 1)), GRID)
    assert values["tv"] == pytest.approx(2 * scipy.stats.norm.cdf(1.3 / 2) - 1, abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_kl_parts_add_up_and_are_nonnegative(name):
    target = target_of(mixture((0.3, 0.7)))
    values = density_metrics(target, MODELS[name](), GRID)
    parts = [values[part] for part in KL_PARTS]
    assert sum(parts) == pytest.approx(values["kl"], abs=1e-9)
    assert min(parts) > -1e-9
    assert values["tv"] <= math.sqrt(values["kl"] / 2)  # Pinsker
    assert values["mode_weight_tv"] <= values["tv"] + 1e-12


def test_wrong_weights_give_mode_weight_kl_only():
    """Sum of P log P/Q over the modes, up to their overlap at 3.6 standard deviations."""
    p, q = (0.3, 0.7), (0.6, 0.4)
    values = density_metrics(target_of(mixture(p)), density_of(mixture(q)), GRID)
    expected = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert values["kl_mode_weights"] == pytest.approx(expected, abs=2e-3)
    assert values["kl_off_support"] < 1e-3 and values["kl_within_mode"] < 2e-3
    assert values["mode_weight_tv"] == pytest.approx(0.3, abs=1e-3)


def test_uniform_mass_gives_off_support_kl_only():
    """A tenth of the mass is uniform on the box: the support keeps 0.9 of its mass and shape."""
    target = target_of(mixture((0.3, 0.7)))
    values = density_metrics(target, MODELS["uniform mass"](), GRID)
    support = np.sum(target.regions > 0) * GRID.cell / 324
    q0 = 1 - (0.9 * 0.999 + 0.1 * support)
    off_support = 0.001 * math.log(0.001 / q0) + 0.999 * math.log(0.999 / (1 - q0))
    assert values["kl_off_support"] == pytest.approx(off_support, rel=1e-2)
    assert values["kl_mode_weights"] < 2e-3
    assert values["kl_within_mode"] < 0.01 < values["kl_off_support"]


@pytest.mark.parametrize("nats", [30, 60, 900])
def test_off_support_kl_is_finite_for_deep_minimum(nats):
    """All mass but exp(-nats) is at one corner, the rest is the target: KL is `nats`."""
    target = target_of(mixture((0.3, 0.7)))
    corner = np.full(target.log_density.shape, -np.inf)
    corner.flat[0] = -np.log(GRID.cell)
    values = density_metrics(target, np.logaddexp(corner, target.log_density - nats), GRID)
    assert values["kl_off_support"] == pytest.approx(0.999 * nats, rel=1e-2)
    assert values["kl"] == pytest.approx(sum(values[part] for part in KL_PARTS))
    assert abs(values["kl_mode_weights"]) < 1e-9


def test_wide_modes_give_no_mode_weight_kl():
    values = density_metrics(target_of(mixture((0.3, 0.7))), MODELS["wide modes"](), GRID)
    assert values["kl_mode_weights"] < 2e-3
    assert values["kl_within_mode"] + values["kl_off_support"] > 0.1


def test_kl_is_infinite_for_mode_without_mass():
    target = target_of(mixture((0.3, 0.7)))
    log_density = density_of(mixture((0.3, 0.7)))
    log_density[GRID.axes[0] < 0] = -np.inf
    values = density_metrics(target, log_density, GRID)
    assert values["kl"] == values["nll"] == values["kl_mode_weights"] == math.inf
    assert values["mode_weight_tv"] == pytest.approx(0.3, abs=1e-3)


def test_constant_in_log_density_changes_nll_only():
    """The other metrics normalize both densities on the grid first."""
    target = target_of(mixture((0.3, 0.7)))
    model = MODELS["shifted"]()
    shifted = density_metrics(target, model + 0.7, GRID)
    expected = density_metrics(target, model, GRID)
    assert shifted.pop("nll") == pytest.approx(expected.pop("nll") - 0.7, abs=1e-9)
    assert shifted == pytest.approx(expected, abs=1e-9)


def test_divergences_are_independent_of_units():
    """Scaled axes leave ratios of densities; the Fisher divergence has units."""
    parts = mixture((0.3, 0.7))
    model = MODELS["shifted"]()
    stretched = Grid((-900.0, -0.9), (900.0, 0.9), 360)
    log_jacobian = math.log(100 * 0.1)
    scaled = density_metrics(
        target_on_grid(parts - log_jacobian, stretched), model - log_jacobian, stretched
    )
    expected = density_metrics(target_of(parts), model, GRID)
    del scaled["fisher_divergence"], expected["fisher_divergence"]
    assert scaled.pop("nll") == pytest.approx(expected.pop("nll") + log_jacobian, abs=1e-9)
    assert scaled == pytest.approx(expected, abs=1e-9)


def test_support_is_smallest_set_with_its_mass():
    """The 99.9% region of a standard normal is a disk; its boundary is left out."""
    target = single((0, 0), (1, 1))
    radius = math.sqrt(scipy.stats.chi2(2).ppf(0.999))
    inside = np.hypot(*POINTS.T).reshape(360, 360) < radius
    border = np.abs(np.hypot(*POINTS.T).reshape(360, 360) - radius) < 0.05
    np.testing.assert_array_equal((target.regions > 0)[~border], inside[~border])
    assert np.exp(target.log_density)[target.regions > 0].sum() * GRID.cell == pytest.approx(
        0.999, abs=1e-4
    )


def test_fisher_divergence_of_gaussians_is_closed_form():
    """Of N(0, I) from N(m, s^2 I): E |x - (x - m) / s^2|^2 = d (1 - 1/s^2)^2 + |m|^2 / s^4."""
    grid, m, s2 = Grid((-8.0, -8.0), (8.0, 8.0), 400), np.array([0.5, -0.2]), 1.5
    points = grid.points()
    log_p = scipy.stats.multivariate_normal([0, 0]).logpdf(points)
    log_q = scipy.stats.multivariate_normal(m, s2).logpdf(points)
    target = target_on_grid(log_p[:, None], grid)
    values = density_metrics(target, log_q.reshape(400, 400), grid)["fisher_divergence"]
    assert values == pytest.approx(2 * (1 - 1 / s2) ** 2 + m @ m / s2**2, rel=1e-3)


def gaussian_model(dataset, grid):
    """A Gaussian with 1.2 times the standard deviations of a dataset: its log q, and its score."""
    mean, sd = (np.array(moment) for moment in dataset.moments())
    z = (grid.points() - mean) / (1.2 * sd)
    log_q = -0.5 * np.sum(z**2, axis=1) - math.log(2 * math.pi) - np.log(1.2 * sd).sum()
    return log_q.reshape((grid.points_per_axis,) * 2), -z / (1.2 * sd)


IN_2D = [name for name, dataset in DATASETS.items() if dataset.dim == 2]


@pytest.mark.full
@pytest.mark.parametrize("name", IN_2D)
def test_fisher_divergence_is_stable_under_refinement(name):
    """Within 0.2% of the value by exact scores; NaN where there is none."""
    source = SyntheticDataset(name)
    box = source.grid()
    values = []
    for num in (256, 320, 400):
        grid = Grid(box.lower, box.upper, num)
        on_grid = target_of_source(source, grid)
        log_q, model_scores = gaussian_model(source.dataset, grid)
        values.append(density_metrics(on_grid, log_q, grid)["fisher_divergence"])
    if not source.dataset.has_score:
        assert np.isnan(values).all()
        return
    p = np.exp(on_grid.log_density).ravel()
    has_mass = p > 1e-9 * p.max()
    scores = evaluate(source.dataset.score, grid.points()[has_mass])
    squares = np.sum((scores - model_scores[has_mass]) ** 2, axis=1)
    assert values == pytest.approx([p[has_mass] @ squares / p.sum()] * 3, rel=2e-3)


def test_fisher_divergence_at_an_edge_is_one_sided():
    """The half-normal x > 0 from N(0, 4): E (x - x/4)^2 = 9/16, to 1e-4 on each grid."""
    for num in (300, 450, 676):
        grid = Grid((-6.0,), (6.0,), num)
        x = grid.points()[:, 0]
        log_p = np.where(x > 0, scipy.stats.halfnorm.logpdf(np.abs(x)), -np.inf)
        model = scipy.stats.norm.logpdf(x, 0, 2)
        values = density_metrics(target_on_grid(log_p[:, None], grid), model, grid)
        assert values["fisher_divergence"] == pytest.approx(9 / 16, rel=1e-4)


def test_fisher_divergence_of_model_with_hole_is_nan():
    """Where the model has no density and the target has, no gradient is known."""
    grid = Grid((-6.0,), (6.0,), 300)
    x = grid.points()[:, 0]
    target = target_on_grid(scipy.stats.norm.logpdf(x)[:, None], grid)
    hole = np.where(np.abs(x) < 1, -np.inf, target.log_density)
    far = np.where(np.abs(x) > 5.5, -np.inf, target.log_density)
    assert math.isnan(density_metrics(target, hole, grid)["fisher_divergence"])
    assert density_metrics(target, far, grid)["fisher_divergence"] == pytest.approx(0, abs=1e-9)


def test_fisher_divergence_is_insensitive_to_weights():
    r"""Weights 0.2, 0.8 against 0.5, 0.5 at -m and m, by quadrature of the posterior probabilities:
    $\tfrac12 (2m)^2 E_p (P_p(k=1|x) - P_q(k=1|x))^2$ is 0.0041 for m = 3 and 2.3e-6 for m = 5."""
    grid = Grid((-14.0,), (14.0,), 6_000)
    x = grid.points()[:, 0]
    for m, half in ((3, 4.1e-3), (5, 2.3e-6)):
        parts = np.stack([scipy.stats.norm.logpdf(x, c) for c in (-m, m)], axis=1)
        target = target_on_grid(parts + np.log([0.2, 0.8]), grid)
        model = np.logaddexp.reduce(parts + np.log(0.5), axis=1)
        values = density_metrics(target, model, grid)
        assert values["fisher_divergence"] / 2 == pytest.approx(half, rel=0.04)
        assert values["kl"] == pytest.approx(0.193, abs=2e-3)


def test_density_metrics_rejects_other_shape():
    with pytest.raises(ValueError, match="'log_density' must have the shape of the target"):
        density_metrics(single((0, 0), (1, 1)), np.zeros((3, 3)), GRID)


@pytest.mark.parametrize("width", [0.05, 0.2])
def test_mass_off_the_support_is_in_no_mode(width):
    """A smoothed checkerboard has the weights of its squares; on the grid and of samples."""
    source = SyntheticDataset("checkerboard")
    grid = source.grid()
    p = target_on_grid(source.component_log_probs(grid.points()), grid, has_score=False)
    sigma = [width / spacing for spacing in grid.spacing]
    smoothed = gaussian_filter(np.exp(p.log_density), sigma, truncate=8)
    values = density_metrics(p, np.log(smoothed + 1e-300), grid)
    assert values["mode_weight_tv"] < 2e-3 < 0.02 < values["tv"]
    x = source.draw(20_000, jr.key(0))
    noise = np.random.default_rng(0).normal(size=x.shape)
    of_model = source.component_log_probs(x + width * noise)
    # of the same points, of which some left their square; 4 standard errors
    assert mode_frequency_tv(of_model, source.component_log_probs(x)) < 4 * math.sqrt(
        7 / 8 / 20_000
    )
    assert math.isnan(mode_frequency_tv(np.full((3, 8), -math.inf), of_model))
