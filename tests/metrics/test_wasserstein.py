"""Wasserstein distances: properties, closed forms, and comparison with scipy.

Random tests have fixed seeds.
"""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.spatial.distance
import scipy.stats

from ebmark.metrics import SAMPLE_METRICS, sliced_wasserstein, wasserstein

TRANSPORT = {
    "w1": SAMPLE_METRICS["w1"],
    "w2": SAMPLE_METRICS["w2"],
    "sliced_w2": SAMPLE_METRICS["sliced_w2"],
}


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", TRANSPORT)
class TestTransportDistance:
    def test_is_zero_for_equal_samples(self, name):
        x = rng().normal(size=(200, 2))
        assert TRANSPORT[name](x, x.copy()) == pytest.approx(0, abs=1e-6)

    def test_is_symmetric(self, name):
        x, y = rng().normal(size=(150, 2)), rng(1).normal(1, 2, size=(190, 2))
        assert TRANSPORT[name](x, y) == pytest.approx(TRANSPORT[name](y, x), rel=1e-9)

    def test_is_independent_of_order_of_points(self, name):
        x, y = rng().normal(size=(150, 3)), rng(1).normal(1, 2, size=(150, 3))
        shuffled = rng(2).permutation(x)
        assert TRANSPORT[name](shuffled, y) == pytest.approx(TRANSPORT[name](x, y), rel=1e-9)

    def test_satisfies_triangle_inequality(self, name):
        x, y, z = (rng(i).normal(i, 1 + i, size=(80, 2)) for i in range(3))
        distance = TRANSPORT[name]
        assert distance(x, z) <= distance(x, y) + distance(y, z) + 1e-9

    def test_scales_with_units(self, name):
        x, y = rng().normal(size=(150, 2)), rng(1).normal(1, 2, size=(150, 2))
        assert TRANSPORT[name](7e3 * x, 7e3 * y) == pytest.approx(
            7e3 * TRANSPORT[name](x, y), rel=1e-6
        )

    def test_is_independent_of_origin(self, name):
        """A million standard deviations away, such as dates in seconds."""
        x, y = rng().normal(size=(150, 2)), rng(1).normal(0.1, 1, size=(150, 2))
        assert TRANSPORT[name](x + 1e6, y + 1e6) == pytest.approx(TRANSPORT[name](x, y), rel=1e-4)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_is_nan_for_nonfinite_samples(self, name, bad):
        x, y = rng().normal(size=(20, 2)), rng(1).normal(size=(20, 2))
        x[3, 1] = bad
        assert math.isnan(TRANSPORT[name](x, y)) and math.isnan(TRANSPORT[name](y, x))

    def test_is_independent_of_repetition(self, name):
        """Samples of different sizes are weighted, not cut."""
        x, y = rng().normal(size=(40, 2)), rng(1).normal(1, 2, size=(60, 2))
        repeated = TRANSPORT[name](np.repeat(x, 3, axis=0), np.repeat(y, 2, axis=0))
        assert repeated == pytest.approx(TRANSPORT[name](x, y), rel=1e-7)

    def test_is_distance_of_two_points(self, name):
        """Sliced: E (u . shift)^2 = |shift|^2 / 2."""
        x = np.array([[0.0, 0.0]])
        y = np.array([[3.0, 4.0]])
        expected = 5 if name != "sliced_w2" else 5 / math.sqrt(2)
        assert TRANSPORT[name](x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_wasserstein_of_translation_is_shift(order):
    x, shift = rng().normal(size=(200, 2)), np.array([0.3, -0.4])
    assert wasserstein(x, x + shift, order=order) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_wasserstein_matches_linear_assignment(order):
    x, y = rng().normal(size=(150, 3)), rng(1).normal(0.5, 2, size=(150, 3))
    cost = scipy.spatial.distance.cdist(x, y) ** order
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    assert wasserstein(x, y, order=order) == pytest.approx(
        cost[rows, columns].mean() ** (1 / order), rel=1e-9
    )


def test_wasserstein_matches_linear_program():
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


def test_w2_of_affine_map_is_bures_distance():
    """A symmetric positive affine map is the optimal transport of a sample, so that the formula
    holds for the moments of the samples up to rounding."""
    x = rng().normal(size=(1_000, 2)) @ np.array([[1.0, 0.0], [0.5, 0.8]])
    pushed = x @ np.array([[1.4, 0.3], [0.3, 0.6]]) + [2.0, -1.0]
    assert wasserstein(x, pushed, order=2) == pytest.approx(bures(x, pushed), rel=1e-6)


def test_w2_of_gaussian_samples_is_near_bures():
    """Within 0.1, the null mean for n = 1,000. The distance of the moments is a lower bound for
    any samples (Gelbrich)."""
    x, y = rng().normal(size=(1_000, 2)), rng(1).normal(size=(1_000, 2)) * [2.0, 0.5] + [1.0, 0.0]
    exact = math.sqrt(1 + (2 - 1) ** 2 + (0.5 - 1) ** 2)
    assert wasserstein(x, y, order=2) == pytest.approx(exact, abs=0.1)
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
def test_distances_in_1d_match_quantile_functions(n, m):
    """Quantile functions at a common multiple of both sizes are exact."""
    x = rng().normal(size=(n, 1))
    y = rng(1).exponential(size=(m, 1))
    size = math.lcm(n, m)
    a, b = (np.repeat(np.sort(z[:, 0]), size // len(z)) for z in (x, y))
    w1 = scipy.stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert np.mean(np.abs(a - b)) == pytest.approx(w1, rel=1e-9)
    assert wasserstein(x, y, order=1) == pytest.approx(w1, rel=1e-7)
    w2 = math.sqrt(np.mean((a - b) ** 2))
    assert wasserstein(x, y, order=2) == pytest.approx(w2, rel=1e-7)
    assert sliced_wasserstein(x, y) == pytest.approx(w2, rel=1e-7)


def test_sliced_w2_is_mean_over_directions():
    x, y = rng().normal(size=(90, 2)), rng(1).normal(1, 2, size=(70, 2))
    angles = np.pi * np.arange(200) / 200
    distances = [
        wasserstein((x @ u)[:, None], (y @ u)[:, None], order=2)
        for u in np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ]
    assert sliced_wasserstein(x, y) == pytest.approx(math.sqrt(np.mean(np.square(distances))))


def test_sliced_w2_in_2d_needs_200_directions():
    x, y = rng().normal(size=(300, 2)), rng(1).normal(1, 2, size=(300, 2))
    assert sliced_wasserstein(x, y) == pytest.approx(
        sliced_wasserstein(x, y, num_projections=5_000), rel=1e-4
    )


@pytest.mark.parametrize("dim", [2, 3, 10])
def test_sliced_w2_of_translation_is_closed_form(dim):
    """E (u . shift)^2 = |shift|^2 / dim. For d > 2 the directions are 4,000 random ones with a
    relative standard error below 0.02 and a fixed seed."""
    x, shift = rng().normal(size=(50, dim)), np.full(dim, 0.7)
    assert sliced_wasserstein(x, x + shift, num_projections=4_000) == pytest.approx(
        0.7, rel=1e-6 if dim == 2 else 0.05
    )
