"""Distortions of a mixture of known density, and the correlations of the study that uses them."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from ebmark.datasets.fitted._mixture import FactorAnalyzers

DIM = 3
NUM = 2_000


@pytest.fixture(scope="module")
def mixture():
    """Four modes, far enough apart to differ and close enough to overlap."""
    rng = np.random.default_rng(0)
    arrays = (
        rng.normal(size=(4, DIM)) * 2,
        rng.normal(size=(4, DIM, 2)),
        rng.uniform(0.5, 1, (4, DIM)),
    )
    weights = np.log([0.1, 0.2, 0.3, 0.4])
    return FactorAnalyzers(*(jnp.asarray(part, jnp.float32) for part in (weights, *arrays)))


def gaussian_entropy(covariance):
    return 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]


def test_noise_on_gaussian_has_its_closed_form():
    r"""$KL = d/2 (\log(1 + s^2) + 1 / (1 + s^2) - 1)$; four standard errors, 1 in 16,000."""
    from benchmarks.metrics.distortions import add_noise, divergence, draw

    zeros = jnp.zeros((1, DIM))
    normal = FactorAnalyzers(jnp.zeros(1), zeros, jnp.zeros((1, DIM, DIM)), jnp.ones((1, DIM)))
    x = draw(normal, NUM, 0)
    kl, error = divergence(normal, add_noise(normal, 1.0), x)
    exact = DIM / 2 * (np.log(2) + 1 / 2 - 1)
    assert abs(kl - exact) < 4 * error < 0.25 * exact
    assert divergence(normal, normal, x) == (0.0, 0.0)


def test_undistorted_model_has_zero_kl(mixture):
    from benchmarks.metrics.distortions import DISTORTIONS, UNDISTORTED, divergence, draw

    same = DISTORTIONS[UNDISTORTED](mixture)
    assert divergence(mixture, same, draw(mixture, NUM, 0)) == (0.0, 0.0)


def test_one_gaussian_matches_moments_and_entropy(mixture):
    """The mean of log q over samples of q is minus the entropy of a Gaussian; 1 in 16,000."""
    from benchmarks.metrics.distortions import draw, log_probs, match_moments

    gaussian = match_moments(mixture)
    for part, expected in zip(gaussian.moments(), mixture.moments(), strict=True):
        np.testing.assert_allclose(part, expected, atol=1e-4)
    logs = log_probs(gaussian, draw(gaussian, NUM, 1))
    error = logs.std() / np.sqrt(len(logs))
    assert abs(logs.mean() + gaussian_entropy(gaussian.moments()[1])) < 4 * error


def test_every_density_integrates_to_one(mixture):
    r"""$E_q \, r(x) / q(x) = 1$ for the density r of a narrow Gaussian; fails 1 in 1,000 times."""
    from benchmarks.metrics.distortions import (
        DISTORTIONS,
        MODE_WEIGHTS,
        draw,
        log_probs,
        match_moments,
        scale_covariances,
    )

    inside = scale_covariances(match_moments(mixture), 0.5)
    for name in sorted(DISTORTIONS.keys() - {"tied covariances", *MODE_WEIGHTS}):
        q = DISTORTIONS[name](mixture)
        x = draw(q, NUM, 2)
        ratios = np.exp(log_probs(inside, x) - log_probs(q, x))
        error = ratios.std() / np.sqrt(len(x))
        assert abs(ratios.mean() - 1) < 4 * error < 0.5, name


def test_tied_covariances_keep_moments(mixture):
    """Weights, means and the mean of the covariances are those of the mixture."""
    from benchmarks.metrics.distortions import tie_covariances

    tied = tie_covariances(mixture)
    for part, expected in zip(tied.moments(), mixture.moments(), strict=True):
        np.testing.assert_allclose(part, expected, atol=1e-4)


def test_lost_factors_as_noise_keep_variances(mixture):
    from benchmarks.metrics.distortions import reduce_rank

    def variances(p):
        return np.diag(p.moments()[1])

    kept = reduce_rank(mixture, 1, keep_variance=True)
    np.testing.assert_allclose(variances(kept), variances(mixture), rtol=1e-5)
    assert (variances(reduce_rank(mixture, 1, keep_variance=False)) < variances(mixture)).all()


def test_correlation_and_detection_of_known_values():
    """A metric equal to the KL has correlation 1; where larger is better, -1 and no detection."""
    from benchmarks.metrics.distortions import UNDISTORTED
    from benchmarks.metrics.power_64_values import Block

    kl = {UNDISTORTED: 0.0, "a": 1.0, "b": 2.0, "c": 3.0}
    rows = [(name, 0, 20_000, "exact", "kl", value) for name, value in kl.items()]
    rows += [
        ("null", k, 200, "pixels", m, 0.1 * k) for k in range(5) for m in ("rising", "density")
    ]
    for name, value in kl.items():
        for metric in ("rising", "density"):
            rows += [(name, seed, 200, "pixels", metric, value) for seed in range(2)]
    columns = ["distortion", "seed", "n", "units", "metric", "value"]
    block = Block(pd.DataFrame(rows, columns=columns), 200, "pixels")
    assert block.correlations("rising").tolist() == [1.0, 1.0]
    assert block.correlations("density").tolist() == [-1.0, -1.0]
    assert block.num_detected("rising") == 3 and block.num_detected("density") == 0
    assert block.improvements("density").loc[["a", "b", "c"]].tolist() == [1.0, 1.0, 1.0]
