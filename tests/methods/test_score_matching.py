"""Variants of score matching: each is Hyvarinen's loss, in expectation or in a limit."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.energies import Confined, FourierMLP, Quadratic
from ebmark.methods import (
    DenoisingScoreMatching,
    FiniteDifferenceScoreMatching,
    ImplicitScoreMatching,
    KernelSteinDiscrepancy,
    SlicedScoreMatching,
    SlicedScoreMatchingVR,
)
from ebmark.methods._fdsm import FDSMState
from ebmark.methods._ksd import KSDState
from ebmark.metrics import kernel_stein_discrepancy

X = jr.normal(jr.key(0), (200, 2))
NETWORK = Confined(FourierMLP(2, key=jr.key(1)))


def loss_of(method, energy, x, seed=0, state=None):
    return jax.jit(lambda x, key: method.loss(energy, x, state, key)[0])(x, jr.key(seed))


def losses_of(method, num):
    """Losses for `num` keys, in one program."""
    draw = jax.jit(jax.vmap(lambda key: method.loss(NETWORK, X, None, key)[0]))
    return np.asarray(draw(jr.split(jr.key(5), num)), np.float64)


def exact():
    return float(loss_of(ImplicitScoreMatching(), NETWORK, X))


@pytest.mark.full
@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_antithetic_dsm_gradient_has_no_term_linear_in_noise(sigma):
    r"""Of N(0, I / a), d/da of the loss is sigma^2 a |x + sigma z|^2 - sigma z (x + sigma z).

    The mean over z and -z has no term sigma z x, whose variance is that of the gradient.
    """
    x = jnp.ones((50, 8))

    def slope(precision, antithetic, key):
        method = DenoisingScoreMatching(sigma=sigma, antithetic=antithetic)
        state = method.init(x, key)
        loss = lambda a: method.loss(Quadratic(a, jnp.zeros(8)), x, state, key)[0]
        return jax.grad(loss)(precision)

    def slopes(antithetic):
        draw = jax.jit(jax.vmap(lambda key: slope(1.0, antithetic, key)))
        return draw(jr.split(jr.key(0), 20))

    deviations = [np.std(slopes(antithetic)) for antithetic in (False, True)]
    assert deviations[1] < 3 * sigma * deviations[0]


@pytest.mark.full
def test_ism_loss_matches_hessian_trace():
    def loss(x):
        gradient = jax.grad(NETWORK)(x)
        return 0.5 * gradient @ gradient - jnp.trace(jax.hessian(NETWORK)(x))

    expected = jnp.mean(jax.jit(jax.vmap(loss))(X))
    assert exact() == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.slow
def test_ism_minimum_on_gaussian():
    """J(a) = a^2 E|x|^2 / 2 - a d, with its minimum at d / E|x|^2."""
    a = jnp.linspace(0.5, 1.5, 201)
    losses = [
        float(loss_of(ImplicitScoreMatching(), lambda x, a=a: 0.5 * a * x @ x, X)) for a in a[::20]
    ]
    square = float(jnp.mean(jnp.sum(X**2, axis=1)))
    expected = [0.5 * v**2 * square - 2 * v for v in np.asarray(a[::20])]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


@pytest.mark.full
@pytest.mark.parametrize("kind", [SlicedScoreMatching, SlicedScoreMatchingVR])
def test_sliced_loss_mean_is_exact_loss(kind):
    """v = (+-1, +-1) in 2-D, within four standard errors; fails once in 16,000."""
    method = kind(num_slices=16)
    draws = losses_of(method, 40)
    error = np.std(draws) / np.sqrt(40)
    assert abs(np.mean(draws) - exact()) < 4 * error
    assert error < 0.1 * abs(exact())


@pytest.mark.full
def test_ssm_vr_has_lower_variance():
    sliced, exact_square = (
        losses_of(kind(), 200).std() for kind in (SlicedScoreMatching, SlicedScoreMatchingVR)
    )
    assert exact_square < sliced


def test_ssm_vr_noise_adds_to_variance():
    """Of N(0, I / a) in d dimensions the loss is d (a^2 (s^2 + sigma^2) / 2 - a)."""
    method, num, dim = SlicedScoreMatchingVR(sigma=0.7), 20_000, 3
    x = 1.3 * jr.normal(jr.key(2), (num, dim))
    loss = loss_of(method, Quadratic(jnp.array(0.8), jnp.zeros(dim)), x)
    variance = 1.3**2 + 0.7**2
    expected = dim * (0.8**2 * variance / 2 - 0.8)
    # four standard errors of the mean of |x|^2
    error = 4 * 0.8**2 / 2 * variance * np.sqrt(2 * dim / num)
    assert float(loss) == pytest.approx(expected, abs=error)
    assert method.gaussian_precision(1.3**2, None) == pytest.approx(1 / variance)


@pytest.mark.slow
def test_fdsm_limit_is_ism_over_dim():
    """With v on a sphere of radius epsilon = 0.03."""
    x = jnp.tile(X, (200, 1))
    state = FDSMState(jnp.array(0.03))
    loss = float(loss_of(FiniteDifferenceScoreMatching(), NETWORK, x, state=state))
    assert loss == pytest.approx(exact() / 2, rel=0.02)


@pytest.mark.full
def test_fdsm_error_is_second_order():
    """With the same directions, half the length has a quarter of the error."""
    losses = [
        float(loss_of(FiniteDifferenceScoreMatching(), NETWORK, X, state=FDSMState(jnp.array(e))))
        for e in (0.2, 0.1, 0.05)
    ]
    gaps = np.diff(losses)
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.15)


@pytest.mark.slow
def test_ksd_loss_matches_metric():
    """The metric of the same name, with the same kernel width, in float64."""
    x = np.asarray(X, np.float64)
    squares = ((x[:, None] - x) ** 2).sum(-1)[np.triu_indices(200, 1)]
    # The width of the metric's kernel is the median distance.
    x = x * 1.3 / np.sqrt(np.median(squares))
    batch = jnp.asarray(x, jnp.float32)
    loss = float(loss_of(KernelSteinDiscrepancy(), NETWORK, batch, state=KSDState(jnp.array(1.3))))
    scores = -np.asarray(jax.vmap(jax.grad(NETWORK))(batch), np.float64)
    expected = kernel_stein_discrepancy(x, scores)
    assert loss == pytest.approx(expected, rel=1e-3, abs=1e-5)
