"""Bounds of log Z by annealed importance sampling.

Random tests have fixed seeds.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.partition_function import log_z_bracket


def double_well(x):
    """A quartic double well in the first coordinate: log Z = 10.29348, by scipy.integrate.quad."""
    return -0.5 * x[0] - 6 * x[0] ** 2 + x[0] ** 4 + 0.5 * x[1] ** 2


def sample_double_well(num, seed=0):
    grid = np.linspace(-4, 4, 100_001)
    cumulative = np.cumsum(np.exp(0.5 * grid + 6 * grid**2 - grid**4))
    rng = np.random.default_rng(seed)
    first = np.interp(rng.uniform(size=num), cumulative / cumulative[-1], grid)
    return jnp.asarray(np.column_stack([first, rng.normal(size=num)]), jnp.float32)


def test_log_z_bracket_contains_known_values():
    """A Gaussian in 6 dimensions and a double well; 0.05 is four standard errors."""
    gaussian = lambda x: 0.5 * jnp.sum((x - 1) ** 2) / 0.25
    x = 1 + 0.5 * jr.normal(jr.key(0), (500, 6))
    bracket = log_z_bracket(gaussian, x, jr.key(1))
    exact = 3 * np.log(2 * np.pi * 0.25)
    assert not bracket.failed
    assert bracket.lower - 0.05 < exact < bracket.upper + 0.05
    assert bracket.estimate == pytest.approx(exact, abs=0.05)
    bracket = log_z_bracket(double_well, sample_double_well(500), jr.key(2))
    assert not bracket.failed and bracket.estimate == pytest.approx(10.29348, abs=0.08)
    assert bracket.lower - 0.05 < 10.29348 < bracket.upper + 0.05


def test_log_z_bracket_fails_with_few_levels():
    narrow = lambda x: 0.5 * jnp.sum((x - 3) ** 2) / 0.01
    x = 3 + 0.1 * jr.normal(jr.key(0), (300, 8))
    assert log_z_bracket(narrow, x, jr.key(1), num_levels=5, step_size=0.001).failed
