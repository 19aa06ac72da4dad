"""Robustly standardized units: equal to standard units for Gaussians, unmoved by one outlier."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebmark.datasets import UserDataset
from ebmark.datasets.preprocessing import RobustStandardizer, Standardizer

SEEDS = st.integers(0, 2**32 - 1)
COLUMNS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "mostly 0": lambda rng, n: rng.exponential(size=n) * (rng.random(n) < 0.2),
    "rarely not 0": lambda rng, n: rng.normal(size=n) * (np.arange(n) < 3),
    "binary": lambda rng, n: np.arange(n) % 2.0,
    "peaked": lambda rng, n: rng.normal(size=n) * np.where(np.arange(n) % 5 == 0, 1, 1e-9),
}


def test_robust_units_of_gaussian_are_standard():
    """The standard error of the IQR / 1.349 is 1.17 / sqrt(n)."""
    x = 5 + 3 * np.random.default_rng(0).normal(size=(100_000, 1))
    units = RobustStandardizer.fit(x)
    assert units.median[0] == pytest.approx(5, abs=0.06)
    assert units.scale[0] == pytest.approx(3, rel=0.02)


@given(
    st.sampled_from(sorted(COLUMNS)),
    st.integers(20, 300),
    st.floats(-12, 12),
    st.sampled_from([-1, 1]),
    SEEDS,
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_outlier_does_not_set_scale(kind, n, exponent, sign, seed):
    """One point anywhere moves the scale by less than a factor of 6, which 20 values allow."""
    x = COLUMNS[kind](np.random.default_rng(seed), n)[:, None]
    before = RobustStandardizer.fit(x).scale[0]
    x[n // 2] = sign * 10.0**exponent
    after = RobustStandardizer.fit(x).scale[0]
    assert np.isfinite(after) and after > 0
    if kind in ("normal", "cauchy", "binary"):
        assert before / 6 < after < 6 * before
    else:
        assert after < 100 * max(before, np.abs(np.delete(x, n // 2)).max())


@given(st.sampled_from(sorted(COLUMNS)), st.integers(-9, 9), st.integers(0, 6), SEEDS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_robust_units_follow_scale_and_offset(kind, exponent, offset, seed):
    x = COLUMNS[kind](np.random.default_rng(seed), 200)[:, None]
    units = RobustStandardizer.fit(x)
    shift = 10.0**offset * units.scale
    moved = (x + shift) * 10.0**exponent
    np.testing.assert_allclose(
        RobustStandardizer.fit(moved).transform(moved),
        units.transform(x),
        atol=1e-5,
        rtol=1e-5,
    )


def test_scale_of_constant_column_is_1():
    assert RobustStandardizer.fit(np.full((30, 2), 0.1)).scale.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((0, 2)), [[np.nan]]])
def test_robust_units_refuse_other_input(bad, unchecked_shapes):
    with pytest.raises(ValueError, match="'x' must have shape"):
        RobustStandardizer.fit(bad)


@pytest.mark.parametrize("kind", ["<f2", "<f4", ">f8", "i4", "frame"])
def test_standardizer_takes_any_numbers(kind, unchecked_shapes):
    x = np.random.default_rng(3).integers(-50, 50, (200, 2)).astype(float)
    given_x = pd.DataFrame(x) if kind == "frame" else x.astype(kind)
    assert np.array_equal(Standardizer.fit(given_x).scale, Standardizer.fit(x).scale)
    source = UserDataset("mine", given_x)
    assert (
        source.points.dtype == np.float64 and source.fingerprint == UserDataset("", x).fingerprint
    )


@given(st.floats(-9, 9), st.sampled_from([0.0, 1e3, 1e6, 1e9, -1e9]), SEEDS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_grid_and_scale_hold_at_offset(exponent, offset, seed):
    """In standardized coordinates the grid and the local scale know neither offset nor unit."""
    z = np.random.default_rng(seed).normal(size=(300, 2))
    x = (z + offset) * 10.0**exponent
    # the values as stored
    stored = (x - x.mean(axis=0)) / x.std(axis=0)
    grid = UserDataset("far", x).grid()
    points = Standardizer.fit(x).transform(grid.resized(width=2, points=0.1).points())
    near = Standardizer.fit(stored).transform(
        UserDataset("near", stored).grid().resized(width=2, points=0.1).points()
    )
    np.testing.assert_allclose(points, near, atol=1e-5)
