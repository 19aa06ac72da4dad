"""The bias of Langevin's step, against the closed form of a Gaussian, and its limit at step 0."""

import jax.random as jr
import numpy as np
import pytest

from ebmark.step_bias import richardson, step_bias


def test_richardson_is_exact_on_parabolas():
    assert richardson(*(3 + 2 * h - 7 * h**2 for h in (0.4, 0.2, 0.1))) == pytest.approx(3)


def test_the_bias_is_the_closed_form_of_a_gaussian_and_gone_at_step_0():
    """ULA's variance is s^2 / (1 - h / 2 s^2): mean E is 1 / (1 - h / 2 s^2) in the plane.

    4 standard errors at each of 3 steps: 1 seed in 5,000; the limit's 3: 1 in 370.
    """
    s, h = 0.3, 0.03
    x = s * jr.normal(jr.key(0), (4_000, 2))
    found = step_bias(lambda x: 0.5 * x @ x / s**2, x, 1.0, h, 60, jr.key(1))
    for step, mean, error in zip(found.steps, found.means, found.errors, strict=True):
        assert mean == pytest.approx(1 / (1 - step / (2 * s**2)), abs=4 * error)
    assert found.means[0] - 1 > 10 * found.errors[0]
    closed = richardson(*(1 / (1 - step / (2 * s**2)) for step in found.steps))
    assert found.limit == pytest.approx(closed, abs=4 * found.limit_error)
    assert abs(closed - 1) < 0.02 and found.agrees
    assert np.isfinite(found.limit_error)
