"""Synthetic datasets: density, samples, entropy, moments and modes agree.

Random tests have fixed seeds; with other seeds each would fail at the rate stated with it.
"""

import functools
import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import sklearn.datasets
from helpers.costs import full_unless, slow_unless

from ebmark.datasets import (
    DATASETS,
    AbstractFitted,
    Banana,
    Funnel,
    GaussianRing,
    GaussiansOnSphere,
    Grid,
    HalfMoons,
    ManyWell,
    SyntheticDataset,
)
from ebmark.errors import UserError
from ebmark.partition_function import evaluate

POINTS_PER_AXIS = 256
SAMPLES = 20_000
# computed by quadrature in float64, with independent code
ENTROPIES = {
    "eight_gaussians": 2.831578,
    "eight_gaussians_unequal": 2.689296,
    "eight_gaussians_separated": 2.144730,
    "eight_gaussians_unequal_separated": 2.002086,
    "half_moons": 1.00758,
    "rings": 2.62318,
    "pinwheel": 2.31779,
    "two_spirals": 2.64545,
    "swiss_roll": 2.66965,
    "checkerboard": math.log(32),
    # closed forms: of well-separated Gaussians, of a change of variables
    "twenty_five_gaussians": math.log(25) + math.log(2 * math.pi * math.e * 0.02),
    "banana": math.log(2 * math.pi * math.e * 0.5),
    "funnel": math.log(2 * math.pi * math.e),
    # by quadrature in one dimension, and by a finer grid
    "double_well": 1.718576,
    "gmm_40": 6.957895,
    # by quadrature in float64 with scipy's logsumexp, 3,001 points per axis
    "eight_gaussians_unequal_r4": 3.785406,
    "eight_gaussians_unequal_r6": 3.214959,
    "eight_gaussians_unequal_r10": 2.248586,
    "eight_gaussians_unequal_r12": 1.884291,
    "gaussian_mixture_2": 2.420379,
}
IN_2D = [name for name, dataset in DATASETS.items() if dataset.dim == 2]
ABOVE_2D = [
    name
    for name, dataset in DATASETS.items()
    if dataset.dim > 2 and not isinstance(dataset, AbstractFitted)
]
QUICK = ("funnel_10", "many_well_4", "gaussian_mixture_32")
SLOW = ("two_spirals", "pinwheel", "gmm_40")
# the first dataset of each class
FIRST = {type(DATASETS[name]): name for name in reversed(IN_2D) if name not in SLOW}
EACH_CLASS = set(FIRST.values())
WITH_REFERENCE = [
    name for name in IN_2D if name == "half_moons" or name.startswith("eight_gaussians")
]


class OnGrid:
    """A dataset, its density on a grid over its support, and a sample; computed once each."""

    def __init__(self, name):
        self.name = name
        self.dataset = DATASETS[name]
        self.grid = Grid(*map(tuple, self.dataset.support_box()), POINTS_PER_AXIS)
        self.points = self.grid.points()
        self.component_log_probs = evaluate(self.dataset.component_log_probs, self.points)
        self.log_density = np.logaddexp.reduce(self.component_log_probs, axis=1)
        self.mass = np.exp(self.log_density) * self.grid.cell
        self.sample = SyntheticDataset(name).draw(SAMPLES, jr.key(11))


on_grid = functools.cache(OnGrid)


@pytest.fixture(params=full_unless(EACH_CLASS.__contains__, IN_2D))
def target(request):
    return on_grid(request.param)


@pytest.fixture(params=slow_unless(lambda name: "unequal_" not in name, WITH_REFERENCE))
def referenced(request):
    """A dataset with an independent density in numpy, `float64_log_prob`."""
    return on_grid(request.param)


def test_entropy_table_is_complete():
    assert ENTROPIES.keys() == set(IN_2D)


def test_density_integrates_to_1(target):
    assert target.mass.sum() == pytest.approx(1, abs=1e-5)


def test_density_is_sum_of_components(target):
    some = target.points[:: POINTS_PER_AXIS + 7][:200]
    direct = evaluate(target.dataset.log_prob, some)
    np.testing.assert_allclose(
        direct, target.log_density[:: POINTS_PER_AXIS + 7][:200], rtol=2e-6, atol=1e-5
    )
    assert target.component_log_probs.shape == (POINTS_PER_AXIS**2, target.dataset.modes)


def test_entropy_matches_quadrature_and_table(target):
    support = target.mass > 0
    entropy = -np.sum(target.mass[support] * target.log_density[support])
    assert entropy == pytest.approx(target.dataset.entropy, abs=2e-5)
    assert target.dataset.entropy == pytest.approx(ENTROPIES[target.name], abs=1e-5)


def test_sample_nll_is_entropy(target):
    """Within four standard errors: fails once in 16,000."""
    nll = -evaluate(target.dataset.log_prob, target.sample)
    assert abs(nll.mean() - target.dataset.entropy) < 4 * nll.std() / np.sqrt(SAMPLES) + 1e-6


def test_score_is_difference_quotient(referenced):
    """The error of the quotient is step^2 / 6 times the third derivative, at most 10 / s^3."""
    some = referenced.sample[:200]
    step = 0.01 * referenced.dataset.local_scale
    score = evaluate(referenced.dataset.score, some)
    for axis, shift in enumerate(np.eye(2) * step):
        ends = [float64_log_prob(referenced.dataset, some + sign * shift) for sign in (1, -1)]
        quotient = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(
            score[:, axis], quotient, rtol=1e-4, atol=3e-4 / referenced.dataset.local_scale
        )


def float64_log_prob(dataset, x):
    """The log-density in numpy; 512 quadrature points where there is an integral."""
    if isinstance(dataset, GaussianRing):
        angles = 2 * np.pi * np.arange(8) / 8
        centers = dataset.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        weights = np.array(dataset.weights) / np.sum(dataset.weights)
        squares = ((x[:, None] - centers) ** 2).sum(axis=-1)
        log_terms = np.log(weights) - squares / (2 * dataset.scale**2)
        return np.logaddexp.reduce(log_terms, axis=1) - np.log(2 * np.pi * dataset.scale**2)
    points, weights = np.polynomial.legendre.leggauss(512)
    t = (points + 1) * np.pi / 2
    arcs = np.concatenate(
        [
            np.stack([np.cos(t), np.sin(t)], axis=1),
            np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1),
        ]
    )
    log_terms = np.log(np.tile(weights, 2) / 4)
    log_terms = log_terms - ((x[:, None] - arcs) ** 2).sum(axis=-1) / (2 * dataset.noise**2)
    return np.logaddexp.reduce(log_terms, axis=1) - np.log(2 * np.pi * dataset.noise**2)


def test_log_prob_matches_float64(referenced):
    """For the moons, 128 Gauss-Legendre points are within 1e-4 of 512 at all samples."""
    x = referenced.sample[:4_000]
    error = np.abs(
        evaluate(referenced.dataset.log_prob, x) - float64_log_prob(referenced.dataset, x)
    )
    assert error.max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("noise", full_unless((0.2).__eq__, [0.05, 0.1, 0.2]))
def test_half_moons_are_exact_for_other_noises(noise):
    moons = HalfMoons(noise)
    x = np.array(jax.vmap(moons.sample)(jr.split(jr.key(2), 1_000)), np.float64)
    error = np.abs(evaluate(moons.log_prob, x) - float64_log_prob(moons, x))
    assert error.max() < 1e-4


def test_samples_follow_density(target):
    """Chi-square test on 32 x 32 bins, rare ones merged; p < 1e-4 fails once in 10,000."""
    side, bins = 32, POINTS_PER_AXIS // 32
    expected = target.mass.reshape(side, bins, side, bins).sum(axis=(1, 3)).ravel()
    ends = zip(target.grid.lower, target.grid.upper, strict=True)
    edges = [np.linspace(lo, hi, side + 1) for lo, hi in ends]
    counts = np.histogram2d(*target.sample.T, bins=edges)[0].ravel()
    expected = SAMPLES * np.append(expected, max(1 - expected.sum(), 0))
    counts = np.append(counts, SAMPLES - counts.sum())
    rare = expected < 8
    counts, expected = (np.append(a[~rare], a[rare].sum()) for a in (counts, expected))
    p = scipy.stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue
    assert p > 1e-4
    assert len(counts) > 30


def test_samples_have_independent_modes(target):
    """Chi-square tests on modes and on successive pairs; p < 1e-4 twice: fails once in 5,000."""
    modes = target.dataset.modes
    if modes == 1:
        pytest.skip("there is one mode")
    region = evaluate(target.dataset.mode_index, target.sample).astype(int)
    weights = np.bincount(target.component_log_probs.argmax(axis=1), target.mass, minlength=modes)
    counts = np.bincount(region, minlength=modes)
    assert scipy.stats.chisquare(counts, SAMPLES * weights / weights.sum()).pvalue > 1e-4
    pairs = np.histogram2d(region[:-1:2], region[1::2], bins=[np.arange(modes + 1) - 0.5] * 2)[0]
    assert scipy.stats.chi2_contingency(pairs).pvalue > 1e-4


def test_moments_match_density_and_samples(target):
    """Of the density to 1e-4, of samples within 4.5 standard errors: fails once in 36,000."""
    mean, scale = (np.array(moment) for moment in target.dataset.moments())
    by_quadrature = target.mass @ target.points
    np.testing.assert_allclose(by_quadrature, mean, atol=1e-4)
    spread = np.sqrt(target.mass @ (target.points - by_quadrature) ** 2)
    np.testing.assert_allclose(spread, scale, rtol=1e-4)
    z = (target.sample - mean) / scale
    assert np.abs(z.mean(axis=0)).max() < 4.5 / np.sqrt(SAMPLES)
    error = 4.5 * (z**2).std(axis=0) / np.sqrt(SAMPLES)
    assert (np.abs((z**2).mean(axis=0) - 1) < error).all()


def test_local_scale_is_smallest_width_of_modes(referenced):
    """At the densest points of the modes, the largest curvature of -log p is 1 / s^2.

    To 5%: an arc of radius 1 and noise .1 is narrower than a straight band by s^2 / 2.
    """
    hessian = jax.jit(jax.vmap(jax.hessian(referenced.dataset.log_prob)))
    peaks = referenced.points[referenced.component_log_probs.argmax(axis=0)]
    curvature = -np.linalg.eigvalsh(hessian(jnp.asarray(peaks, jnp.float32)))[:, 0]
    np.testing.assert_allclose(1 / np.sqrt(curvature), referenced.dataset.local_scale, rtol=0.05)


def test_mode_index_is_largest_component(referenced):
    peaks = referenced.points[referenced.component_log_probs.argmax(axis=0)]
    np.testing.assert_array_equal(
        evaluate(referenced.dataset.mode_index, peaks), np.arange(referenced.dataset.modes)
    )
    np.testing.assert_array_equal(
        evaluate(referenced.dataset.mode_index, referenced.sample[:500]),
        evaluate(referenced.dataset.component_log_probs, referenced.sample[:500]).argmax(axis=1),
    )


@pytest.mark.parametrize("name", ["eight_gaussians", "eight_gaussians_separated"])
def test_mode_index_of_equal_ring_is_sector(name):
    dataset = DATASETS[name]
    angles = np.linspace(0, 2 * np.pi, 321)[:-1] + 0.001
    x = dataset.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    sectors = np.round(angles / (np.pi / 4)).astype(int) % 8
    np.testing.assert_array_equal(evaluate(dataset.mode_index, x), sectors)


def test_unequal_ring_has_weights_1_to_8():
    for name in ("eight_gaussians_unequal", "eight_gaussians_unequal_separated"):
        target = on_grid(name)
        weights = np.exp(target.component_log_probs).sum(axis=0) * target.grid.cell
        np.testing.assert_allclose(weights, np.arange(1, 9) / 36, atol=1e-5)


def test_moons_have_equal_weights():
    """A rotation by half a turn exchanges the two moons."""
    target = on_grid("half_moons")
    weights = np.exp(target.component_log_probs).sum(axis=0) * target.grid.cell
    np.testing.assert_allclose(weights, 0.5, atol=1e-5)
    x = target.sample[:500]
    rotated = evaluate(target.dataset.component_log_probs, np.array([1.0, 0.5]) - x)[:, ::-1]
    np.testing.assert_allclose(
        evaluate(target.dataset.component_log_probs, x), rotated, rtol=1e-4, atol=1e-3
    )


def test_moons_entropy_matches_scikit_learn():
    """Within four standard errors of an iid sample; equally spaced angles have smaller ones.

    Moons of another noise are rejected.
    """
    moons = DATASETS["half_moons"]
    x, _ = sklearn.datasets.make_moons(SAMPLES, noise=0.1, random_state=0)
    nll = -evaluate(moons.log_prob, x)
    assert abs(nll.mean() - moons.entropy) < 4 * nll.std() / np.sqrt(SAMPLES)
    x, _ = sklearn.datasets.make_moons(SAMPLES, noise=0.12, random_state=0)
    nll = -evaluate(moons.log_prob, x)
    assert abs(nll.mean() - moons.entropy) > 12 * nll.std() / np.sqrt(SAMPLES)


def test_moons_mode_index_matches_scikit_learn():
    x, label = sklearn.datasets.make_moons(2_000, noise=0.05, random_state=0)
    assert (evaluate(DATASETS["half_moons"].mode_index, x) == label).mean() > 0.999


def test_eight_gaussians_match_ffjord():
    """FFJORD uses 1.414 for the square root of 2."""
    ring = DATASETS["eight_gaussians"]
    assert (ring.radius, ring.scale) == pytest.approx((4 / 1.414, 0.5 / 1.414), rel=2e-4)
    assert ring.radius / ring.scale == pytest.approx(8)
    separated = DATASETS["eight_gaussians_separated"]
    assert separated.radius == pytest.approx(16 * separated.scale)


def test_sample_depends_on_key_only(target):
    source = SyntheticDataset(target.name)
    sample = source.draw(100, jr.key(11))
    np.testing.assert_array_equal(sample, source.draw(100, jr.key(11)))
    assert (sample != source.draw(100, jr.key(12))).all()


@pytest.mark.full
def test_score_is_float64_difference_quotient(target):
    """Where the density jumps the quotient is not finite."""
    x = target.sample[:300]
    step = 1e-6
    score = evaluate(target.dataset.score, x)
    with jax.enable_x64(True):
        log_prob = jax.vmap(target.dataset.log_prob)
        for axis, shift in enumerate(np.eye(2) * step):
            quotient = np.asarray(log_prob(x + shift) - log_prob(x - shift)) / (2 * step)
            is_smooth = np.isfinite(quotient)
            assert is_smooth.mean() > 0.99
            np.testing.assert_allclose(
                score[is_smooth, axis],
                quotient[is_smooth],
                rtol=1e-3,
                atol=2e-3 / target.dataset.local_scale,
            )


def scipy_log_prob(dataset, x):
    if isinstance(dataset, GaussiansOnSphere):
        weights = np.array(dataset.weights) / np.sum(dataset.weights)
        terms = [
            np.log(w) + scipy.stats.multivariate_normal(m, dataset.scale**2).logpdf(x)
            for w, m in zip(weights, dataset.centers(), strict=True)
        ]
        return np.logaddexp.reduce(terms, axis=0)
    if hasattr(dataset, "sigma"):
        widths = np.exp(x[:, :1] / 2)
        across = scipy.stats.norm.logpdf(x[:, 1:], scale=widths).sum(axis=1)
        return scipy.stats.norm.logpdf(x[:, 0], scale=dataset.sigma) + across
    if hasattr(dataset, "bend"):
        centers = dataset.bend * x[:, ::2] ** 2
        across = scipy.stats.norm.logpdf(x[:, 1::2], centers, dataset.noise)
        return (scipy.stats.norm.logpdf(x[:, ::2]) + across).sum(axis=1)
    z, _ = scipy.integrate.quad(lambda u: np.exp(0.5 * u + 6 * u**2 - u**4), -5, 5, epsabs=1e-9)
    wells = x[:, ::2]
    of_wells = np.sum(0.5 * wells + 6 * wells**2 - wells**4 - np.log(z), axis=1)
    return of_wells + scipy.stats.norm.logpdf(x[:, 1::2]).sum(axis=1)


@pytest.mark.parametrize(
    "name",
    full_unless(QUICK.__contains__, ABOVE_2D),
)
def test_dataset_above_2d_matches_scipy(name):
    """Density, NLL, moments and score; the NLL within 4 standard errors: fails once in 16,000.

    E[score_i (x_i - mean_i)] = -1 for every density (Stein). The mouth of the funnel has no
    fourth moment to rely on, so that only its first coordinate is tested.
    """
    dataset = DATASETS[name]
    x = SyntheticDataset(name).draw(SAMPLES, jr.key(13))
    log_prob = evaluate(dataset.log_prob, x)
    np.testing.assert_allclose(log_prob, scipy_log_prob(dataset, x), rtol=1e-4, atol=2e-3)
    error = abs(-log_prob.mean() - dataset.entropy)
    assert error < 4 * log_prob.std() / np.sqrt(SAMPLES)
    assert x.shape == (SAMPLES, dataset.dim)
    mean, scale = (np.array(moment) for moment in dataset.moments())
    tested = slice(1) if name == "funnel_10" else slice(None)
    z = ((x - mean) / scale)[:, tested]
    assert np.abs(z.mean(axis=0)).max() < 4.5 / np.sqrt(SAMPLES)
    error = 4.5 * (z**2).std(axis=0) / np.sqrt(SAMPLES)
    assert (np.abs((z**2).mean(axis=0) - 1) < error).all()
    score = evaluate(dataset.score, x)
    products = (score * (x - mean))[:, tested]
    error = 4.5 * products.std(axis=0) / np.sqrt(SAMPLES)
    assert (np.abs(products.mean(axis=0) + 1) < error).all()


def uniforms(dataset, x):
    """Columns that are uniform if x follows the dataset, by one-dimensional CDFs of scipy."""
    if isinstance(dataset, GaussiansOnSphere):
        weights = np.array(dataset.weights)
        along = np.ones(dataset.dim) / np.sqrt(dataset.dim)
        gaps = (x @ along)[:, None] - np.array(dataset.centers()) @ along
        yield scipy.stats.norm.cdf(gaps / dataset.scale) @ weights / weights.sum()
    elif hasattr(dataset, "sigma"):
        yield scipy.stats.norm.cdf(x[:, 0] / dataset.sigma)
        yield scipy.stats.norm.cdf(x[:, -1] / np.exp(x[:, 0] / 2))
    elif hasattr(dataset, "bend"):
        yield scipy.stats.norm.cdf(x[:, -2])
        yield scipy.stats.norm.cdf((x[:, -1] - dataset.bend * x[:, -2] ** 2) / dataset.noise)
    else:
        grid = np.linspace(-4, 4, 20_001)
        mass = np.cumsum(np.exp(0.5 * grid + 6 * grid**2 - grid**4))
        yield np.interp(x[:, 0], grid, mass / mass[-1])
        yield np.interp(x[:, -2], grid, mass / mass[-1])
        yield scipy.stats.norm.cdf(x[:, -1])


@pytest.mark.parametrize("name", ABOVE_2D)
def test_samples_above_2d_follow_marginals(name):
    """Kolmogorov-Smirnov tests; each fails once in 10,000."""
    x = SyntheticDataset(name).draw(SAMPLES, jr.key(15))
    for column in uniforms(DATASETS[name], x):
        assert scipy.stats.kstest(column, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("dataset", [ManyWell, Banana])
@pytest.mark.parametrize("dim", [0, 1, 5])
def test_pairs_reject_odd_dimensions(dataset, dim):
    with pytest.raises(ValueError, match="even"):
        dataset(dim=dim)


@pytest.mark.parametrize("name", ["double_well", "many_well_4", "many_well_32"])
def test_wells_have_known_weights_and_log_z(name):
    """By quadrature, each pair has log Z 10.29348 and 0.84431 of the mass on the right.

    The chi-square test with p < 1e-4 fails once in 10,000.
    """
    dataset = DATASETS[name]
    pairs = dataset.dim // 2
    assert dataset.log_z == pytest.approx(pairs * 10.29348, abs=1e-5 * pairs)
    x = SyntheticDataset(name).draw(SAMPLES, jr.key(14))
    right = evaluate(dataset.mode_index, x).astype(int)
    np.testing.assert_array_equal(right, (x[:, ::2] > -0.0416908).sum(axis=1))
    expected = SAMPLES * scipy.stats.binom(pairs, 0.84431).pmf(np.arange(pairs + 1))
    counts = np.bincount(right, minlength=pairs + 1)
    rare = expected < 8
    counts, expected = (np.append(a[~rare], a[rare].sum()) for a in (counts, expected))
    counts, expected = counts[expected > 0], expected[expected > 0]
    assert scipy.stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize(
    "name", ["gaussian_mixture_16", "gaussian_mixture_32", "gaussian_mixture_128"]
)
def test_well_separated_mixture_entropy(name):
    """The entropy is that of the weights plus that of one Gaussian."""
    dataset = DATASETS[name]
    weights = np.arange(1, 9) / 36
    of_gaussian = 0.5 * dataset.dim * math.log(2 * math.pi * math.e * dataset.scale**2)
    assert dataset.entropy == pytest.approx(of_gaussian - weights @ np.log(weights), abs=2e-3)


@pytest.mark.full
def test_support_box_holds_samples():
    """At most 0.1% of the samples lie outside, 1% for the mouths of the funnels."""
    for name, dataset in DATASETS.items():
        lower, upper = dataset.support_box()
        x = SyntheticDataset(name).draw(SAMPLES, jr.key(13))
        is_within = ((x > lower) & (x < upper)).all(axis=1)
        assert is_within.mean() >= (0.99 if name.startswith("funnel") else 0.999), name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HalfMoons(noise=0.0), "'noise' must be positive, got 0.0."),
        (lambda: GaussianRing(1.0, -0.1, (1.0,), 0.0), "'scale' must be positive, got -0.1."),
        (lambda: GaussianRing(1.0, 0.1, (1.0, 0.0), 0.0), "'weights' must be positive numbers"),
        (lambda: Funnel(dim=1), "'dim' must be at least 2, got 1."),
    ],
)
def test_datasets_reject_invalid_fields(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_dataset_gets_suggestion():
    with pytest.raises(UserError, match="half_moons"):
        SyntheticDataset("half_mons")
