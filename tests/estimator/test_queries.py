"""Explanations, composition, fidelity and training with missing values."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

import ebmark as eb
from ebmark.estimator import _composition
from ebmark.estimator._explain import score_values
from ebmark.estimator._synthetic_rows import compare_rows
from ebmark.partition_function import LogZ

COVARIANCE = np.array([[1.0, 0.8, -0.5], [0.8, 1.0, -0.3], [-0.5, -0.3, 1.0]])
OPTIONS = {"baselines": False, "early_stopping": False, "random_state": 0}


def gaussian_rows(num, seed=0):
    return np.random.default_rng(seed).multivariate_normal(np.zeros(3), COVARIANCE, num)


def fit(table, method="gaussian", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eb.EnergyModel(method, **(OPTIONS | options)).fit(table)


@pytest.fixture(scope="module")
def model():
    return fit(gaussian_rows(500))


def test_value_scores_are_those_of_a_gaussian(model):
    r"""$\log N(x_j; m_j, s_j^2)$ and $z^2 / 2 - 1/2$ with $z = (x_j - m_j) / s_j$."""
    x = gaussian_rows(500)
    precision, mean = np.linalg.inv(np.cov(x.T, bias=True)), x.mean(axis=0)
    rows = np.concatenate([x[:30], [[0.0, 5.0, 0.0], [20.0, 0.0, 0.0]]])
    scores = score_values(model.model_, rows)
    sd = np.diag(precision) ** -0.5
    z = (rows - mean) @ precision * sd
    np.testing.assert_allclose(scores.log_prob, norm.logpdf(z) - np.log(sd), atol=0.01, rtol=5e-3)
    np.testing.assert_allclose(scores.surprise, z**2 / 2 - 0.5, atol=0.01, rtol=5e-3)
    table = pd.DataFrame(rows, index=np.arange(32) + 5)
    explained = model.explain(table)
    assert explained.index.equals(table.index)
    assert explained.idxmax(axis=1).iloc[-2:].tolist() == [1, 0]


def test_explain_names_the_columns_of_a_table():
    rng = np.random.default_rng(0)
    size = rng.normal(size=300)
    kind = np.where(size + 0.3 * rng.normal(size=300) > 0, "a", "b")
    table = pd.DataFrame({"size": size, "kind": kind, "shop": "north", "x": rng.normal(size=300)})
    explained = fit(table).explain(table.assign(x=np.where(np.arange(300) == 7, 9.0, table["x"])))
    assert explained.columns.tolist() == ["size", "kind", "x"]
    assert explained.iloc[7].idxmax() == "x" and explained["x"].idxmax() == 7


@pytest.fixture(scope="module")
def pair(model):
    return [model, fit(0.5 * gaussian_rows(500, seed=3)[:, [1, 0, 2]] + 1)]


def densities(pair):
    means = [m.model_.units.mean for m in pair]
    covariances = []
    for m in pair:
        scores = m.model_.units.inverse_transform_gradients(np.eye(3))
        covariances.append(np.linalg.inv(scores.T @ scores))
    return means, covariances


@pytest.mark.full
def test_product_of_gaussians_is_their_product(pair):
    r"""$N(m_1, C_1)^{w_1} N(m_2, C_2)^{w_2} \propto N(m, C)$, $C^{-1} = \sum_i w_i C_i^{-1}$."""
    weights = np.array([1.0, 0.5])
    both = eb.compose(pair, weights)
    means, covariances = densities(pair)
    precisions = [w * np.linalg.inv(c) for w, c in zip(weights, covariances, strict=True)]
    covariance = np.linalg.inv(sum(precisions))
    mean = covariance @ sum(p @ m for p, m in zip(precisions, means, strict=True))
    x = gaussian_rows(50, seed=4)
    exact = multivariate_normal(mean, covariance).logpdf(x)
    # log Z is one number: 4 standard errors
    bound = 4 * both.log_z_error_ + 0.02
    assert bound < 0.3
    np.testing.assert_allclose(both.score_samples(x), exact, atol=bound)
    drawn = both.sample(1_000, random_state=0)
    z = (drawn - mean) / np.sqrt(np.diag(covariance))
    assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(250)
    assert np.abs(z.var(axis=0) - 1).max() < 5 * np.sqrt(2 / 250)


def test_mixture_of_gaussians_is_their_mixture(pair):
    either = eb.compose(pair, [3, 1], kind="mixture")
    means, covariances = densities(pair)
    x = gaussian_rows(50, seed=4)
    parts = [multivariate_normal(*p).pdf(x) for p in zip(means, covariances, strict=True)]
    exact = np.log(0.75 * parts[0] + 0.25 * parts[1])
    np.testing.assert_allclose(either.score_samples(x), exact, atol=0.02)
    drawn = either.sample(2_000, random_state=0)
    target = 0.75 * means[0] + 0.25 * means[1]
    np.testing.assert_allclose(drawn.mean(axis=0), target, atol=5 * 1.2 / np.sqrt(2_000))


def test_compose_refuses_unlike_models(pair):
    table = pd.DataFrame(gaussian_rows(50), columns=["a", "b", "c"])
    with pytest.raises(ValueError, match="different columns"):
        eb.compose([pair[0], fit(table)])
    with pytest.raises(ValueError, match="'weights' must be 2 positive"):
        eb.compose(pair, [1, -1])
    with pytest.raises(ValueError, match="'kind' must be"):
        eb.compose(pair, kind="sum")


def test_fidelity_finds_copies_of_training_rows(model):
    """Honest rows pass at 1e-3; copies with 1% of noise on half of the rows fail."""
    train, test, honest = (gaussian_rows(300, seed) for seed in (0, 1, 2))
    score = compare_rows(honest, train, test, ["a", "b", "c"])
    assert score.p_value > 1e-3 and score.num_copies == 0
    assert (score.columns["w1"] < 2 * score.columns["high"]).all()
    copied = honest.copy()
    copied[::2] = train[::2] + 0.01 * honest[::2]
    copied[0] = train[0]
    score = compare_rows(copied, train, test, ["a", "b", "c"])
    assert score.p_value < 1e-6 and score.num_copies == 1
    assert score.sampled_distance < score.held_out_distance
    score = model.fidelity(gaussian_rows(500), test, random_state=0)
    assert score.columns["column"].tolist() == [0, 1, 2] and score.p_value > 1e-3


def missing_at_random(num):
    """Two columns are missing in a third of the rows, more often where the first is large."""
    rng = np.random.default_rng(0)
    x = gaussian_rows(num)
    holes = x.copy()
    probability = 1 / (1 + np.exp(0.8 - 1.5 * x[:, :1]))
    holes[:, 1:][rng.random((num, 2)) < probability] = np.nan
    return np.cov(x.T), pd.DataFrame(holes, columns=["a", "b", "c"])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["gaussian", pytest.param("nce", marks=pytest.mark.full)])
def test_missing_values_from_the_model_remove_bias(method):
    """Of covariances where values are missing at random: medians halve them."""
    target, holes = missing_at_random(800)
    errors = {}
    for missing in ("impute", "model"):
        drawn = fit(holes, method, missing=missing).sample(4_000, random_state=1)
        errors[missing] = np.abs(np.cov(drawn.T) - target).max()
    assert errors["impute"] > 0.3 and errors["model"] < 0.15


@pytest.mark.full
def test_imputations_of_a_trained_model_cover():
    """90% intervals of held-out values; 4 standard errors of 600 values and the model's error."""
    model = fit(gaussian_rows(2_000), "nce", early_stopping=True)
    x = gaussian_rows(600, seed=9)
    free = np.arange(600) % 3
    holes = x.copy()
    holes[np.arange(600), free] = np.nan
    draws = model.impute(holes, 64, random_state=0)[:, np.arange(600), free]
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    true = x[np.arange(600), free]
    assert np.mean((low <= true) & (true <= high)) == pytest.approx(0.9, abs=0.05 + 0.02)


@pytest.mark.full
@pytest.mark.parametrize("name", ["wine_13"])
def test_draws_of_a_fitted_target_cover(name):
    """Exact energy, 30% of values missing: 4 standard errors of a binomial."""
    import jax
    import jax.numpy as jnp

    from ebmark.datasets.preprocessing import fit_units
    from ebmark.estimator._conditional import draw_conditional
    from ebmark.training.model import Model

    source = eb.load_dataset(name)
    law = source.dataset
    units = fit_units(np.asarray(source.sample(2_000, random_state=0)))
    x = np.asarray(source.sample(100, random_state=1), np.float64)
    mean, matrix = jnp.asarray(units.mean), jnp.asarray(units.inverse_transform(np.eye(law.dim)))

    def energy(z):
        return -jax.nn.logsumexp(law.component_log_probs(mean + z @ (matrix - mean)))

    is_free = np.random.default_rng(0).random(x.shape) < 0.3
    model = Model(energy, units, {})
    draws = draw_conditional(model, np.where(is_free, np.nan, x), 64, seed=0)
    low, high = np.quantile(draws.x, [0.05, 0.95], axis=0)
    inside = ((low <= x) & (x <= high))[is_free]
    assert inside.mean() == pytest.approx(0.9, abs=4 * 0.3 / np.sqrt(len(inside)))
    free = is_free[0]
    exact = law.conditional(np.flatnonzero(~free).tolist(), x[0, ~free])
    center, covariance = exact.moments()
    z = (draws.x[:, 0, free].mean(axis=0) - center) / np.sqrt(np.diag(covariance))
    assert np.abs(z).max() < 5 / np.sqrt(64 / 4)


def test_product_of_unresolved_log_z_has_infinite_error(pair, monkeypatch):
    unresolved = LogZ(1.0, 1.2, math.nan, np.zeros((1, 1, 3)))
    monkeypatch.setattr(_composition, "estimate_log_z", lambda *_, **__: unresolved)
    with pytest.warns(eb.UnresolvedWarning, match="off by a constant"):
        both = eb.compose(pair)
    assert both.log_z_error_ == math.inf
