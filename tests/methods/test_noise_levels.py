"""Noise-conditional energies on N(0, I), which with noise of level s is N(0, (1 + s^2) I)."""

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


def noisy_energy(v, precision=1.0):
    """-log of the noisy density, up to a constant: v is x / sqrt(1 + s^2), and the level."""
    return 0.5 * precision * v[:2] @ v[:2]


def sigmas(method, num=2_001):
    levels = np.linspace(0, 1, num) ** method.level_power
    return np.array(STATE.smallest) ** (1 - levels) * method.largest**levels


def test_mdsm_loss_at_target():
    """E |sigma s - z|^2 = d / (1 + sigma^2), averaged over the levels drawn; within 2%."""
    method = MultiscaleDenoisingScoreMatching()
    loss, _ = jax.jit(lambda x, key: method.loss(noisy_energy, x, STATE, key))(WHITE, jr.key(1))
    assert float(loss) == pytest.approx(np.mean(1 / (1 + sigmas(method) ** 2)), rel=0.02)


@pytest.mark.full
def test_diffclf_minimum_at_log_densities():
    """E = -log p_u minimizes the loss, in the precision and in the constants of the levels."""
    method = DiffusiveClassification(weight=100.0)

    def loss(precision, level_constant):
        def energy(v):
            level = (v[2] + 1) / 2
            sigma = STATE.smallest ** (1 - level) * method.largest**level
            return noisy_energy(v, precision) + level_constant * jnp.log(1 + sigma**2)

        return method.loss(energy, WHITE, STATE, jr.key(2))[0]

    gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
    curvature = np.array(jax.jit(jax.hessian(loss, argnums=(0, 1)))(1.0, 1.0))
    assert np.linalg.eigvalsh(curvature).min() > 0
    minimum = np.array([1.0, 1.0]) - np.linalg.solve(curvature, np.array(gradient(1.0, 1.0)))
    np.testing.assert_allclose(minimum, 1, atol=0.03)
    # Power: without the constants of the levels the gradient is far from 0.
    assert abs(gradient(1.0, 0.0)[1]) > 20 * abs(gradient(1.0, 1.0)[1])


@pytest.mark.full
def test_drl_fixed_point():
    """MALA preserves the conditional distribution: data and negatives have equal mean energies."""
    method = DiffusionRecoveryLikelihood()
    loss = jax.jit(
        lambda precision, key: method.loss(
            lambda v: noisy_energy(v, precision), WHITE[:4_000], STATE, key
        )[0]
    )
    losses = np.array([loss(1.0, key) for key in jr.split(jr.key(3), 20)])
    error = losses.std(ddof=1) / np.sqrt(20)
    assert abs(losses.mean()) < 4.5 * error  # fails once in 5,000
    wide, narrow = (np.mean([loss(p, key) for key in jr.split(jr.key(3), 20)]) for p in (0.5, 2.0))
    assert wide < -10 * error and narrow > 10 * error


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, pytest.param(1.0, marks=pytest.mark.full)])
def test_drl_chains_converge_to_conditional(level):
    """p(x_i | x_{i+1}) of N(0, 1) has precision 1 / (1 + sigma_i^2) + 1 / s_i^2; four errors."""
    method = DiffusionRecoveryLikelihood()
    num = 20_000
    i = round(level * (method.num_levels - 1))
    sigma, next_sigma = (float(method._sigma(STATE, k)) for k in (i, i + 1))
    gap = next_sigma**2 - sigma**2
    noisy = jnp.array([1.5, -0.5])
    recover = jax.jit(
        jax.vmap(
            lambda key: method.recover(
                noisy_energy, STATE, jnp.array(level), jnp.zeros(2), noisy, 200, key
            )
        )
    )
    x = np.asarray(recover(jr.split(jr.key(9), num)), np.float64)
    variance = 1 / (1 / (1 + sigma**2) + 1 / gap)
    np.testing.assert_allclose(
        x.mean(axis=0), variance * np.array(noisy) / gap, atol=4 * np.sqrt(variance / num)
    )
    np.testing.assert_allclose(x.var(axis=0), variance, rtol=4 * np.sqrt(2 / num))


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [MultiscaleDenoisingScoreMatching(), DiffusionRecoveryLikelihood()]
)
def test_native_sampler_on_gaussian(method):
    """With the exact energies, samples are N(0, (1 + sigma_0^2) I) up to the step-size bias."""
    draw = jax.jit(lambda key: method.sample(noisy_energy, STATE, 4_000, key))
    x = np.asarray(draw(jr.key(4)), np.float64)
    assert np.abs(x.mean(axis=0)).max() < 4.5 / np.sqrt(4_000)  # fails once in 70,000
    last = float(method.learned_energy(noisy_energy, STATE).sigma)
    assert x.var(axis=0) == pytest.approx([1 + last**2] * 2, rel=0.1)


def test_learned_energy_is_lowest_level():
    method = MultiscaleDenoisingScoreMatching()
    density = method.learned_energy(noisy_energy, STATE)
    x = jnp.array([0.7, -0.2])
    assert float(density(x)) == pytest.approx(float(x @ x) / 2 / (1 + 0.15**2), rel=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_soft_walls_move_with_level(level):
    """They begin 3 sigma outside the points and are as steep as at level 0."""
    method = MultiscaleDenoisingScoreMatching()
    width = 0.5
    corners = np.array([[-1.5, -1.0], [2.0, -1.0], [2.0, 1.0], [-1.5, 1.0]])
    flat = add_walls(lambda v: 0.0 * v[0], corners, width)
    level_energy = method.at(flat, STATE, jnp.array(level))
    sigma = STATE.smallest ** (1 - level) * method.largest**level
    scale = jnp.sqrt(1 + sigma**2)
    for widths, rise in ((-0.01, 0.0), (2.0, 2**2 / 2)):
        x = jnp.array([2.0 + 3 * sigma + widths * width * scale, 0.3])
        assert float(level_energy(x)) == pytest.approx(rise, abs=1e-3)


@pytest.mark.full
def test_diffclf_recovers_mode_weights():
    """And score matching alone does not, on 8 separated Gaussians of unequal weights."""
    mode_weight_kl = {
        name: quality_of(METHODS[name], "eight_gaussians_unequal_separated")["kl_mode_weights"]
        for name in ("dsm", "mdsm", "diffclf")
    }
    assert mode_weight_kl["diffclf"] < 0.05
    assert mode_weight_kl["dsm"] > 0.5 and mode_weight_kl["mdsm"] > 0.5
