"""The local scale, to 35 %: what the default steps and blurs are measured by."""

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
from ebmark.datasets.preprocessing import Standardizer

NUM = 4_096  # what the estimate looks at, at most: one shape, one compilation

_scale = jax.jit(local_scale)


def scale_of(x, seed=0):
    """s_min of the points as they are given, in standardised units."""
    x = np.asarray(x, np.float64)
    return float(_scale(jnp.asarray(Standardizer.fit(x).transform(x), jnp.float32), jr.key(seed)))


def gaussian(num, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(num, dim))


@pytest.mark.parametrize(("dim", "lowest"), [(1, 0.25), (2, 0.5), (5, 0.65)])
def test_a_gaussians_local_scale_is_at_most_its_standard_deviation_and_a_good_part_of_it(
    dim, lowest
):
    """1, if no noise were there. In few dimensions a neighbourhood is small beside the Gaussian,
    its few points say little of so slow a curvature, and the lower quartile takes the low side:
    too short a step, never too long a one."""
    scales = [scale_of(gaussian(NUM, dim, seed), seed) for seed in range(5)]
    assert lowest < min(scales) and max(scales) <= 1


@pytest.mark.parametrize("correlation", [0.8, 0.9, 0.98])
def test_a_correlated_gaussians_local_scale_is_that_of_its_narrowest_direction(correlation):
    x = gaussian(NUM, 2)
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1 - correlation**2) * x[:, 1]
    assert scale_of(x) == pytest.approx(np.sqrt(1 - correlation), rel=0.35)


# not in many dimensions, where all points are far, nor where 1,024 points do not show a curve
LOST = ("many_well_8", "many_well_16", "many_well_32", "funnel_10", "two_spirals", "checkerboard")
QUICK = ("eight_gaussians", "eight_gaussians_unequal_separated", "half_moons", "rings", "banana")
FOUND = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.full)
    for name in DATASETS
    if name not in LOST
]


@pytest.mark.parametrize("num", [1_024, NUM])
@pytest.mark.parametrize("name", FOUND)
def test_a_datasets_local_scale_is_found_from_its_samples(name, num):
    truth = SyntheticDataset(name).local_scale()
    assert scale_of(SyntheticDataset(name).draw(num, jr.key(1))) == pytest.approx(truth, rel=0.35)


def test_the_moons_local_scale_is_that_of_their_noise():
    _, (scale_x, scale_y) = DATASETS["half_moons"].moments()
    assert scale_x > scale_y  # noise .1 is .115 of the wider coordinate, .2 of the other
    assert SyntheticDataset("half_moons").local_scale() == pytest.approx(0.115, abs=1e-3)
    assert scale_of(SyntheticDataset("half_moons").draw(NUM, jr.key(2))) == pytest.approx(
        0.115, rel=0.35
    )


def test_units_do_not_matter():
    x = SyntheticDataset("half_moons").draw(NUM, jr.key(3))
    assert scale_of(1e4 * x - 7e5) == pytest.approx(scale_of(x), rel=1e-2)


def test_the_axes_do_not_matter():
    x = SyntheticDataset("eight_gaussians").draw(NUM, jr.key(3))
    z = jnp.asarray(x - x.mean(axis=0), jnp.float32) / x.std()
    assert float(_scale(z[:, ::-1], jr.key(0))) == pytest.approx(
        float(_scale(z, jr.key(0))), rel=1e-3
    )


def test_the_order_of_the_rows_hardly_matters():
    """Only hardly: the anchors are the first of a random permutation of the *places*, so other
    rows become anchors; the quartile over 256 of them moves by a few per cent."""
    x = SyntheticDataset("half_moons").draw(NUM, jr.key(4))
    shuffled = np.random.default_rng(0).permutation(x)
    scales = [scale_of(x), scale_of(shuffled), scale_of(x, seed=1)]
    assert max(scales) / min(scales) < 1.1
    assert scales[0] != scales[1]


DEGENERATE = {
    "a line": lambda x: np.stack([x[:, 0], 2 * x[:, 0] + 1], axis=1),
    "duplicates": lambda x: np.repeat(x[:4], NUM // 4, axis=0),
    "two values": lambda x: np.stack([x[:, 0] > 0, x[:, 1] > 0], axis=1).astype(float),
    "a circle's edge": lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_points_without_a_width_get_the_floor(name):
    x = DEGENERATE[name](gaussian(NUM, 2))
    assert scale_of(x) == pytest.approx(MIN_LOCAL_SCALE, rel=1e-6)


@pytest.mark.parametrize("spread", [1, 3, 20])
def test_integers_get_a_scale_between_the_floor_and_1(spread):
    x = np.round(spread * gaussian(NUM, 2))
    scale = scale_of(x)
    assert scale * (1 + 1e-6) >= MIN_LOCAL_SCALE and scale <= 1
    if spread == 20:  # finely spaced: the Gaussian that they are
        assert scale == pytest.approx(scale_of(gaussian(NUM, 2)), rel=0.1)


@pytest.mark.parametrize("num", [2, 9])
def test_a_handful_of_points_has_a_scale_too(num):
    assert MIN_LOCAL_SCALE * (1 - 1e-6) <= scale_of(gaussian(num, 2)) <= 1


def test_the_default_step_is_a_tenth_of_the_squared_scale_unless_one_is_asked_for():
    assert float(default_step_size(jnp.array(0.2))) == pytest.approx(0.004)
    assert float(default_step_size(jnp.array(0.2), 0.1)) == pytest.approx(0.1)
    assert float(default_step_size(jnp.array(0.2), 0.0)) == 0.0


def test_a_persons_own_points_are_measured_as_laws_are():
    x = SyntheticDataset("half_moons").draw(NUM, jr.key(5))
    assert UserDataset("own", x).local_scale() == pytest.approx(
        SyntheticDataset("half_moons").local_scale(), rel=0.35
    )
