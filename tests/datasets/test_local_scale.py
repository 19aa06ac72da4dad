"""The local scale, which sets default step sizes and noise levels, is found to 35%."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import (
    DATASETS,
    MIN_LOCAL_SCALE,
    SyntheticDataset,
    UserDataset,
    default_step_size,
    local_scale,
)
from ebmark.datasets.preprocessing import Standardizer, fit_units

# the points used, at most: one shape, one compilation
NUM = 4_096

_scale = jax.jit(local_scale)


def scale_of(x, seed=0):
    """s_min of the points in standardized units."""
    x = np.asarray(x, np.float64)
    return float(_scale(jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32), jr.key(seed)))


def gaussian(num, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(num, dim))


@pytest.mark.slow
@pytest.mark.parametrize(("dim", "lowest"), [(1, 0.25), (2, 0.5), (5, 0.65)])
def test_local_scale_of_gaussian(dim, lowest):
    """1 without noise; lower in few dimensions, where neighborhoods are small and have few points.

    The lower quartile errs on the low side: the step size may be too short, never too long.
    """
    scales = [scale_of(gaussian(NUM, dim, seed), seed) for seed in range(5)]
    assert lowest < min(scales) and max(scales) <= 1


@pytest.mark.parametrize("correlation", [0.8, 0.9, 0.98])
def test_local_scale_of_correlated_gaussian(correlation):
    """That of the narrowest direction, sqrt(1 - correlation)."""
    x = gaussian(NUM, 2)
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1 - correlation**2) * x[:, 1]
    assert scale_of(x) == pytest.approx(np.sqrt(1 - correlation), rel=0.35)


# 1,024 points do not resolve two spirals
NOT_FOUND = ("two_spirals", "checkerboard")
QUICK = ("eight_gaussians", "eight_gaussians_unequal_separated", "half_moons", "rings", "banana")
FOUND = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.full)
    for name, dataset in DATASETS.items()
    if name not in NOT_FOUND and dataset.dim <= 2
]
ABOVE_2D = [name for name, dataset in DATASETS.items() if dataset.dim > 2]


@pytest.mark.slow
@pytest.mark.parametrize("num", [1_024, NUM])
@pytest.mark.parametrize("name", FOUND)
def test_local_scale_of_samples_matches_dataset(name, num):
    source = SyntheticDataset(name)
    x = source.draw(num, jr.key(1))
    assert scale_of(x) == pytest.approx(source.local_scale(), rel=0.35)


@pytest.mark.full
@pytest.mark.parametrize("name", ABOVE_2D)
def test_local_scale_above_2d_is_not_too_small(name):
    """In many whitened dimensions all points are far apart: the estimate is an upper bound."""
    source = SyntheticDataset(name)
    x = np.asarray(source.draw(NUM, jr.key(1)), np.float64)
    z = jnp.asarray(fit_units(x).transform(x), jnp.float32)
    assert 0.65 * source.local_scale() < float(_scale(z, jr.key(0))) <= 1


def test_local_scale_of_moons_is_their_noise():
    """A noise of 0.1 is 0.115 of the wider coordinate and 0.2 of the other."""
    _, (scale_x, scale_y) = DATASETS["half_moons"].moments()
    assert scale_x > scale_y
    source = SyntheticDataset("half_moons")
    assert source.local_scale() == pytest.approx(0.115, abs=1e-3)
    assert scale_of(source.draw(NUM, jr.key(2))) == pytest.approx(0.115, rel=0.35)


def test_local_scale_is_invariant_to_units():
    x = SyntheticDataset("half_moons").draw(NUM, jr.key(3))
    assert scale_of(1e4 * x - 7e5) == pytest.approx(scale_of(x), rel=1e-2)


def test_local_scale_is_invariant_to_axis_order():
    x = SyntheticDataset("eight_gaussians").draw(NUM, jr.key(3))
    z = jnp.asarray(x - x.mean(axis=0), jnp.float32) / x.std()
    scale = float(_scale(z, jr.key(0)))
    assert float(_scale(z[:, ::-1], jr.key(0))) == pytest.approx(scale, rel=1e-3)


def test_local_scale_varies_little_with_row_order():
    """The query points are at random positions: other rows move the quartile by a few percent."""
    x = SyntheticDataset("half_moons").draw(NUM, jr.key(4))
    shuffled = np.random.default_rng(0).permutation(x)
    scales = [scale_of(x), scale_of(shuffled), scale_of(x, seed=1)]
    assert max(scales) / min(scales) < 1.1
    assert scales[0] != scales[1]


DEGENERATE = {
    "a line": lambda x: np.stack([x[:, 0], 2 * x[:, 0] + 1], axis=1),
    "duplicates": lambda x: np.repeat(x[:4], NUM // 4, axis=0),
    "two values": lambda x: np.stack([x[:, 0] > 0, x[:, 1] > 0], axis=1).astype(float),
    "a circle": lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_local_scale_of_degenerate_points(name):
    x = DEGENERATE[name](gaussian(NUM, 2))
    assert scale_of(x) == pytest.approx(MIN_LOCAL_SCALE, rel=1e-6)


@pytest.mark.parametrize("spread", [1, 3, 20])
def test_local_scale_of_integers_is_bounded(spread):
    """Finely spaced integers have the scale of the Gaussian they are rounded from."""
    x = np.round(spread * gaussian(NUM, 2))
    scale = scale_of(x)
    assert scale * (1 + 1e-6) >= MIN_LOCAL_SCALE and scale <= 1
    if spread == 20:
        assert scale == pytest.approx(scale_of(gaussian(NUM, 2)), rel=0.1)


@pytest.mark.parametrize("num", [2, 9])
def test_local_scale_of_few_points(num):
    assert MIN_LOCAL_SCALE * (1 - 1e-6) <= scale_of(gaussian(num, 2)) <= 1


def test_default_step_size():
    assert float(default_step_size(jnp.array(0.2))) == pytest.approx(0.004)
    assert float(default_step_size(jnp.array(0.2), 0.1)) == pytest.approx(0.1)
    assert float(default_step_size(jnp.array(0.2), 0.0)) == 0.0


def test_user_dataset_local_scale():
    source = SyntheticDataset("half_moons")
    user = UserDataset("mine", source.draw(NUM, jr.key(5)))
    assert user.local_scale() == pytest.approx(source.local_scale(), rel=0.35)


def test_data_of_wrong_shape_are_rejected(unchecked_shapes):
    with pytest.raises(ValueError, match="'data' must have shape"):
        local_scale(jnp.zeros(5), jr.key(0))
    with pytest.raises(ValueError, match="'points' must have shape"):
        UserDataset("mine", np.zeros(5))
    with pytest.raises(ValueError, match="'x' must have shape"):
        Standardizer.fit(np.zeros(5))
    with pytest.raises(ValueError, match="vary in every column"):
        Standardizer.fit(np.ones((5, 2)))
