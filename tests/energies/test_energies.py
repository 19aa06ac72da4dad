"""Energies are smooth, have a finite partition function, and block gradients where they should."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.special
from helpers.costs import full_unless

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import (
    MLP,
    Confined,
    FourierMLP,
    Network,
    Offset,
    Quadratic,
    ResidualEnergy,
    StandardizedEnergy,
    add_walls,
    gaussian_log_z,
    new_energy,
    stop_gradient,
)
from ebmark.energies._activation import silu
from ebmark.energies._trigonometry import cosine_and_sine
from ebmark.partition_function import normalize_on_grid

UNIT = Standardizer(np.zeros(2), np.ones(2))
BOX = Grid((-6.0, -6.0), (6.0, 6.0), 96)
NETWORKS = {
    "mlp": lambda key: MLP(2, width=16, key=key),
    "fourier": lambda key: FourierMLP(2, num_features=8, width=16, key=key),
    "residual": lambda key: ResidualEnergy(2, width=16, key=key),
}


# `fourier` is the default network in two dimensions
@pytest.fixture(params=full_unless("fourier".__eq__, NETWORKS))
def energy(request):
    return Confined(NETWORKS[request.param](jr.key(5)), std=1.0)


def test_silu_derivatives_match_logistic_function():
    """silu(z) = z s(z) with the logistic function s, and two derivatives of it, in float64."""
    z = np.concatenate([np.linspace(-100, 100, 20_001), [0.0, -1e4, 1e4, -1e-30]])
    s = scipy.special.expit(z)
    first = s * (1 + z * (1 - s))
    second = s * (1 - s) * (2 + z * (1 - 2 * s))
    function = silu
    for expected in (z * s, first, second):
        values = jax.vmap(function)(jnp.asarray(z, jnp.float32))
        np.testing.assert_allclose(values, expected, rtol=1e-6, atol=2e-6)
        function = jax.grad(function)


# the range of the stated accuracy, the angles where the range reduction changes pieces, and 0
ANGLES = np.concatenate(
    [
        np.linspace(-1000, 1000, 400_001),
        np.arange(-600, 601) * np.pi / 4,
        np.array([0.0, 1e-30, -1e-8]),
    ]
).astype(np.float32)


def test_cosine_and_sine_are_accurate():
    cosine, sine = jax.jit(cosine_and_sine)(jnp.asarray(ANGLES))
    exact = ANGLES.astype(np.float64)
    assert np.abs(cosine - np.cos(exact)).max() < 2e-7
    assert np.abs(sine - np.sin(exact)).max() < 2e-7


def test_cosine_and_sine_derivatives():
    def derivative(index, order):
        function = lambda z: cosine_and_sine(z[None])[index][0]
        for _ in range(order):
            function = jax.grad(function)
        return np.asarray(jax.jit(jax.vmap(function))(jnp.asarray(ANGLES[::100])))

    exact = ANGLES[::100].astype(np.float64)
    expected = {1: (-np.sin(exact), np.cos(exact)), 2: (-np.cos(exact), -np.sin(exact))}
    for order, (cosine, sine) in expected.items():
        assert np.abs(derivative(0, order) - cosine).max() < 2e-7
        assert np.abs(derivative(1, order) - sine).max() < 2e-7


def test_cosine_and_sine_jvp_matches_vjp():
    z = jnp.linspace(-9, 9, 101)
    dz = jnp.linspace(1, 2, 101)
    _, forwards = jax.jvp(cosine_and_sine, (z,), (dz,))
    _, pull = jax.vjp(cosine_and_sine, z)
    ones = jnp.ones_like(z)
    np.testing.assert_allclose(pull((ones, ones))[0] * dz, sum(forwards), rtol=1e-5, atol=1e-6)


def test_confined_log_z_is_finite(energy):
    """A silu network grows linearly, a Fourier one is bounded; |x|^2 / 2 dominates far away.

    The network is made 30 times as steep, and the grid three times as wide.
    """
    steep = eqx.tree_at(
        lambda e: e.net.layers.layers[-1].weight, energy, replace_fn=lambda w: 30 * w
    )
    density = normalize_on_grid(steep, BOX, UNIT)
    assert density.log_z_error < 1e-3
    wider = normalize_on_grid(steep, density.grid.resized(width=3, points=2), UNIT, attempts=1)
    assert wider.log_z == pytest.approx(density.log_z, abs=2e-3)


def test_unconfined_log_z_grows_with_box():
    """A bounded network alone: Z grows as the area of the box does."""
    net = FourierMLP(2, num_features=8, width=16, key=jr.key(5))
    small, large = (
        normalize_on_grid(net, BOX.resized(width=width), UNIT, attempts=1).log_z for width in (1, 2)
    )
    assert large - small == pytest.approx(np.log(4), abs=0.3)


def test_confined_zero_network_is_gaussian():
    flat = Confined(lambda x: 0.0 * x[0], std=1.5)
    density = normalize_on_grid(flat, Grid((-12.0, -12.0), (12.0, 12.0), 128), UNIT)
    assert density.log_z == pytest.approx(gaussian_log_z(1 / 1.5**2, 2), abs=1e-5)


CORNERS = np.array([[-1.0, -2.0], [2.0, -2.0], [2.0, 0.5], [-1.0, 0.5]])
WIDTH = 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [lambda e: e, *(pytest.param(f, marks=pytest.mark.full) for f in (jax.grad, jax.hessian))],
    ids=["energy", "gradient", "Hessian"],
)
def test_walls_change_nothing_inside_hull(energy, function):
    weights = np.random.default_rng(0).dirichlet(np.ones(4), size=200)
    x = jnp.asarray(weights @ CORNERS, jnp.float32)
    walled = add_walls(energy, CORNERS, WIDTH)
    np.testing.assert_array_equal(jax.vmap(function(walled))(x), jax.vmap(function(energy))(x))


@pytest.mark.slow
@pytest.mark.parametrize("sign, edge", [(1, 2.0), (-1, -1.0)])
def test_walls_add_quadratic_penalty_outside(energy, sign, edge):
    """E(x) = E_0(c(x)) + d^2 / 2 w^2, with c(x) at most w / 2 outside; the gradient has no jump."""
    walled = add_walls(energy, CORNERS, WIDTH)
    for distance in (0.0, 1e-3, 0.1, 1.0, 7.0):
        contracted = edge + sign * WIDTH / 2 * np.tanh(distance / (WIDTH / 2))
        expected = energy(jnp.array([contracted, 0.1])) + distance**2 / (2 * WIDTH**2)
        value = walled(jnp.array([edge + sign * distance, 0.1]))
        assert value == pytest.approx(float(expected), rel=1e-5, abs=1e-5)
    gradients = [jax.grad(walled)(jnp.array([edge + step, 0.1])) for step in (-1e-3, 1e-3)]
    np.testing.assert_allclose(*gradients, atol=0.02)


def test_walls_alone_log_z():
    """The hull of points on a circle is a 16-gon of area A, perimeter P and exterior angles t.

    Z = A + P w sqrt(pi / 2) + 2 w^2 sum tan(t / 2), with d the distance from its sides' lines.
    """
    angles = 2 * np.pi * np.arange(160) / 160
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    density = normalize_on_grid(add_walls(lambda x: 0.0 * x[0], points, WIDTH), BOX, UNIT)
    tangents = 16 * np.tan(np.pi / 16)
    z = tangents + 2 * tangents * WIDTH * np.sqrt(np.pi / 2) + 2 * WIDTH**2 * tangents
    assert density.log_z == pytest.approx(np.log(z), abs=1e-3)


def test_walls_in_3d_follow_bounding_box():
    """The penalty uses the largest of the distances along the axes."""
    corners = np.array([[-1.0, 0.0, 2.0], [1.0, 3.0, 2.5]])
    energy = add_walls(lambda x: 0.0 * x[0], corners, WIDTH)
    assert energy.axes is None
    assert float(energy(jnp.array([1.3, 4.0, 2.2]))) == pytest.approx(1.0**2 / (2 * WIDTH**2))


def test_walls_remove_spurious_low_energy_region():
    """A region 14 nats deep, 2 beyond the points: most of the mass without walls, 1% with them."""
    deep = lambda x: x @ x / 2 - 14 * jnp.exp(-jnp.sum((x - jnp.array([4.0, 0.0])) ** 2) / 0.5)

    def mass_beyond(energy):
        density = normalize_on_grid(energy, BOX, UNIT)
        beyond = density.grid.points()[:, 0] > 3
        return np.exp(density.log_density.ravel()[beyond]).sum() * density.grid.cell

    assert mass_beyond(deep) > 0.7
    assert mass_beyond(add_walls(deep, CORNERS, WIDTH)) < 1e-2


@pytest.mark.slow
def test_walls_are_not_trained(energy):
    walled = add_walls(energy, CORNERS, WIDTH)
    gradient = eqx.filter_grad(lambda e: e(jnp.array([5.0, 5.0])))(walled)
    for leaf in (gradient.axes, gradient.low, gradient.high):
        assert (leaf == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("num_extra_inputs", [0, 1])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_new_energy_walls_surround_coordinates(dim, num_extra_inputs):
    """A noise level of 50, an extra input, adds no penalty."""
    z = np.random.default_rng(0).normal(size=(50, dim))
    settings = Network(residual=False).resolve(dim)
    walled = new_energy(settings, z, jr.key(0), num_extra_inputs=num_extra_inputs)
    np.testing.assert_allclose(walled.low[:dim], z.min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(walled.high[:dim], z.max(axis=0), rtol=1e-6)
    settings["wall_width"] = 0.0
    free = new_energy(settings, z, jr.key(0), num_extra_inputs=num_extra_inputs)
    assert isinstance(free, Confined)
    center = jnp.append(jnp.asarray(z.mean(axis=0)), 50.0 * jnp.ones(num_extra_inputs))
    assert free(center) == walled(center)


@pytest.mark.slow
@pytest.mark.parametrize("num_extra_inputs", [0, pytest.param(1, marks=pytest.mark.full)])
def test_network_above_2d_starts_as_normal_distribution(num_extra_inputs):
    """E(x) = |x|^2 / 2 and its derivatives, whatever the noise level."""
    z = np.random.default_rng(0).normal(size=(50, 64))
    energy = new_energy({}, z, jr.key(0), num_extra_inputs=num_extra_inputs)
    x = jnp.append(jnp.asarray(z[0], jnp.float32), 3.0 * jnp.ones(num_extra_inputs))
    np.testing.assert_allclose(energy(x), 0.5 * z[0] @ z[0], rtol=1e-5)
    gradient = jnp.append(x[:64], jnp.zeros(num_extra_inputs))
    np.testing.assert_allclose(jax.grad(energy)(x), gradient, atol=1e-6)


def test_residual_energy_is_gaussian_far_away():
    """E(x) -> |x|^2 / (2 s^2) in every direction, for parameters that are not at their start."""
    energy = ResidualEnergy(3, num_extra_inputs=1, width=8, std=0.5, key=jr.key(0))
    arrays, rest = eqx.partition(energy, eqx.is_array)
    energy = eqx.combine(jax.tree.map(lambda leaf: leaf + 1.0, arrays), rest)
    directions = jr.normal(jr.key(1), (20, 3))
    far = 1e6 * directions / jnp.linalg.norm(directions, axis=1, keepdims=True)
    values = jax.vmap(energy)(jnp.append(far, jnp.ones((20, 1)), axis=1))
    np.testing.assert_allclose(values / 1e12, 2.0, rtol=0.01)


@pytest.mark.parametrize("dim", [1, 2])
def test_default_network_in_2d_has_fourier_features_and_walls(dim):
    assert Network().resolve(dim) == {
        "num_features": 32,
        "bandwidth": 1.0,
        "width": 64,
        "depth": 2,
        "confinement_std": 1.0,
        "wall_width": 0.5,
    }


def test_given_features_replace_residual_network():
    """A study that sets `num_features` keeps its network in every dimension."""
    network = Network(num_features=0, width=128)
    assert network.resolve(16) == network.resolve(2)
    assert Network(**Network().resolve(64)).resolve(64) == Network().resolve(64)
    assert Network(residual=True).resolve(2)["residual"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Confined(NETWORKS["mlp"](jr.key(0)), std=0.0), "'std' must be positive, got 0.0."),
        (lambda: add_walls(lambda x: x[0], CORNERS, -1.0), "'width' must be positive, got -1.0."),
        (lambda: new_energy({}, np.ones(3), jr.key(0)), "'z' must have shape (n, dim), got (3,)."),
    ],
)
def test_energies_reject_invalid_arguments(make, message, unchecked_shapes):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_standardized_energy_keeps_log_z(energy):
    """With the map inside the energy, and with the map given to the quadrature."""
    mean = np.array([100.0, -3.0])
    scale = np.array([20.0, 0.05])
    moved = StandardizedEnergy(energy, jnp.asarray(mean), jnp.asarray(scale))
    box = Grid(tuple(mean - 6 * scale), tuple(mean + 6 * scale), 96)
    original = normalize_on_grid(energy, BOX, UNIT, attempts=1)
    inside = normalize_on_grid(moved, box, UNIT, attempts=1)
    outside = normalize_on_grid(energy, box, Standardizer(mean, scale), attempts=1)
    np.testing.assert_allclose([inside.log_z, outside.log_z], original.log_z, atol=1e-4)


def test_standardized_energy_adds_log_jacobian(energy):
    mean = jnp.array([1.0, -2.0])
    scale = jnp.array([0.5, 8.0])
    x = jnp.array([1.3, 4.0])
    value = StandardizedEnergy(energy, mean, scale)(x)
    assert value - energy((x - mean) / scale) == pytest.approx(np.log(0.5 * 8.0), abs=1e-6)


def test_offset_adds_constant(energy):
    x = jnp.array([0.4, -1.0])
    shifted = Offset(energy, jnp.array(2.5))
    assert shifted(x) - energy(x) == pytest.approx(2.5, abs=1e-6)
    np.testing.assert_array_equal(jax.grad(shifted)(x), jax.grad(energy)(x))


def test_quadratic_log_z():
    density = normalize_on_grid(Quadratic(jnp.array(1.7), jnp.array([0.5, -0.2])), BOX, UNIT)
    assert density.log_z == pytest.approx(gaussian_log_z(1.7, 2), abs=1e-5)


def test_stop_gradient_blocks_parameters_only(energy):
    x = jnp.array([0.3, -0.8])
    blocked = eqx.filter_grad(lambda e: stop_gradient(e)(x))(energy)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(blocked))
    plain = eqx.filter_grad(lambda e: e(x))(energy)
    assert any((leaf != 0).any() for leaf in jax.tree.leaves(plain))
    np.testing.assert_array_equal(jax.grad(stop_gradient(energy))(x), jax.grad(energy)(x))
    assert jnp.linalg.norm(jax.grad(energy)(x)) > 0.1


def test_fourier_frequencies_are_not_trained():
    net = FourierMLP(2, num_features=8, width=16, key=jr.key(5))
    gradient = eqx.filter_grad(lambda e: e(jnp.array([0.3, -0.8])))(net)
    assert (gradient.frequencies == 0).all()
    assert (gradient.layers.layers[0].weight != 0).any()


@pytest.fixture
def double_precision():
    """Finite differences of second derivatives need more digits than float32 has."""
    with jax.enable_x64(True):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("name", full_unless("fourier".__eq__, NETWORKS))
def test_energies_are_twice_differentiable(name, double_precision):
    """The Hessian is symmetric, is the difference quotient of the gradient, and has no jumps.

    The values of `cosine_and_sine` are float32 and jump by 1e-7 between pieces, so that its
    difference quotient needs a long step.
    """
    energy = Confined(NETWORKS[name](jr.key(5)), std=1.0)
    energy = jax.tree.map(
        lambda a: 2 * a.astype(jnp.float64) if eqx.is_inexact_array(a) else a, energy
    )
    points = np.random.default_rng(0).normal(size=(40, 2))
    gradient = jax.jit(jax.vmap(jax.grad(energy)))
    hessian = jax.jit(jax.vmap(jax.hessian(energy)))
    line = np.linspace([-1, 1], [1, 2], 4001)
    hessians, along = np.split(np.asarray(hessian(np.concatenate([points, line]))), [40])
    np.testing.assert_allclose(hessians, hessians.transpose(0, 2, 1), atol=1e-12)
    step, tolerance = (4e-3, 3e-3) if name == "fourier" else (1e-4, 1e-7)
    for axis in (0, 1):
        shift = step * np.eye(2)[axis]
        difference = np.asarray(gradient(points + shift)) - np.asarray(gradient(points - shift))
        quotient = difference / (2 * step)
        np.testing.assert_allclose(quotient, hessians[:, axis], atol=tolerance)
    # the Hessian of a ReLU network would jump
    assert np.abs(np.diff(along, axis=0)).max() < 100 / 4000
    # the Hessian is not only that of the confining Gaussian
    assert np.abs(hessians - np.eye(2)).max() > 0.05


@pytest.mark.slow
def test_relu_hessian_is_zero(double_precision):
    """The test of smoothness would reject a ReLU: score matching would see no curvature."""
    relu = eqx.nn.MLP(2, "scalar", 16, 2, jax.nn.relu, key=jr.key(5))
    points = np.random.default_rng(0).normal(size=(40, 2))
    hessians = np.asarray(jax.jit(jax.vmap(jax.hessian(relu)))(points))
    assert np.abs(hessians).max() == 0
