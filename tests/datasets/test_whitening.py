"""Whitened coordinates: an invertible map to covariance I, and what it does to densities."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ebmark.datasets import DATASETS, SyntheticDataset, UserDataset
from ebmark.datasets.preprocessing import (
    Standardizer,
    Whitener,
    _standardize,
    as_float32,
    column_std,
    fit_units,
)
from ebmark.energies import Quadratic
from ebmark.partition_function import evaluate
from ebmark.training.inputs import as_standardized
from ebmark.training.model import Model

SEEDS = st.integers(0, 2**32 - 1)
# the smallest eigenvalue of a correlation matrix that is left as it is
MIN_EIGENVALUE = 1e-6


def table(seed, num, dim, rank, exponent=0.0, offset=0.0):
    """Points on a subspace of `rank` dimensions, with columns of scales up to 10^exponent apart."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num, rank)) @ rng.normal(size=(rank, dim))
    return (x + offset) * 10 ** (exponent * rng.uniform(-1, 1, dim))


def covariance(z):
    return np.cov(z.T, bias=True)


TABLES = st.builds(
    lambda seed, num, dim, lost, exponent, offset: table(
        seed, num, dim, max(1, dim - lost), exponent, offset
    ),
    SEEDS,
    st.integers(3, 60),
    st.integers(3, 20),
    st.integers(0, 19),
    st.sampled_from([0.0, 3.0, 9.0]),
    st.sampled_from([0.0, 1e3, -1e6]),
)


@given(TABLES)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_whitener_holds_for_any_table(x):
    """Collinear columns and more columns than points included."""
    units = Whitener.fit(x)
    z = units.transform(x)
    dim = units.dim
    spread = np.abs(x - units.mean).max(axis=0)
    assert np.abs((units.inverse_transform(z) - x) / spread).max() < 1e-8
    assert np.isfinite(z).all()
    # no more than that of I: shrinkage leaves some directions shorter
    eigenvalues = np.linalg.eigvalsh(covariance(z))
    shrunk = max(0, dim - len(x) // 2)
    assert np.all(eigenvalues < (1 + 1e-6) * max(1, shrunk))
    assert np.trace(covariance(z)) < dim * (1 + 1e-6)
    # the stated bound of the condition number
    assert units.lengths.max() / units.lengths.min() <= np.sqrt(dim / MIN_EIGENVALUE) * (1 + 1e-9)
    stretch = (units.axes * units.lengths) @ units.axes.T
    # rows of unlike scales would take digits of the determinant
    log_jacobian = np.linalg.slogdet(stretch)[1] + np.log(units.scale).sum()
    assert units.log_jacobian == pytest.approx(log_jacobian, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_whitener_inverse_is_exact(scale, offset):
    """Relative to the spread of the columns, and to the digits in which they are stored."""
    x = (table(1, 400, 6, 6) + offset) * scale
    units = Whitener.fit(x)
    z = units.transform(x)
    np.testing.assert_allclose(units.inverse_transform(z), x, rtol=1e-9, atol=1e-9 * scale)
    # the mean is stored to 1e-7 of such an offset
    tolerance = 1e-4 if offset else 1e-9
    again = units.transform(units.inverse_transform(z))
    np.testing.assert_allclose(again, z, rtol=1e-9, atol=tolerance)
    np.testing.assert_allclose(covariance(z), np.eye(6), atol=tolerance)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=tolerance)


@pytest.mark.parametrize("kind", ["<f2", "<f4", ">f8", "i4", "frame"])
def test_whitener_takes_any_numbers(kind, unchecked_shapes):
    x = np.random.default_rng(3).integers(-50, 50, (200, 3)).astype(float)
    given_x = pd.DataFrame(x) if kind == "frame" else x.astype(kind)
    np.testing.assert_array_equal(Whitener.fit(given_x).lengths, Whitener.fit(x).lengths)
    np.testing.assert_array_equal(
        Whitener.fit(given_x).transform(given_x), Whitener.fit(x).transform(x)
    )


@given(SEEDS)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_whitened_points_know_no_linear_map(seed):
    """z' = Q z with orthogonal Q, so that z' z'^T = z z^T, for every invertible A x + b."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 5))
    u, _, v = np.linalg.svd(rng.normal(size=(5, 5)))
    moved = x @ (u * [30.0, 5.0, 1.0, 0.5, 0.1] @ v) + rng.normal(size=5)
    z = Whitener.fit(x).transform(x)
    moved_z = Whitener.fit(moved).transform(moved)
    np.testing.assert_allclose(moved_z @ moved_z.T, z @ z.T, atol=1e-6)
    rotation = np.linalg.lstsq(z, moved_z, rcond=None)[0]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(5), atol=1e-7)


def test_whitened_coordinates_stay_near_columns():
    """Columns without correlation are standardized; the signs of eigenvectors do not matter."""
    x = np.random.default_rng(0).normal(size=(20_000, 4)) * [1.0, 10.0, 0.1, 3.0]
    # correlations of up to 4 / sqrt(n)
    np.testing.assert_allclose(
        Whitener.fit(x).transform(x), Standardizer.fit(x).transform(x), atol=0.15
    )
    units = Whitener.fit(x)
    flipped = units._replace(axes=units.axes * [-1, 1, -1, 1])
    np.testing.assert_allclose(flipped.transform(x), units.transform(x), atol=1e-12)


def test_columns_that_differ_little_are_resolved():
    """A difference of 0.01 standard deviations is whitened, rounding errors are not."""
    rng = np.random.default_rng(0)
    first, second, noise = rng.normal(size=(3, 1_000))
    near = np.stack([first, first + 0.01 * noise, second], axis=1)
    np.testing.assert_allclose(covariance(Whitener.fit(near).transform(near)), np.eye(3), atol=1e-8)
    same = np.stack([first, 3 * first, second], axis=1)
    z = Whitener.fit(same).transform(same)
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance(z)), [0, 1, 1], atol=1e-8)
    as_standardized(z)


@pytest.mark.parametrize("num", [20, 40, 60])
def test_whitened_test_points_are_bounded(num):
    """With few points for 30 columns, new points have variances near 1, neither 0 nor 100."""
    x = table(0, num + 2_000, 30, 30)
    z = Whitener.fit(x[:num]).transform(x[num:])
    assert 0.5 < np.trace(covariance(z)) / 30 < 6


def test_fit_units_whitens_above_two_dimensions():
    x = table(0, 50, 3, 3)
    assert isinstance(fit_units(x), Whitener)
    for dim in (1, 2):
        for ours, theirs in zip(fit_units(x[:, :dim]), Standardizer.fit(x[:, :dim]), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("bad", [np.zeros(5), np.ones((5, 3)), [[np.nan, 1.0, 2.0], [1.0, 2, 3]]])
def test_fit_units_refuses_other_input(bad, unchecked_shapes):
    with pytest.raises(ValueError, match="'x' must"):
        fit_units(bad)


@pytest.mark.parametrize("dim", [2, 4])
def test_gaussian_nll_in_data_units_is_that_of_scipy(dim):
    """log q(x) = -|z|^2 / 2 - d/2 log(2 pi) - log|dx / dz|, also by the energy in data units."""
    x = table(2, 500, dim, dim, exponent=2.0, offset=5.0)
    units = Whitener.fit(x)
    energy = Quadratic(jnp.array(1.0), jnp.zeros(dim))
    log_z = dim / 2 * np.log(2 * np.pi)
    expected = -stats.multivariate_normal(units.mean, covariance(x)).logpdf(x)
    nll = evaluate(energy, units.transform(x)) + units.log_jacobian + log_z
    np.testing.assert_allclose(nll, expected, atol=1e-4)
    model = Model(energy, units, {})
    assert model.energies(x).mean() + log_z == pytest.approx(expected.mean(), abs=1e-4)
    within = jax.vmap(model.in_user_units)(jnp.asarray(x, jnp.float32)) + log_z
    np.testing.assert_allclose(within, expected, atol=0.02)


@pytest.mark.parametrize("kind", [Standardizer, Whitener])
def test_gradients_are_those_in_data_units(kind):
    """Central differences of E(z(x)) for E = sum of cos."""
    x = table(4, 100, 4, 4, exponent=2.0)
    units = kind.fit(x)
    mapped = units.inverse_transform_gradients(-np.sin(units.transform(x)))
    for column in range(4):
        step = np.zeros(4)
        step[column] = 1e-5 * units.scale[column]
        up, down = (np.cos(units.transform(y)).sum(axis=1) for y in (x + step, x - step))
        difference = (up - down) / (2 * step[column])
        size = np.abs(mapped[:, column]).max()
        np.testing.assert_allclose(mapped[:, column], difference, atol=1e-6 * size)


@pytest.mark.parametrize("name", ["many_well_4", "funnel_10", "gaussian_mixture_8"])
def test_dataset_covariance_is_that_of_samples(name):
    """Within 6 standard errors, by the spread of the products of the coordinates."""
    x = SyntheticDataset(name).draw(50_000, jr.key(0))
    stated = DATASETS[name].covariance()
    x = x - np.array(DATASETS[name].moments()[0])
    products = x[:, :, None] * x[:, None, :]
    error = products.std(axis=0) / np.sqrt(len(x))
    if name == "funnel_10":
        # the fourth moments of its mouth are not those of any sample
        stated, products, error = (a[..., :1, :1] for a in (stated, products, error))
    assert np.all(np.abs(products.mean(axis=0) - stated) < 6 * error)


def test_local_scale_of_mixture_is_that_of_whitened_modes():
    """The smallest singular value of the map of s I."""
    source = SyntheticDataset("gaussian_mixture_8")
    units = fit_units(source.draw(50_000, jr.key(1)))
    whitening = units.transform(units.mean + np.eye(8))
    smallest = np.linalg.svd(whitening, compute_uv=False)[-1]
    assert source.local_scale() == pytest.approx(smallest * source.dataset.scale, rel=0.02)


@pytest.mark.full
def test_local_scale_without_covariance_is_estimated(monkeypatch):
    source = SyntheticDataset("gaussian_mixture_4")
    exact = source.local_scale()
    monkeypatch.setattr(type(source.dataset), "covariance", lambda self: None)
    assert source.local_scale() == pytest.approx(exact, rel=0.35)
    user = UserDataset("mine", source.draw(10_000, jr.key(0)))
    assert source.local_scale() == user.local_scale()


def test_blocks_of_rows_change_nothing_but_rounding(monkeypatch):
    x = table(0, 100, 4, 4, exponent=3.0, offset=5.0)
    whole = fit_units(x)
    monkeypatch.setattr(_standardize, "_BLOCK", 7)
    blocks = fit_units(x)
    np.testing.assert_allclose(blocks.lengths, whole.lengths, rtol=1e-9)
    np.testing.assert_array_equal(as_float32(whole, x), np.float32(whole.transform(x)))
    np.testing.assert_allclose(as_float32(blocks, x), whole.transform(x), atol=1e-5)
    np.testing.assert_allclose(column_std(x), np.std(x, axis=0), rtol=1e-12)
