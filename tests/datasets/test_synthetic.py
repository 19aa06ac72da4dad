"""Datasets: each is the law that it says it is.

Random tests have fixed seeds; with fresh ones each would fail at the rate that is told beside it.
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

from ebmark.datasets import (
    DATASETS,
    GaussianRing,
    GaussiansOnSphere,
    Grid,
    HalfMoons,
    ManyWell,
    SyntheticDataset,
)
from ebmark.partition_function import evaluate

NODES = 256
SAMPLES = 20_000
# methods.md E.2: by quadrature in float64, with other code
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
    # closed forms: of Gaussians too far apart to overlap, of a change of variables
    "twenty_five_gaussians": math.log(25) + math.log(2 * math.pi * math.e * 0.02),
    "banana": math.log(2 * math.pi * math.e * 0.5),
    "funnel": math.log(2 * math.pi * math.e),
    # by quadrature in one dimension, and by a finer grid
    "double_well": 1.718576,
    "gmm_40": 6.957895,
    # by quadrature in float64 with scipy's logsumexp, 3,001 nodes an axis
    "eight_gaussians_unequal_r4": 3.785406,
    "eight_gaussians_unequal_r6": 3.214959,
    "eight_gaussians_unequal_r10": 2.248586,
    "eight_gaussians_unequal_r12": 1.884291,
    "gaussian_mixture_2": 2.420379,
}
PLANE = [name for name, dataset in DATASETS.items() if dataset.dim == 2]
ABOVE = [name for name, dataset in DATASETS.items() if dataset.dim > 2]
SOME = ("funnel_10", "many_well_4", "gaussian_mixture_32")  # of those above the plane
LONG = ("two_spirals", "pinwheel", "gmm_40")  # to evaluate
FIRST = [name for name in PLANE if name == "half_moons" or name.startswith("eight_gaussians")]


class OnGrid:
    """A dataset, its density on a grid that holds all of it, and a sample; made once each."""

    def __init__(self, name):
        self.name, self.dataset = name, DATASETS[name]
        self.grid = Grid(*map(tuple, self.dataset.support_box()), NODES)
        self.points = self.grid.points()
        self.component_log_probs = evaluate(self.dataset.component_log_probs, self.points)
        self.log_density = np.logaddexp.reduce(self.component_log_probs, axis=1)
        self.mass = np.exp(self.log_density) * self.grid.cell
        self.sample = SyntheticDataset(name).draw(SAMPLES, jr.key(11))


on_grid = functools.cache(OnGrid)


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.full) if name in LONG else name for name in PLANE]
)
def law(request):
    return on_grid(request.param)


@pytest.fixture(params=FIRST)
def first(request):
    """A law with a referee in numpy of its own."""
    return on_grid(request.param)


def test_every_dataset_has_an_entropy_in_the_table():
    assert ENTROPIES.keys() == set(PLANE)


def test_the_density_integrates_to_1(law):
    assert law.mass.sum() == pytest.approx(1, abs=1e-5)


def test_the_density_is_the_sum_of_its_components(law):
    some = law.points[:: NODES + 7][:200]
    direct = evaluate(law.dataset.log_prob, some)
    np.testing.assert_allclose(direct, law.log_density[:: NODES + 7][:200], rtol=2e-6, atol=1e-5)
    assert law.component_log_probs.shape == (NODES**2, law.dataset.modes)


def test_the_entropy_is_the_one_declared_and_that_of_the_table(law):
    held = law.mass > 0
    entropy = -np.sum(law.mass[held] * law.log_density[held])
    assert entropy == pytest.approx(law.dataset.entropy, abs=2e-5)
    assert law.dataset.entropy == pytest.approx(ENTROPIES[law.name], abs=1e-5)


def test_the_samples_negative_log_likelihood_is_the_entropy(law):
    """Within four standard errors: fails once in 16,000."""
    nll = -evaluate(law.dataset.log_prob, law.sample)
    assert abs(nll.mean() - law.dataset.entropy) < 4 * nll.std() / np.sqrt(SAMPLES) + 1e-6


def test_the_score_is_the_difference_quotient_of_the_log_density(first):
    law = first
    some = law.sample[:200]
    step = 0.01 * law.dataset.local_scale
    score = evaluate(law.dataset.score, some)
    for axis, shift in enumerate(np.eye(2) * step):
        ends = [float64_log_prob(law.dataset, some + sign * shift) for sign in (1, -1)]
        quotient = (ends[0] - ends[1]) / (2 * step)
        # the quotient's own error is step^2 / 6 of the third derivative, some 10 / s^3 at most
        np.testing.assert_allclose(
            score[:, axis], quotient, rtol=1e-4, atol=3e-4 / law.dataset.local_scale
        )


def float64_log_prob(dataset, x):
    """The log-density by numpy alone: the referee. 512 nodes where there is an integral."""
    if isinstance(dataset, GaussianRing):
        angles = 2 * np.pi * np.arange(8) / 8
        centers = dataset.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        weights = np.array(dataset.weights) / np.sum(dataset.weights)
        squares = ((x[:, None] - centers) ** 2).sum(axis=-1)
        log_terms = np.log(weights) - squares / (2 * dataset.scale**2)
        return np.logaddexp.reduce(log_terms, axis=1) - np.log(2 * np.pi * dataset.scale**2)
    nodes, weights = np.polynomial.legendre.leggauss(512)
    t = (nodes + 1) * np.pi / 2
    arcs = np.concatenate(
        [
            np.stack([np.cos(t), np.sin(t)], axis=1),
            np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1),
        ]
    )
    log_terms = np.log(np.tile(weights, 2) / 4)
    log_terms = log_terms - ((x[:, None] - arcs) ** 2).sum(axis=-1) / (2 * dataset.noise**2)
    return np.logaddexp.reduce(log_terms, axis=1) - np.log(2 * np.pi * dataset.noise**2)


def test_the_log_density_is_that_of_numpy_in_double_precision(first):
    """For the moons: 128 Gauss-Legendre nodes are within 1e-4 of 512, wherever samples fall."""
    x = first.sample[:4_000]
    error = np.abs(evaluate(first.dataset.log_prob, x) - float64_log_prob(first.dataset, x))
    assert error.max() < 1e-4


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_half_moons_of_other_noises_are_as_exact(noise):
    moons = HalfMoons(noise)
    x = np.array(jax.vmap(moons.sample)(jr.split(jr.key(2), 1_000)), np.float64)
    error = np.abs(evaluate(moons.log_prob, x) - float64_log_prob(moons, x))
    assert error.max() < 1e-4


def test_samples_follow_the_density(law):
    """Chi-square over 32 x 32 cells, the rare ones together; p < 1e-4 fails once in 10,000."""
    side, bins = 32, NODES // 32
    expected = law.mass.reshape(side, bins, side, bins).sum(axis=(1, 3)).ravel()
    ends = zip(law.grid.lower, law.grid.upper, strict=True)
    edges = [np.linspace(lo, hi, side + 1) for lo, hi in ends]
    seen = np.histogram2d(*law.sample.T, bins=edges)[0].ravel()
    expected = SAMPLES * np.append(expected, max(1 - expected.sum(), 0))
    seen = np.append(seen, SAMPLES - seen.sum())
    rare = expected < 8
    seen, expected = (np.append(a[~rare], a[rare].sum()) for a in (seen, expected))
    p = scipy.stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue
    assert p > 1e-4
    assert len(seen) > 30


def test_samples_fall_in_the_modes_by_their_masses_and_independently(law):
    """Chi-square over modes, and over successive pairs; p < 1e-4 twice: fails once in 5,000."""
    modes = law.dataset.modes
    if modes == 1:
        pytest.skip("there is one mode")
    region = evaluate(law.dataset.mode_index, law.sample).astype(int)
    masses = np.bincount(law.component_log_probs.argmax(axis=1), law.mass, minlength=modes)
    seen = np.bincount(region, minlength=modes)
    assert scipy.stats.chisquare(seen, SAMPLES * masses / masses.sum()).pvalue > 1e-4
    pairs = np.histogram2d(region[:-1:2], region[1::2], bins=[np.arange(modes + 1) - 0.5] * 2)[0]
    assert scipy.stats.chi2_contingency(pairs).pvalue > 1e-4


def test_the_moments_are_those_of_the_density_and_of_the_samples(law):
    """Of the density to 1e-4; of the samples within 4.5 standard errors: fails once in 36,000."""
    mean, scale = (np.array(moment) for moment in law.dataset.moments())
    by_quadrature = law.mass @ law.points
    np.testing.assert_allclose(by_quadrature, mean, atol=1e-4)
    spread = np.sqrt(law.mass @ (law.points - by_quadrature) ** 2)
    np.testing.assert_allclose(spread, scale, rtol=1e-4)
    z = (law.sample - mean) / scale
    assert np.abs(z.mean(axis=0)).max() < 4.5 / np.sqrt(SAMPLES)
    error = 4.5 * (z**2).std(axis=0) / np.sqrt(SAMPLES)
    assert (np.abs((z**2).mean(axis=0) - 1) < error).all()


def test_the_local_scale_is_the_smallest_width_of_a_mode(first):
    """At the densest points of the modes, the largest curvature of -log p is 1 / s^2.

    5 %: an arc of radius 1 and noise .1 is narrower than a straight band by s^2 / 2.
    """
    hessian = jax.jit(jax.vmap(jax.hessian(first.dataset.log_prob)))
    peaks = first.points[first.component_log_probs.argmax(axis=0)]
    curvature = -np.linalg.eigvalsh(hessian(jnp.asarray(peaks, jnp.float32)))[:, 0]
    np.testing.assert_allclose(1 / np.sqrt(curvature), first.dataset.local_scale, rtol=0.05)


def test_regions_are_the_likeliest_component_and_hold_its_peak(first):
    law = first
    peaks = law.points[law.component_log_probs.argmax(axis=0)]
    np.testing.assert_array_equal(
        evaluate(law.dataset.mode_index, peaks), np.arange(law.dataset.modes)
    )
    np.testing.assert_array_equal(
        evaluate(law.dataset.mode_index, law.sample[:500]),
        evaluate(law.dataset.component_log_probs, law.sample[:500]).argmax(axis=1),
    )


@pytest.mark.parametrize("name", ["eight_gaussians", "eight_gaussians_separated"])
def test_the_regions_of_a_ring_of_equal_gaussians_are_its_sectors(name):
    dataset = DATASETS[name]
    angles = np.linspace(0, 2 * np.pi, 321)[:-1] + 0.001
    x = dataset.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    sectors = np.round(angles / (np.pi / 4)).astype(int) % 8
    np.testing.assert_array_equal(evaluate(dataset.mode_index, x), sectors)


def test_the_components_of_an_unequal_ring_weigh_1_to_8():
    for name in ("eight_gaussians_unequal", "eight_gaussians_unequal_separated"):
        law = on_grid(name)
        masses = np.exp(law.component_log_probs).sum(axis=0) * law.grid.cell
        np.testing.assert_allclose(masses, np.arange(1, 9) / 36, atol=1e-5)


def test_the_moons_weigh_the_same_and_are_one_another_turned_by_half_a_circle():
    law = on_grid("half_moons")
    masses = np.exp(law.component_log_probs).sum(axis=0) * law.grid.cell
    np.testing.assert_allclose(masses, 0.5, atol=1e-5)
    x = law.sample[:500]
    turned = evaluate(law.dataset.component_log_probs, np.array([1.0, 0.5]) - x)[:, ::-1]
    np.testing.assert_allclose(
        evaluate(law.dataset.component_log_probs, x), turned, rtol=1e-4, atol=1e-3
    )


def test_scikit_learns_moons_have_the_same_negative_log_likelihood():
    """Four standard errors of an iid sample, which equally spaced angles stay below."""
    moons = DATASETS["half_moons"]
    x, _ = sklearn.datasets.make_moons(SAMPLES, noise=0.1, random_state=0)
    nll = -evaluate(moons.log_prob, x)
    assert abs(nll.mean() - moons.entropy) < 4 * nll.std() / np.sqrt(SAMPLES)
    # power: moons of another noise do not
    x, _ = sklearn.datasets.make_moons(SAMPLES, noise=0.12, random_state=0)
    nll = -evaluate(moons.log_prob, x)
    assert abs(nll.mean() - moons.entropy) > 12 * nll.std() / np.sqrt(SAMPLES)


def test_scikit_learns_moons_have_the_same_regions():
    x, label = sklearn.datasets.make_moons(2_000, noise=0.05, random_state=0)
    assert (evaluate(DATASETS["half_moons"].mode_index, x) == label).mean() > 0.999


def test_ffjords_eight_gaussians_are_ours_but_for_its_1_414():
    ours, theirs = DATASETS["eight_gaussians"], (4 / 1.414, 0.5 / 1.414)
    assert (ours.radius, ours.scale) == pytest.approx(theirs, rel=2e-4)
    assert ours.radius / ours.scale == pytest.approx(8)
    assert DATASETS["eight_gaussians_separated"].radius == pytest.approx(
        16 * DATASETS["eight_gaussians_separated"].scale
    )


def test_a_dataset_is_a_function_of_its_key(law):
    again = SyntheticDataset(law.name).draw(100, jr.key(11))
    other = SyntheticDataset(law.name).draw(100, jr.key(12))
    np.testing.assert_array_equal(again, SyntheticDataset(law.name).draw(100, jr.key(11)))
    assert (again != other).all()


@pytest.mark.full
def test_the_score_of_every_law_is_the_slope_of_its_log_density(law):
    """The referee: difference quotients in double precision. A jump has no slope."""
    x, step = law.sample[:300], 1e-6
    score = evaluate(law.dataset.score, x)
    with jax.enable_x64(True):
        log_prob = jax.vmap(law.dataset.log_prob)
        for axis, shift in enumerate(np.eye(2) * step):
            quotient = np.asarray(log_prob(x + shift) - log_prob(x - shift)) / (2 * step)
            smooth = np.isfinite(quotient)
            assert smooth.mean() > 0.99
            np.testing.assert_allclose(
                score[smooth, axis],
                quotient[smooth],
                rtol=1e-3,
                atol=2e-3 / law.dataset.local_scale,
            )


def scipys_log_prob(dataset, x):
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
    z, _ = scipy.integrate.quad(lambda u: np.exp(0.5 * u + 6 * u**2 - u**4), -5, 5, epsabs=1e-9)
    wells = x[:, ::2]
    of_wells = np.sum(0.5 * wells + 6 * wells**2 - wells**4 - np.log(z), axis=1)
    return of_wells + scipy.stats.norm.logpdf(x[:, 1::2]).sum(axis=1)


@pytest.mark.parametrize(
    "name",
    [name if name in SOME else pytest.param(name, marks=pytest.mark.full) for name in ABOVE],
)
def test_a_law_above_the_plane_has_scipys_density_and_its_samples_the_entropy(name):
    """The NLL within four standard errors: fails once in 16,000."""
    dataset, x = DATASETS[name], SyntheticDataset(name).draw(SAMPLES, jr.key(13))
    log_prob = evaluate(dataset.log_prob, x)
    np.testing.assert_allclose(log_prob, scipys_log_prob(dataset, x), rtol=1e-4, atol=2e-3)
    error = abs(-log_prob.mean() - dataset.entropy)
    assert error < 4 * log_prob.std() / np.sqrt(SAMPLES)
    assert x.shape == (SAMPLES, dataset.dim)
    mean, scale = (np.array(moment) for moment in dataset.moments())
    kept = slice(1) if name == "funnel_10" else slice(None)  # a mouth has no fourth moment to trust
    z = ((x - mean) / scale)[:, kept]
    assert np.abs(z.mean(axis=0)).max() < 4.5 / np.sqrt(SAMPLES)
    error = 4.5 * (z**2).std(axis=0) / np.sqrt(SAMPLES)
    assert (np.abs((z**2).mean(axis=0) - 1) < error).all()
    score = evaluate(dataset.score, x)
    products = (score * (x - mean))[:, kept]  # of mean -1 each, whatever the law (Stein)
    error = 4.5 * products.std(axis=0) / np.sqrt(SAMPLES)
    assert (np.abs(products.mean(axis=0) + 1) < error).all()


def uniforms(dataset, x):
    """Columns that are uniform if x follows the law: by one-dimensional CDFs of scipy."""
    if isinstance(dataset, GaussiansOnSphere):
        weights, along = np.array(dataset.weights), np.ones(dataset.dim) / np.sqrt(dataset.dim)
        gaps = (x @ along)[:, None] - np.array(dataset.centers()) @ along
        yield scipy.stats.norm.cdf(gaps / dataset.scale) @ weights / weights.sum()
    elif hasattr(dataset, "sigma"):
        yield scipy.stats.norm.cdf(x[:, 0] / dataset.sigma)
        yield scipy.stats.norm.cdf(x[:, -1] / np.exp(x[:, 0] / 2))
    else:
        grid = np.linspace(-4, 4, 20_001)
        mass = np.cumsum(np.exp(0.5 * grid + 6 * grid**2 - grid**4))
        yield np.interp(x[:, 0], grid, mass / mass[-1])
        yield np.interp(x[:, -2], grid, mass / mass[-1])
        yield scipy.stats.norm.cdf(x[:, -1])


@pytest.mark.parametrize("name", ABOVE)
def test_samples_above_the_plane_follow_their_marginals(name):
    """Kolmogorov and Smirnov's test; each fails once in 10,000."""
    dataset, x = (
        DATASETS[name],
        np.asarray(SyntheticDataset(name).draw(SAMPLES, jr.key(15)), np.float64),
    )
    for column in uniforms(dataset, x):
        assert scipy.stats.kstest(column, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("dim", [0, 1, 5])
def test_many_wells_are_told_that_they_come_in_pairs(dim):
    with pytest.raises(ValueError, match="even"):
        ManyWell(dim=dim)


@pytest.mark.parametrize("name", ["double_well", "many_well_4", "many_well_32"])
def test_the_wells_have_their_known_masses_and_log_z(name):
    """methods.md E.1: log Z 10.29348 and .84431 on the right a pair; p < 1e-4 fails so often."""
    dataset = DATASETS[name]
    pairs = dataset.dim // 2
    assert dataset.log_z == pytest.approx(pairs * 10.29348, abs=1e-5 * pairs)
    x = SyntheticDataset(name).draw(SAMPLES, jr.key(14))
    right = evaluate(dataset.mode_index, x).astype(int)
    np.testing.assert_array_equal(right, (x[:, ::2] > -0.0416908).sum(axis=1))
    expected = SAMPLES * scipy.stats.binom(pairs, 0.84431).pmf(np.arange(pairs + 1))
    seen = np.bincount(right, minlength=pairs + 1)
    rare = expected < 8
    seen, expected = (np.append(a[~rare], a[rare].sum()) for a in (seen, expected))
    seen, expected = seen[expected > 0], expected[expected > 0]
    assert scipy.stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize("name", ["gaussian_mixture_16", "gaussian_mixture_32"])
def test_modes_too_far_apart_to_overlap_have_the_entropy_of_their_weights_and_widths(name):
    dataset = DATASETS[name]
    shares = np.arange(1, 9) / 36
    of_widths = 0.5 * dataset.dim * math.log(2 * math.pi * math.e * dataset.scale**2)
    assert dataset.entropy == pytest.approx(of_widths - shares @ np.log(shares), abs=2e-3)


def test_every_box_holds_its_law():
    """But for the funnel's mouth, at most 1e-4 of the samples lie outside."""
    for name, dataset in DATASETS.items():
        lower, upper = dataset.support_box()
        x = (
            on_grid(name).sample
            if name in PLANE
            else SyntheticDataset(name).draw(SAMPLES, jr.key(13))
        )
        within = ((x > lower) & (x < upper)).all(axis=1)
        assert within.mean() >= (0.99 if name.startswith("funnel") else 0.999), name
