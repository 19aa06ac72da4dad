"""Energies: smooth, normalisable, and with gradients only where they should flow."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.special

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import (
    MLP,
    Confined,
    FourierMLP,
    Network,
    Offset,
    Quadratic,
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
}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def energy(request):
    return Confined(request.param(jr.key(5)), tau=1.0)


def test_silu_and_two_derivatives_of_it_are_those_of_the_logistic_function():
    z = np.concatenate([np.linspace(-100, 100, 20_001), [0.0, -1e4, 1e4, -1e-30]])
    s = scipy.special.expit(z)
    slope = s * (1 + z * (1 - s))
    curvature = s * (1 - s) * (2 + z * (1 - 2 * s))
    truths = (z * s, slope, curvature)
    for order, truth in enumerate(truths):
        function = silu
        for _ in range(order):
            function = jax.grad(function)
        found = jax.vmap(function)(jnp.asarray(z, jnp.float32))
        np.testing.assert_allclose(found, truth, rtol=1e-6, atol=2e-6)


# the pieces of the plane where the argument's reduction changes, the far end of the claim, and 0
ANGLES = np.concatenate(
    [
        np.linspace(-1000, 1000, 400_001),
        np.arange(-600, 601) * np.pi / 4,
        np.array([0.0, 1e-30, -1e-8]),
    ]
).astype(np.float32)


def test_cosine_and_sine_are_those_of_float64_to_2e_7():
    cosine, sine = jax.jit(cosine_and_sine)(jnp.asarray(ANGLES))
    exact = ANGLES.astype(np.float64)
    assert np.abs(cosine - np.cos(exact)).max() < 2e-7
    assert np.abs(sine - np.sin(exact)).max() < 2e-7


def test_first_and_second_derivatives_of_cosine_and_sine_are_the_known_ones():
    def of(which, order):
        function = lambda z: cosine_and_sine(z[None])[which][0]
        for _ in range(order):
            function = jax.grad(function)
        return np.asarray(jax.jit(jax.vmap(function))(jnp.asarray(ANGLES[::100])))

    exact = ANGLES[::100].astype(np.float64)
    for order, (cosine, sine) in {
        1: (-np.sin(exact), np.cos(exact)),
        2: (-np.cos(exact), -np.sin(exact)),
    }.items():
        assert np.abs(of(0, order) - cosine).max() < 2e-7
        assert np.abs(of(1, order) - sine).max() < 2e-7


def test_cosine_and_sine_have_the_same_derivative_forwards_and_backwards():
    z, dz = jnp.linspace(-9, 9, 101), jnp.linspace(1, 2, 101)
    _, forwards = jax.jvp(cosine_and_sine, (z,), (dz,))
    _, pull = jax.vjp(cosine_and_sine, z)
    ones = jnp.ones_like(z)
    np.testing.assert_allclose(pull((ones, ones))[0] * dz, sum(forwards), rtol=1e-5, atol=1e-6)


def test_a_confined_network_has_a_finite_normaliser_however_steep_it_is(energy):
    # silu networks grow at most linearly and Fourier ones are bounded: |x|^2 / 2 wins, sooner or
    # later. A network 30 times as steep is the same claim, harder.
    steep = eqx.tree_at(
        lambda e: e.net.layers.layers[-1].weight, energy, replace_fn=lambda w: 30 * w
    )
    density = normalize_on_grid(steep, BOX, UNIT)
    assert density.log_z_error < 1e-3
    wider = normalize_on_grid(steep, density.grid.resized(width=3, nodes=2), UNIT, attempts=1)
    assert wider.log_z == pytest.approx(density.log_z, abs=2e-3)


def test_without_confinement_the_normaliser_grows_with_the_box():
    net = FourierMLP(2, num_features=8, width=16, key=jr.key(5))
    small, large = (
        normalize_on_grid(net, BOX.resized(width=width), UNIT, attempts=1).log_z for width in (1, 2)
    )
    assert large - small == pytest.approx(np.log(4), abs=0.3)  # as the area does


def test_confinement_is_the_energy_of_a_gaussian_of_standard_deviation_tau():
    flat = Confined(lambda x: 0.0 * x[0], tau=1.5)
    density = normalize_on_grid(flat, Grid((-12.0, -12.0), (12.0, 12.0), 128), UNIT)
    assert density.log_z == pytest.approx(gaussian_log_z(1 / 1.5**2, 2), abs=1e-5)


CORNERS = np.array([[-1.0, -2.0], [2.0, -2.0], [2.0, 0.5], [-1.0, 0.5]])
WIDTH = 0.5


def test_inside_the_hull_walls_change_nothing(energy):
    shares = np.random.default_rng(0).dirichlet(np.ones(4), size=200)
    x = jnp.asarray(shares @ CORNERS, jnp.float32)
    for function in (lambda e: e, jax.grad, jax.hessian):
        inside, free = (
            jax.vmap(function(e))(x) for e in (add_walls(energy, CORNERS, WIDTH), energy)
        )
        np.testing.assert_array_equal(inside, free)


@pytest.mark.parametrize("sign, edge", [(1, 2.0), (-1, -1.0)])
def test_outside_the_energy_rises_by_half_the_squared_distance_in_widths(energy, sign, edge):
    """And of what lies outside the network sees half a width, by a function without a jump."""
    inside = add_walls(energy, CORNERS, WIDTH)
    for distance in (0.0, 1e-3, 0.1, 1.0, 7.0):
        seen = edge + sign * WIDTH / 2 * np.tanh(distance / (WIDTH / 2))
        wanted = energy(jnp.array([seen, 0.1])) + distance**2 / (2 * WIDTH**2)
        found = inside(jnp.array([edge + sign * distance, 0.1]))
        assert found == pytest.approx(float(wanted), rel=1e-5, abs=1e-5)
    slopes = [jax.grad(inside)(jnp.array([edge + step, 0.1])) for step in (-1e-3, 1e-3)]
    np.testing.assert_allclose(*slopes, atol=0.02)


def test_walls_alone_have_the_normaliser_of_their_polygon():
    """Points on a circle have a regular polygon of 16 sides: of area A, perimeter P, angles t,

    Z = A + P w sqrt(pi / 2) + 2 w^2 sum tan(t / 2), as d is the distance from its sides' lines.
    """
    angles = 2 * np.pi * np.arange(160) / 160
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    density = normalize_on_grid(add_walls(lambda x: 0.0 * x[0], points, WIDTH), BOX, UNIT)
    tangents = 16 * np.tan(np.pi / 16)
    z = tangents + 2 * tangents * WIDTH * np.sqrt(np.pi / 2) + 2 * WIDTH**2 * tangents
    assert density.log_z == pytest.approx(np.log(z), abs=1e-3)


def test_above_the_plane_the_hull_is_the_box():
    """Z = prod of (b - a) in a corner's absence; outside, the largest of the distances counts."""
    corners = np.array([[-1.0, 0.0, 2.0], [1.0, 3.0, 2.5]])
    energy = add_walls(lambda x: 0.0 * x[0], corners, WIDTH)
    assert energy.axes is None
    assert float(energy(jnp.array([1.3, 4.0, 2.2]))) == pytest.approx(1.0**2 / (2 * WIDTH**2))


def test_no_well_outside_the_walls_holds_mass():
    """One 14 nats deep, 2 beyond the points, as score matching leaves: most mass, and none."""
    well = lambda x: x @ x / 2 - 14 * jnp.exp(-jnp.sum((x - jnp.array([4.0, 0.0])) ** 2) / 0.5)
    for energy, least, most in ((well, 0.7, 1.0), (add_walls(well, CORNERS, WIDTH), 0.0, 1e-2)):
        density = normalize_on_grid(energy, BOX, UNIT)
        beyond = density.grid.points()[:, 0] > 3
        mass = np.exp(density.log_density.ravel()[beyond]).sum() * density.grid.cell
        assert least <= mass <= most


def test_walls_are_not_trained(energy):
    inside = add_walls(energy, CORNERS, WIDTH)
    gradient = eqx.filter_grad(lambda e: e(jnp.array([5.0, 5.0])))(inside)
    for leaf in (gradient.axes, gradient.low, gradient.high):
        assert (leaf == 0).all()


@pytest.mark.parametrize("extra_inputs", [0, 1])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_study_walls_its_points_and_no_noise_level(dim, num_extra_inputs):
    z = np.random.default_rng(0).normal(size=(50, dim))
    settings = dataclasses.asdict(Network())
    built = new_energy(settings, z, jr.key(0), num_extra_inputs=num_extra_inputs)
    np.testing.assert_allclose(built.low[:dim], z.min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(built.high[:dim], z.max(axis=0), rtol=1e-6)
    inside = jnp.append(jnp.asarray(z.mean(axis=0)), 50.0 * jnp.ones(num_extra_inputs))
    free = new_energy(
        settings | {"wall_width": 0.0}, z, jr.key(0), num_extra_inputs=num_extra_inputs
    )
    assert isinstance(free, Confined) and free(inside) == built(inside)


def test_standardising_keeps_the_normaliser(energy):
    mean, scale = np.array([100.0, -3.0]), np.array([20.0, 0.05])
    moved = StandardizedEnergy(energy, jnp.asarray(mean), jnp.asarray(scale))
    box = Grid(tuple(mean - 6 * scale), tuple(mean + 6 * scale), 96)
    original = normalize_on_grid(energy, BOX, UNIT, attempts=1)
    np.testing.assert_allclose(
        normalize_on_grid(moved, box, UNIT, attempts=1).log_z, original.log_z, atol=1e-4
    )
    # the same, by the units' own route
    np.testing.assert_allclose(
        normalize_on_grid(energy, box, Standardizer(mean, scale), attempts=1).log_z,
        original.log_z,
        atol=1e-4,
    )


def test_standardising_adds_the_log_of_the_jacobian_and_no_more(energy):
    mean, scale = jnp.array([1.0, -2.0]), jnp.array([0.5, 8.0])
    x = jnp.array([1.3, 4.0])
    there = StandardizedEnergy(energy, mean, scale)(x)
    assert there - energy((x - mean) / scale) == pytest.approx(np.log(0.5 * 8.0), abs=1e-6)


def test_an_offset_adds_its_constant_and_moves_no_point(energy):
    x, shifted = jnp.array([0.4, -1.0]), Offset(energy, jnp.array(2.5))
    assert shifted(x) - energy(x) == pytest.approx(2.5, abs=1e-6)
    np.testing.assert_array_equal(jax.grad(shifted)(x), jax.grad(energy)(x))


def test_a_quadratic_has_the_normaliser_of_its_gaussian():
    density = normalize_on_grid(Quadratic(jnp.array(1.7), jnp.array([0.5, -0.2])), BOX, UNIT)
    assert density.log_z == pytest.approx(gaussian_log_z(1.7, 2), abs=1e-5)


def test_no_gradient_reaches_the_parameters_of_a_frozen_energy_and_the_point_keeps_its_own(energy):
    x = jnp.array([0.3, -0.8])
    gradient = eqx.filter_grad(lambda e: stop_gradient(e)(x))(energy)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(gradient))
    assert any(
        (leaf != 0).any() for leaf in jax.tree.leaves(eqx.filter_grad(lambda e: e(x))(energy))
    )
    np.testing.assert_array_equal(jax.grad(stop_gradient(energy))(x), jax.grad(energy)(x))
    assert jnp.linalg.norm(jax.grad(energy)(x)) > 0.1


def test_the_frequencies_of_fourier_features_are_not_trained():
    net = FourierMLP(2, num_features=8, width=16, key=jr.key(5))
    gradient = eqx.filter_grad(lambda e: e(jnp.array([0.3, -0.8])))(net)
    assert (gradient.frequencies == 0).all()
    assert (gradient.layers.layers[0].weight != 0).any()


@pytest.fixture
def double_precision():
    """Finite differences of second derivatives need more digits than float32 has."""
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", NETWORKS)
def test_energies_are_twice_differentiable(name, double_precision):
    """The Hessian is symmetric, is the difference quotient of the gradient, and has no jumps."""
    energy = Confined(NETWORKS[name](jr.key(5)), tau=1.0)
    energy = jax.tree.map(
        lambda a: 2 * a.astype(jnp.float64) if eqx.is_inexact_array(a) else a, energy
    )
    points = np.random.default_rng(0).normal(size=(40, 2))
    slope = jax.jit(jax.vmap(jax.grad(energy)))
    curvature = jax.jit(jax.vmap(jax.hessian(energy)))
    line = np.linspace([-1, 1], [1, 2], 4001)
    hessians, along = np.split(np.asarray(curvature(np.concatenate([points, line]))), [40])
    np.testing.assert_allclose(hessians, hessians.transpose(0, 2, 1), atol=1e-12)
    # cosine_and_sine is float32's: its values jump by 1e-7 from piece to piece, so its quotient
    # needs a long step; the other network has none
    step, tolerance = (4e-3, 3e-3) if name == "fourier" else (1e-4, 1e-7)
    for axis in (0, 1):
        forward, backward = points.copy(), points.copy()
        forward[:, axis] += step
        backward[:, axis] -= step
        quotient = (np.asarray(slope(forward)) - np.asarray(slope(backward))) / (2 * step)
        np.testing.assert_allclose(quotient, hessians[:, axis], atol=tolerance)
    assert np.abs(np.diff(along, axis=0)).max() < 100 / 4000  # Lipschitz: a ReLU's would jump
    assert np.abs(hessians - np.eye(2)).max() > 0.05  # and it is not only the confining Gaussian


def test_the_test_of_smoothness_refuses_a_relu(double_precision):
    relu = eqx.nn.MLP(2, "scalar", 16, 2, jax.nn.relu, key=jr.key(5))
    points = np.random.default_rng(0).normal(size=(40, 2))
    hessians = np.asarray(jax.jit(jax.vmap(jax.hessian(relu)))(points))
    assert np.abs(hessians).max() == 0  # flat: score matching would see no curvature at all
