"""Draws of columns given the others: exact conditionals, coverage, types of tables."""

import warnings

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from jax.scipy.special import logsumexp
from jaxtyping import Array
from scipy.stats import norm

import ebmark as eb
from ebmark.datasets.preprocessing import Standardizer, Whitener
from ebmark.estimator._conditional import draw_conditional, gaussian_maps
from ebmark.training.model import Model

MEAN, SCALE = np.array([1e3, -5.0, 2.0]), np.array([10.0, 0.1, 1.0])
CORRELATION = np.array([[1.0, 0.8, -0.5], [0.8, 1.0, -0.3], [-0.5, -0.3, 1.0]])
COVARIANCE = CORRELATION * np.outer(SCALE, SCALE)


def gaussian_rows(num, seed=0):
    rng = np.random.default_rng(seed)
    return MEAN + rng.normal(size=(num, 3)) @ np.linalg.cholesky(COVARIANCE).T


class TwoGaussians(eqx.Module):
    """One class for all tests, so that they share one compiled program."""

    log_weights: Array
    means: Array
    precision: Array

    def __call__(self, z):
        x = z - self.means
        return -logsumexp(self.log_weights - 0.5 * jnp.einsum("ki,ij,kj->k", x, self.precision, x))


def two_gaussians(weights, means, covariance):
    with np.errstate(divide="ignore"):
        arrays = (np.log(weights), means, np.linalg.inv(covariance))
    return TwoGaussians(*(jnp.asarray(a, jnp.float32) for a in arrays))


def gaussian_model(whitened=True):
    """The exact energy of N(MEAN, COVARIANCE), in units that know the correlations or not."""
    values, axes = np.linalg.eigh(CORRELATION)
    units = Whitener(MEAN, SCALE, axes, values**0.5) if whitened else Standardizer(MEAN, SCALE)
    covariance = np.eye(3) if whitened else CORRELATION
    return Model(two_gaussians([1.0, 0.0], np.zeros((2, 3)), covariance), units, {})


def conditional(x, free):
    """Mean and standard deviation of one column given the two others."""
    given = np.delete(np.arange(3), free)
    gain = COVARIANCE[free, given] @ np.linalg.inv(COVARIANCE[np.ix_(given, given)])
    mean = MEAN[free] + (x[:, given] - MEAN[given]) @ gain
    return mean, np.sqrt(COVARIANCE[free, free] - gain @ COVARIANCE[given, free])


@pytest.fixture(scope="module", params=[True, False], ids=["whitened", "standardized"])
def drawn(request):
    x = gaussian_rows(96, seed=1)
    holes = x.copy()
    holes[np.arange(96), np.arange(96) % 3] = np.nan
    model = gaussian_model(request.param)
    return x, draw_conditional(model, holes, 128, seed=0), -model.energies(x)


@pytest.mark.slow
def test_draws_have_the_exact_mean_and_sd(drawn):
    """Each row's z of the mean and variance ratio; 5 standard errors fail once in a million."""
    x, draws, _ = drawn
    for free in range(3):
        rows = np.arange(96) % 3 == free
        mean, sd = conditional(x[rows], free)
        z = (draws.x[:, rows, free] - mean) / sd
        num = rows.sum() * 128 / 4  # particles of one row are correlated
        assert z.mean() == pytest.approx(0, abs=5 / np.sqrt(num))
        assert z.var() == pytest.approx(1, abs=5 * np.sqrt(2 / num))
        np.testing.assert_array_equal(
            np.delete(draws.x[0, rows], free, 1), np.delete(x[rows], free, 1)
        )


@pytest.mark.slow
def test_intervals_cover_as_often_as_stated(drawn):
    """90% intervals of 96 rows: binomial, 4 standard errors of 0.03 fail once in 10,000."""
    x, draws, _ = drawn
    free = np.arange(96) % 3
    low, high = np.quantile(draws.x, [0.05, 0.95], axis=0)[:, np.arange(96), free]
    truly = x[np.arange(96), free]
    assert np.mean((low <= truly) & (truly <= high)) == pytest.approx(0.9, abs=0.12)


def test_conditional_log_density_is_exact(drawn):
    r"""$-E(x) - \log Z(x_g) = \log N(x_f; m, s^2)$, averaged over rows."""
    x, draws, log_joint = drawn
    errors = []
    for free in range(3):
        rows = np.arange(96) % 3 == free
        exact = norm.logpdf(x[rows, free], *conditional(x[rows], free))
        errors.append(log_joint[rows] - draws.log_z.mean(0)[rows] - exact)
    assert np.mean(errors) == pytest.approx(0.0, abs=0.06)


def test_gaussian_maps_are_the_conditional():
    x = gaussian_rows(20)
    x[:, 1] = np.nan
    maps, log_det = gaussian_maps(gaussian_model().units, x)
    mean, sd = conditional(x, 1)
    center = gaussian_model().units.inverse_transform(maps.shifts)
    np.testing.assert_allclose(center[:, 1], mean, rtol=1e-9)
    np.testing.assert_allclose(log_det, np.log(sd))


def test_modes_are_drawn_in_their_proportions():
    """0.3 N(3, 0.3^2) + 0.7 N(-3, 0.3^2) given other columns: 5 standard errors."""
    means = np.array([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0]])
    energy = two_gaussians([0.3, 0.7], means / [3.0, 1, 1], np.diag([0.01, 1, 1]))
    model = Model(energy, Standardizer(np.zeros(3), np.array([3.0, 1.0, 1.0])), {})
    draws = draw_conditional(model, np.array([[np.nan, 0.5, -1.0]]), 64 * 64, seed=1)
    assert np.mean(draws.x[:, 0, 0] > 0) == pytest.approx(0.3, abs=5 * 0.14 / 8)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    size = rng.normal(10, 2, 400)
    return pd.DataFrame(
        {
            "size": size.round(1),
            "kind": np.where(size + rng.normal(0, 1, 400) > 10, "large", "small"),
            "count": rng.poisson(5, 400),
            "shop": "north",
        },
        index=np.arange(400) + 7,
    )


@pytest.fixture(scope="module")
def model(table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"early_stopping": False, "baselines": False, "random_state": 0}
        return eb.EnergyModel("gaussian", **options).fit(table)


@pytest.mark.slow
def test_impute_keeps_given_values_and_types(model, table):
    holes = table.head(40).copy()
    holes.iloc[::2, 0] = np.nan
    holes.iloc[1::4, 1] = None
    holes["count"] = holes["count"].where(holes.index % 3 > 0)
    holes["shop"] = holes["shop"].where(holes.index % 5 > 0)
    filled = model.impute(holes, random_state=0)
    pd.testing.assert_series_equal(filled.dtypes, table.dtypes)
    assert filled.index.equals(holes.index) and filled["kind"].isin(["large", "small"]).all()
    pd.testing.assert_frame_equal(filled[holes.notna()], holes, check_dtype=False)
    several = model.impute(holes, 3, random_state=0)
    assert len(several) == 3 and not several[0].equals(several[1])
    assert (several[0]["size"] != several[1]["size"]).sum() <= 20
    pd.testing.assert_frame_equal(model.impute(table, random_state=1), table)


def test_sample_given_follows_the_given_level(model):
    large = model.sample(200, random_state=0, given={"kind": "large"})
    small = model.sample(200, random_state=0, given={"kind": "small", "count": 5})
    assert set(large["kind"]) == {"large"} and set(small["count"]) == {5}
    assert large["size"].mean() > small["size"].mean() + 1


def test_impute_takes_arrays_and_refuses_wrong_ones(model, table):
    holes = table.head(3).to_numpy(dtype=object)
    holes[0, 1] = None
    assert model.impute(holes)[0, 1] in ("large", "small")
    with pytest.raises(ValueError, match="'given' names a column.*'weight'.*size"):
        model.sample(2, given={"weight": 1})
    with pytest.raises(ValueError, match="'n_imputations' must be at least 1"):
        model.impute(table, 0)


def test_log_prob_of_columns_given_others_is_exact():
    """Joint, marginal and conditional of a Gaussian, by 256 particles or without any."""
    model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(gaussian_rows(20_000))
    x = gaussian_rows(12, seed=1)
    np.testing.assert_allclose(model.log_prob(x), model.score_samples(x))
    mean, sd = conditional(x, 0)
    given = model.log_prob({0: x[:, 0]}, given={1: x[:, 1], 2: x[:, 2]}, random_state=0)
    np.testing.assert_allclose(given, norm(mean, sd).logpdf(x[:, 0]), atol=0.1)
    marginal = model.log_prob(pd.DataFrame({1: x[:, 1]}), random_state=0)
    np.testing.assert_allclose(marginal, norm(MEAN[1], SCALE[1]).logpdf(x[:, 1]), atol=0.1)
    pair = model.log_prob({2: x[:, 2]}, given={0: 1e3}, random_state=0)
    sd = np.sqrt(1 - CORRELATION[0, 2] ** 2)
    np.testing.assert_allclose(pair, norm(MEAN[2], sd).logpdf(x[:, 2]), atol=0.1)


def test_log_prob_refuses_unclear_columns():
    x = gaussian_rows(50)
    model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(x)
    with pytest.raises(ValueError, match="Unknown column '5'"):
        model.log_prob({5: [1.0]})
    with pytest.raises(ValueError, match="'0' is both in X and given"):
        model.log_prob({0: [1.0]}, given={0: [1.0]})
    with pytest.raises(ValueError, match="2 rows, but X has 3"):
        model.log_prob({0: [1.0, 2.0, 3.0]}, given={1: [1.0, 2.0]})
    with pytest.raises(ValueError, match="missing values"):
        model.log_prob({0: [np.nan]}, given={1: [1.0]})


GIVEN = {
    "size": [(1e9, 1e9), (10.123, 10.123), ("9.5", 9.5)],
    "count": [(3.0, 3), (2.5, 2.5), (10**12, 10**12)],
    "kind": [("large", "large")],
}


@pytest.mark.parametrize("name", GIVEN)
def test_given_values_come_back_as_they_are(model, name):
    """Neither clipped to the range of fit nor rounded, of its type if that holds them."""
    for value, expected in GIVEN[name]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            drawn = model.sample(3, random_state=0, given={name: value})
        assert drawn[name].tolist() == [expected] * 3
        outside = [w for w in caught if "outside the range of fit" in str(w.message)]
        assert len(outside) == (name != "kind" and float(value) > 100)
    assert model.sample(2, given={"count": 3.0}, random_state=0).dtypes["count"] == np.int64


@pytest.mark.parametrize("value", ["", "  ", None, np.nan, pd.NaT, np.inf, [1, 2]])
@pytest.mark.parametrize("name", ["size", "kind", "shop"])
def test_given_values_that_are_missing_are_refused(model, name, value):
    with pytest.raises(ValueError, match=f"is no value of column '{name}'"):
        model.sample(2, given={"count": 1, name: value})


def test_given_values_of_an_array():
    model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(gaussian_rows(200))
    with pytest.warns(eb.EBMWarning, match="'x2' lies outside the range of fit"):
        assert (model.sample(3, given={1: 1e3})[:, 1] == 1e3).all()
    for value in (np.nan, np.inf, "a"):
        with pytest.raises(ValueError, match="is no value of column '1'|x2=a is not a number"):
            model.sample(2, given={1: value})
