"""Datasets given by functions: computed quantities, and a check that finds what is wrong."""

import functools

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

from ebmark.datasets import Dataset, UserDataset
from ebmark.errors import UserError


def log_normal(x):
    return -0.5 * (x**2).sum(axis=1) - 0.5 * x.shape[1] * np.log(2 * np.pi)


def normal(dim, scale=1.0):
    return lambda num, seed: scale * np.random.default_rng(seed).normal(size=(num, dim))


@functools.cache
def make(dim=2, log_prob=log_normal, scale=1.0):
    return Dataset.from_functions(log_prob, normal(dim, scale), dim=dim)


@pytest.mark.parametrize("dim", [1, 2, pytest.param(3, marks=pytest.mark.full)])
def test_normal_passes_check(dim):
    r"""Entropy $\tfrac d2 \log 2 \pi e$; each test rejects with probability 1e-5."""
    dataset = make(dim)
    check = dataset.check()
    assert check.passed and check.integral == pytest.approx(1, abs=0.01)
    entropy = 0.5 * dim * np.log(2 * np.pi * np.e)
    assert abs(dataset.entropy - entropy) < 5 * dataset.entropy_error
    assert 0.2 < dataset.local_scale() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
def test_wrong_dataset_is_named(dim):
    twice = make(dim, lambda x: log_normal(x) + np.log(2)).check()
    assert "integrates to" in twice.problem and twice.integral == pytest.approx(2, rel=0.02)
    wide = make(dim, scale=1.2).check()
    assert "sampler does not follow" in wide.problem and "\n" not in wide.problem


@pytest.mark.slow
def test_wrong_mode_weights_are_found():
    """Stein's identity holds for them; the integral by bridge sampling does not."""

    def sampler(num, seed):
        rng = np.random.default_rng(seed)
        modes = rng.random(num) < 0.2
        return rng.normal(size=(num, 3)) + np.where(modes, 8.0, -8.0)[:, None]

    parts = [lambda x, m=m: log_normal(x - m) + np.log(0.5) for m in (8.0, -8.0)]
    dataset = Dataset.from_functions(None, sampler, dim=3, components=parts)
    assert not dataset.check().passed
    assert dataset.dataset.modes == 2


@pytest.mark.slow
def test_scores_by_gradients_and_differences():
    x = np.random.default_rng(0).normal(size=(50, 2))
    traced = make(log_prob=lambda x: -0.5 * jnp.sum(x**2, axis=1) - jnp.log(2 * jnp.pi))
    np.testing.assert_allclose(traced.scores(x), -x, rtol=1e-5)
    numpy_only = make(log_prob=lambda x: scipy.stats.norm.logpdf(np.asarray(x)).sum(axis=1))
    np.testing.assert_allclose(numpy_only.scores(x), -x, atol=1e-5)


def test_sampler_alone_gives_points():
    points = Dataset.from_functions(None, normal(3), dim=3, name="mine")
    assert isinstance(points, UserDataset) and points.points.shape == (12_500, 3)
    assert Dataset.from_points([[0.0, 1.0], [2.0, 3.0]]).dim == 2


@pytest.mark.parametrize(
    ("log_prob", "sampler", "message"),
    [
        (lambda x: x, normal(2), "log_prob returned shape"),
        (lambda x: x.missing, normal(2), "log_prob failed on points"),
        (lambda x: np.where(x[:, 0] > 0, 0.0, -np.inf), normal(2), "not finite at"),
        (log_normal, normal(3), "sampler returned shape"),
        (log_normal, lambda num: 0, "sampler failed at"),
    ],
)
def test_invalid_functions_are_refused(log_prob, sampler, message):
    with pytest.raises(UserError, match=message) as caught:
        Dataset.from_functions(log_prob, sampler, dim=2)
    assert "\n" not in str(caught.value)


def test_fingerprint_is_of_definition():
    same, other = make(), make(log_prob=lambda x: log_normal(x) + 0.1)
    again = make.__wrapped__()
    assert again.fingerprint == same.fingerprint != other.fingerprint
    np.testing.assert_array_equal(same.draw(5, jr.key(0)), again.draw(5, jr.key(0)))
