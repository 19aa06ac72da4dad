"""Energies told a noise level: what is known of N(0, I), whose noisy laws are N(0, (1 + s^2) I)."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.energies import add_walls
from ebmark.methods import (
    METHODS,
    DiffusionRecoveryLikelihood,
    DiffusiveClassification,
    MultiscaleDenoisingScoreMatching,
)
from ebmark.methods.families._noise_levels import LevelState
from ebmark.training.checks import quality_of

STATE = LevelState(jnp.array(0.15), jnp.array(0.3), jnp.zeros(2))
NUM = 20_000
WHITE = jr.normal(jr.key(0), (NUM, 2))


def right(v, precision=1.0):
    """-log of the noisy law, up to the level's constant: v is x / sqrt(1 + s^2), and the level."""
    return 0.5 * precision * v[:2] @ v[:2]


def sigmas(method, num=2_001):
    levels = np.linspace(0, 1, num) ** method.level_power
    return np.array(STATE.smallest) ** (1 - levels) * method.largest**levels


def test_mdsm_loss_at_target():
    """E |sigma s - z|^2 = d / (1 + sigma^2), the mean over the levels drawn; to 2 %."""
    method = MultiscaleDenoisingScoreMatching()
    found, _ = jax.jit(lambda x, key: method.loss(right, x, STATE, key))(WHITE, jr.key(1))
    assert float(found) == pytest.approx(np.mean(1 / (1 + sigmas(method) ** 2)), rel=0.02)


def test_diffclf_minimum_at_log_densities():
    """Least at E = -log p_u: both a wrong precision and wrong heights cost, on the same draws."""
    method = DiffusiveClassification(weight=100.0)

    def loss(precision, height):
        def energy(v):
            level = (v[2] + 1) / 2
            sigma = STATE.smallest ** (1 - level) * method.largest**level
            return right(v, precision) + height * jnp.log(1 + sigma**2)  # d / 2 = 1

        return method.loss(energy, WHITE, STATE, jr.key(2))[0]

    slope = jax.jit(jax.grad(loss, argnums=(0, 1)))
    curvature = np.array(jax.jit(jax.hessian(loss, argnums=(0, 1)))(1.0, 1.0))
    assert np.linalg.eigvalsh(curvature).min() > 0
    best = np.array([1.0, 1.0]) - np.linalg.solve(curvature, np.array(slope(1.0, 1.0)))
    np.testing.assert_allclose(best, 1, atol=0.03)
    # power: without the heights the slope is far from 0
    assert abs(slope(1.0, 0.0)[1]) > 20 * abs(slope(1.0, 1.0)[1])


def test_drl_fixed_point():
    """MALA leaves the conditional law alone, so that data and negatives have one mean energy."""
    method = DiffusionRecoveryLikelihood()
    loss = jax.jit(
        lambda precision, key: method.loss(
            lambda v: right(v, precision), WHITE[:4_000], STATE, key
        )[0]
    )
    at_rest = np.array([loss(1.0, key) for key in jr.split(jr.key(3), 20)])
    error = at_rest.std(ddof=1) / np.sqrt(20)
    assert abs(at_rest.mean()) < 4.5 * error  # fails once in 5,000
    wide, narrow = (np.mean([loss(p, key) for key in jr.split(jr.key(3), 20)]) for p in (0.5, 2.0))
    assert wide < -10 * error and narrow > 10 * error


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_drl_chains_converge_to_conditional(level):
    """p(x_i | x_{i+1}) of N(0, 1): precision 1 / (1 + sigma_i^2) + 1 / s_i^2; four errors."""
    method, num = DiffusionRecoveryLikelihood(), 20_000
    i = round(level * (method.num_levels - 1))
    sigma, above = (float(method._sigma(STATE, k)) for k in (i, i + 1))
    gap = above**2 - sigma**2
    noisy = jnp.array([1.5, -0.5])
    settle = jax.jit(
        jax.vmap(lambda key: method.recover(right, STATE, level, jnp.zeros(2), noisy, 200, key))
    )
    x = np.asarray(settle(jr.split(jr.key(9), num)), np.float64)
    variance = 1 / (1 / (1 + sigma**2) + 1 / gap)
    np.testing.assert_allclose(
        x.mean(axis=0), variance * np.array(noisy) / gap, atol=4 * np.sqrt(variance / num)
    )
    np.testing.assert_allclose(x.var(axis=0), variance, rtol=4 * np.sqrt(2 / num))


@pytest.mark.parametrize(
    "method", [MultiscaleDenoisingScoreMatching(), DiffusionRecoveryLikelihood()]
)
def test_native_sampler_on_gaussian(method):
    """With the right energies the samples are N(0, (1 + sigma_0^2) I), but for the step's bias."""
    draw = jax.jit(lambda key: method.sample(right, STATE, 4_000, key))
    x = np.asarray(draw(jr.key(4)), np.float64)
    assert np.abs(x.mean(axis=0)).max() < 4.5 / np.sqrt(4_000)  # fails once in 70,000
    last = float(method.learned_energy(right, STATE).sigma)
    assert x.var(axis=0) == pytest.approx([1 + last**2] * 2, rel=0.1)


def test_learned_energy_is_lowest_level():
    method = MultiscaleDenoisingScoreMatching()
    density = method.learned_energy(right, STATE)
    x = jnp.array([0.7, -0.2])
    assert float(density(x)) == pytest.approx(float(x @ x) / 2 / (1 + 0.15**2), rel=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_soft_walls_move_with_level(level):
    """They begin three of the noise's deviations beyond the points, as steep as at level 0."""
    method, width = MultiscaleDenoisingScoreMatching(), 0.5
    corners = np.array([[-1.5, -1.0], [2.0, -1.0], [2.0, 1.0], [-1.5, 1.0]])
    flat = add_walls(lambda v: 0.0 * v[0], corners, width)
    there = method.at(flat, STATE, jnp.array(level))
    sigma = STATE.smallest ** (1 - level) * method.largest**level
    scale = jnp.sqrt(1 + sigma**2)
    for widths, rise in ((-0.01, 0.0), (2.0, 2.0)):  # 2^2 / 2
        x = jnp.array([2.0 + 3 * sigma + widths * width * scale, 0.3])
        assert float(there(x)) == pytest.approx(rise, abs=1e-3)


@pytest.mark.full
def test_diffclf_recovers_mode_weights():
    """The unequal Gaussians 16 sd from the middle: 2.2 nats of masses, or next to none."""
    masses = {
        name: quality_of(METHODS[name], "eight_gaussians_unequal_separated")["kl_mode_weights"]
        for name in ("dsm", "mdsm", "diffclf")
    }
    assert masses["diffclf"] < 0.05
    assert masses["dsm"] > 0.5 and masses["mdsm"] > 0.5
