"""s_min: the deconvolved local covariance finds the smallest length of the data."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import DATASETS
from ebmark.local_scale import SMALLEST, local_scale, safe_step

estimate = jax.jit(local_scale)


@pytest.mark.parametrize("num", [500, 10_000])
@pytest.mark.parametrize("name", DATASETS)
def test_it_finds_the_scale_of_the_built_in_laws(name, num):
    dataset = DATASETS[name]
    x = jax.jit(jax.vmap(dataset.sample))(jr.split(jr.key(0), num))
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    truth = dataset.local_scale / max(dataset.moments()[1])
    assert float(estimate(z, jr.key(1))) == pytest.approx(truth, rel=0.3)


@pytest.mark.parametrize("thin", [0.05, 0.2])
def test_it_sees_the_thin_direction(thin):
    x = jr.normal(jr.key(0), (5_000, 2)) * jnp.array([1.0, thin])
    turn = jnp.array([[0.8, -0.6], [0.6, 0.8]])
    assert float(estimate(x @ turn.T, jr.key(1))) == pytest.approx(thin, rel=0.3)


@pytest.mark.parametrize("dim", [1, 2, 8])
def test_a_standard_gaussian_is_not_thought_fine(dim):
    found = float(estimate(jr.normal(jr.key(0), (4_000, dim)), jr.key(1)))
    assert 0.25 < found <= 1


def test_points_on_a_line_and_repeated_points_get_the_smallest_scale():
    line = jr.normal(jr.key(0), (1_000, 1)) * jnp.ones(2)
    repeated = jr.normal(jr.key(1), (5, 2))[jr.randint(jr.key(2), (1_000,), 0, 5)]
    for data in (line, repeated):
        assert float(estimate(data, jr.key(3))) == pytest.approx(SMALLEST)
        assert float(safe_step(estimate(data, jr.key(3)))) == pytest.approx(SMALLEST**2 / 10)


def test_whole_numbers_get_a_finite_step():
    counts = jnp.round(2 * jr.normal(jr.key(1), (1_000, 2)))
    z = (counts - counts.mean(axis=0)) / counts.std(axis=0)
    assert SMALLEST <= float(estimate(z, jr.key(2))) <= 1


def test_the_step_is_a_tenth_of_the_variance_unless_one_is_given():
    assert float(safe_step(jnp.array(0.5))) == pytest.approx(0.025)
    assert float(safe_step(jnp.array(0.5), 0.3)) == pytest.approx(0.3)


def test_shifts_and_turns_change_nothing_much():
    x = np.asarray(jr.normal(jr.key(0), (2_000, 2))) * [1.0, 0.1]
    there = float(estimate(jnp.asarray(x), jr.key(1)))
    moved = float(estimate(jnp.asarray(x[:, ::-1] + 5), jr.key(1)))
    assert moved == pytest.approx(there, rel=0.02)  # float32 squares of numbers near 5
