"""The estimator: densities in the units of the table, signs, samples and baselines."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from helpers.costs import full_unless
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import ebmark as eb

MEAN, SCALE = np.array([1e3, -5.0, 2.0]), np.array([10.0, 0.1, 1.0])


def points(num, dim, seed=0):
    rng = np.random.default_rng(seed)
    return MEAN[:dim] + SCALE[:dim] * rng.normal(size=(num, dim))


@pytest.fixture(scope="module")
def models():
    """Few updates, so that the energy stays near the Gaussian at which it starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            dim: eb.EnergyModel("nce", updates=40, random_state=0).fit(points(800, dim))
            for dim in (2, 3)
        }


@pytest.mark.full
@pytest.mark.parametrize("dim", [2, 3])
def test_log_density_is_near_that_of_a_gaussian(models, dim):
    """In data units: a wrong Jacobian would shift it by log 0.1 or more."""
    x = points(500, dim, seed=1)
    exact = multivariate_normal(MEAN[:dim], SCALE[:dim] ** 2).logpdf(x)
    model = models[dim]
    assert np.mean(model.score_samples(x) - exact) == pytest.approx(0.0, abs=0.3)
    assert model.score(x) == pytest.approx(model.score_samples(x).mean())
    assert 0 <= model.log_z_error_ < 0.3


@pytest.mark.parametrize("dim", full_unless((2).__eq__, [2, 3]))
def test_density_integrates_to_one_over_its_samples(models, dim):
    """E_p[q / p] = 1 for any density q; 5 standard errors fail once in a million."""
    model = models[dim]
    x = model.sample(2_000, random_state=3)
    q = multivariate_normal(MEAN[:dim], (0.8 * SCALE[:dim]) ** 2).logpdf(x)
    ratios = np.exp(q - model.score_samples(x))
    error = np.hypot(5 * ratios.std() / np.sqrt(len(x)), 3 * model.log_z_error_)
    assert ratios.mean() == pytest.approx(1.0, abs=error)


def test_outliers_are_negative_and_as_many_as_asked(models):
    x = points(800, 2)
    model = models[2]
    assert np.mean(model.predict(x) == -1) == pytest.approx(0.1, abs=0.002)
    far = MEAN[:2] + 20 * SCALE[:2]
    assert model.predict(far[None]) == -1 and model.decision_function(far[None]) < 0


def test_baselines_are_compared_on_the_same_rows(models):
    held_out = models[3].held_out_
    assert held_out.keys() == {"nce", "gaussian", "mixture", "kde", "kde_standardized"}
    exact = -np.sum(np.log(SCALE)) - 1.5 * np.log(2 * np.pi * np.e)
    assert held_out["gaussian"] == pytest.approx(exact, abs=0.6)


def test_anomaly_score_is_pool_of_model_and_baselines(models):
    """Minus the mean of the log-densities; the Gaussian, a mixture, is left out."""
    x = points(20, 3)
    model = models[3]
    others = [model.baselines_[name] for name in ("mixture", "kde", "kde_standardized")]
    logs = [model.score_samples(x), *(other.score_samples(x) for other in others)]
    np.testing.assert_allclose(model.anomaly_score(x), -np.mean(logs, axis=0))
    far = MEAN[:3] + 20 * SCALE[:3]
    assert model.anomaly_score(far[None])[0] > model.anomaly_score(x).max()


def test_anomaly_score_needs_baselines():
    model = eb.EnergyModel("gaussian", baselines=False, random_state=0).fit(points(50, 3))
    with pytest.raises(ValueError, match="baselines=True, or use -score_samples"):
        model.anomaly_score(points(5, 3))


def test_equal_seeds_give_equal_models_and_samples(models):
    x = points(800, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = clone(models[2]).fit(x)
    np.testing.assert_array_equal(again.score_samples(x), models[2].score_samples(x))
    np.testing.assert_array_equal(again.sample(5, 1), models[2].sample(5, 1))


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
