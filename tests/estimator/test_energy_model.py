"""The estimator: densities in the units of the table, signs, samples and baselines."""

import functools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from helpers.costs import slow_unless
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import ebmark as eb

MEAN, SCALE = np.array([1e3, -5.0, 2.0]), np.array([10.0, 0.1, 1.0])


def points(num, dim, seed=0):
    rng = np.random.default_rng(seed)
    return MEAN[:dim] + SCALE[:dim] * rng.normal(size=(num, dim))


@functools.cache
def model_of(dim):
    """Few updates, so that the energy stays near the Gaussian at which it starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eb.EnergyModel("nce", updates=40, random_state=0).fit(points(800, dim))


@pytest.fixture
def model(dim):
    return model_of(dim)


# the second takes as long as the first
DIMS = slow_unless((2).__eq__, [2, 3])
# the baselines that are no Gaussian; only above 2-D a KDE is whitened
LOCAL = {2: ("mixture", "kde"), 3: ("mixture", "kde", "kde_standardized")}


@pytest.mark.parametrize("dim", DIMS)
def test_log_density_is_near_that_of_a_gaussian(model, dim):
    """In data units: a wrong Jacobian would shift it by log 0.1 or more."""
    x = points(500, dim, seed=1)
    exact = multivariate_normal(MEAN[:dim], SCALE[:dim] ** 2).logpdf(x)
    assert np.mean(model.score_samples(x) - exact) == pytest.approx(0.0, abs=0.3)
    assert model.score(x) == pytest.approx(model.score_samples(x).mean())
    assert 0 <= model.log_z_error_ < 0.3


@pytest.mark.parametrize("dim", DIMS)
def test_density_integrates_to_one_over_its_samples(model, dim):
    """E_p[q / p] = 1 for any density q; 5 standard errors fail once in a million."""
    x = model.sample(2_000, random_state=3)
    q = multivariate_normal(MEAN[:dim], (0.8 * SCALE[:dim]) ** 2).logpdf(x)
    ratios = np.exp(q - model.score_samples(x))
    error = np.hypot(5 * ratios.std() / np.sqrt(len(x)), 3 * model.log_z_error_)
    assert ratios.mean() == pytest.approx(1.0, abs=error)


def test_outliers_are_negative_and_as_many_as_asked():
    x = points(800, 2)
    model = model_of(2)
    assert np.mean(model.predict(x) == -1) == pytest.approx(0.1, abs=0.002)
    far = MEAN[:2] + 20 * SCALE[:2]
    assert model.predict(far[None]) == -1 and model.decision_function(far[None]) < 0


@pytest.mark.parametrize("dim", DIMS)
def test_baselines_are_compared_on_the_same_rows(model, dim):
    held_out = model.held_out_
    assert held_out.keys() == {"nce", "gaussian", *LOCAL[dim]}
    exact = -np.sum(np.log(SCALE[:dim])) - 0.5 * dim * np.log(2 * np.pi * np.e)
    assert held_out["gaussian"] == pytest.approx(exact, abs=0.6)


@pytest.mark.parametrize("dim", DIMS)
def test_anomaly_score_is_pool_of_model_and_baselines(model, dim):
    """Minus the mean of the log-densities; the Gaussian, a mixture, is left out."""
    x = points(20, dim)
    others = [model.baselines_[name] for name in LOCAL[dim]]
    logs = [model.score_samples(x), *(other.score_samples(x) for other in others)]
    np.testing.assert_allclose(model.anomaly_score(x), -np.mean(logs, axis=0))
    far = MEAN[:dim] + 20 * SCALE[:dim]
    assert model.anomaly_score(far[None])[0] > model.anomaly_score(x).max()


def test_anomaly_score_needs_baselines():
    model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(points(50, 3))
    with pytest.raises(ValueError, match="baselines=True, or use -score_samples"):
        model.anomaly_score(points(5, 3))


def test_equal_seeds_give_equal_models_and_samples():
    x, model = points(800, 2), model_of(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = clone(model).fit(x)
    np.testing.assert_array_equal(again.score_samples(x), model.score_samples(x))
    np.testing.assert_array_equal(again.sample(5, 1), model.sample(5, 1))


@pytest.mark.full
def test_warns_when_a_baseline_is_better():
    """A Gaussian against two far clusters."""
    x = points(300, 2)
    x[::2] += 30 * SCALE[:2]
    with pytest.warns(UserWarning, match="mixture.* higher log-likelihood"):
        eb.EnergyModel("nce", updates=1, random_state=0).fit(x)


def test_refuses_bad_rows_in_one_line():
    with pytest.raises(ValueError, match="NaN"):
        eb.EnergyModel().fit([[np.nan, 1.0], [1.0, 2.0]])
    with pytest.raises(eb.UserError, match="nce"):
        eb.EnergyModel("ncd").fit(points(20, 2))
    with pytest.raises(NotFittedError):
        eb.EnergyModel().score_samples(points(20, 2))


def test_import_starts_no_jax():
    code = "import ebmark, sys; dir(ebmark); assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_resolves():
    for name in eb.__all__:
        assert getattr(eb, name).__doc__, name
    with pytest.raises(AttributeError, match="nothing"):
        _ = eb.nothing
