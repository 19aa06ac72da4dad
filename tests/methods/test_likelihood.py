"""Methods: each learns what theory says it learns, on laws where that has a closed form.

Random tests have fixed seeds; their tolerances are at least four standard errors.
"""

import dataclasses
import math

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

from ebmark.datasets import GaussianRing, Grid, SyntheticDataset
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Confined, FourierMLP, Offset, Quadratic, gaussian_log_z
from ebmark.methods import (
    METHODS,
    ContrastiveDivergence,
    DenoisingScoreMatching,
    MaximumLikelihood,
    NoiseContrastiveEstimation,
    PersistentContrastiveDivergence,
)
from ebmark.methods._cd import CDState
from ebmark.methods._pcd import PCDState, draw_stratified
from ebmark.partition_function import evaluate, normalize_on_grid
from ebmark.training.loop import train

VARIANCE = 1.7


@pytest.fixture(scope="module")
def gaussian():
    """40,000 points of N(0, 1.7 I), whitened to exactly that covariance and mean 0."""
    x = np.random.default_rng(0).normal(size=(40_000, 2))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T
    return jnp.asarray(math.sqrt(VARIANCE) * x, jnp.float32)


@eqx.filter_jit
def slope(method, energy, data, state, key):
    """The gradient in the energy's parameters of the loss on all data as one batch."""
    return eqx.filter_grad(lambda e: method.loss(e, data, state, key)[0])(energy)


def quadratic(precision):
    return Quadratic(jnp.array(precision), jnp.zeros(2))


def mean_slope(method, precision, data, state, num=8):
    keys = jr.split(jr.key(3), num)
    found = [slope(method, quadratic(precision), data, state, k).precision for k in keys]
    return float(np.mean(found)), float(np.std(found) / math.sqrt(num))


@pytest.mark.parametrize("num_steps", [1, 5])
def test_cd_fixed_point_unadjusted(num_steps, gaussian):
    """lambda* = (1 - sqrt(1 - 2 h / s^2)) / h for every k: the kernel's bias, learned."""
    h = 0.5
    method = ContrastiveDivergence(num_steps=num_steps, adjusted=False)
    state = CDState(jnp.array(h))
    fixed = (1 - math.sqrt(1 - 2 * h / VARIANCE)) / h
    assert fixed == pytest.approx(0.71662, abs=1e-5)
    there, error = mean_slope(method, fixed, gaussian, state)
    assert abs(there) < 4 * error + 1e-3
    truth, error = mean_slope(method, 1 / VARIANCE, gaussian, state)
    assert abs(truth) > 10 * error  # at the data's own precision it does move on


@pytest.mark.parametrize("num_steps", [1, 5])
def test_cd_fixed_point_adjusted(num_steps, gaussian):
    """Metropolis takes the kernel's bias away: lambda* = 1 / s^2 at any step, as likelihood's."""
    h = 0.5  # where Langevin's own fixed point is .717 for .588
    method, state = ContrastiveDivergence(num_steps=num_steps), CDState(jnp.array(h))

    def found(precision):
        energy, keys = quadratic(precision), jr.split(jr.key(3), 8)
        loss = lambda e, key: method.loss(e, gaussian, state, key)[0]
        slopes = [float(eqx.filter_grad(loss)(energy, key).precision) for key in keys]
        return np.mean(slopes), np.std(slopes) / math.sqrt(len(keys))

    there, error = found(1 / VARIANCE)
    assert abs(there) < 4 * error + 1e-3
    langevins, error = found((1 - math.sqrt(1 - 2 * h / VARIANCE)) / h)
    assert abs(langevins) > 10 * error


def test_cd_small_step_is_score_matching(gaussian):
    """E[dE(x)] - E[dE(x')] = h * the gradient of Hyvarinen's loss + O(h^2).

    With E = a |x|^2 / 2 that gradient is a E|x|^2 - d.
    """
    h, precision = 1e-3, 1.1
    method, state = ContrastiveDivergence(num_steps=1), CDState(jnp.array(h))
    found, error = mean_slope(method, precision, gaussian, state, num=32)
    expected = precision * 2 * VARIANCE - 2
    assert found / h == pytest.approx(expected, abs=4 * error / h + 0.01)


class Quartic(eqx.Module):
    """methods.md A.1: E(x) = a x^2 / 2 + b x^4 / 4 on a line, and data it cannot fit."""

    a: jax.Array
    b: jax.Array

    def __call__(self, x):
        return jnp.sum(self.a * x**2 / 2 + self.b * x**4 / 4)


MIXTURE = ((0.4, 1.3, 0.5), (0.6, -0.7, 0.8))  # weight, mean, sd


def expectation(function):
    """Over a point of the mixture and a standard normal, by Gauss-Hermite in float64."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    pairs = np.outer(weights, weights)
    return sum(w * np.sum(pairs * function(m + s * nodes[:, None], nodes)) for w, m, s in MIXTURE)


def slopes_of_cd(h, a=0.7, b=0.3):
    """E[dE(x)] - E[dE(x')] over h, in a and b, exactly."""

    def moved(x, noise):
        return x - h * (a * x + b * x**3) + math.sqrt(2 * h) * noise

    powers = [(2, 2), (4, 4)]
    return np.array(
        [expectation(lambda x, n, p=p, q=q: (x**p - moved(x, n) ** p) / q) / h for p, q in powers]
    )


# E |E'|^2 / 2 - E'' in a and b, at a = .7, b = .3: the gradient of Hyvarinen's loss
MATCHED = np.array(
    [
        expectation(lambda x, _: x * (0.7 * x + 0.3 * x**3) - 1),
        expectation(lambda x, _: x**3 * (0.7 * x + 0.3 * x**3) - 3 * x**2),
    ]
)


def test_cd_tends_to_score_matching():
    """The table of methods.md A.1, and that the error halves as the step does."""
    table = {0.1: (1.087, 2.530), 1e-2: (1.270, 3.684), 1e-3: (1.2883, 3.8239)}
    for h, values in table.items():
        np.testing.assert_allclose(slopes_of_cd(h), values, atol=6e-4)
    np.testing.assert_allclose(MATCHED, (1.2903, 3.8397), atol=6e-5)
    errors = [np.abs(slopes_of_cd(h) - MATCHED) for h in (2e-3, 1e-3)]
    np.testing.assert_allclose(errors[0] / errors[1], 2, atol=0.02)


@pytest.mark.parametrize("h", [0.1, 0.01])
def test_cd_gradient_exact_if_misspecified(h):
    """Within 4.5 standard errors, two numbers: fails once in 70,000."""
    rng, num, draws = np.random.default_rng(1), 200_000, 16
    means, sds = (np.array([part[i] for part in MIXTURE]) for i in (1, 2))
    method, state = ContrastiveDivergence(num_steps=1, adjusted=False), CDState(jnp.array(h))
    found = []
    for k in range(draws):
        mode = rng.choice(2, num, p=[part[0] for part in MIXTURE])
        x = jnp.asarray((means[mode] + sds[mode] * rng.normal(size=num))[:, None], jnp.float32)
        at = slope(method, Quartic(jnp.array(0.7), jnp.array(0.3)), x, state, jr.key(k))
        found.append([float(at.a) / h, float(at.b) / h])
    error = np.std(found, axis=0, ddof=1) / math.sqrt(draws)
    exact = slopes_of_cd(h)
    assert (np.abs(np.mean(found, axis=0) - exact) < 4.5 * error).all()
    assert (error < 0.03 * exact).all()  # and that says something


def test_cd_gradient_skips_chain(gaussian):
    """The slope in the precision is mean |x|^2 / 2 of the data less that of the chains."""
    method = ContrastiveDivergence(num_steps=3, adjusted=False)
    state = CDState(jnp.array(0.3))
    from ebmark.samplers import Langevin, run_chains

    energy, key = quadratic(0.9), jr.key(1)
    chains = run_chains(Langevin(state.step_size), energy, gaussian, 3, key).x
    expected = 0.5 * (jnp.mean(jnp.sum(gaussian**2, 1)) - jnp.mean(jnp.sum(chains**2, 1)))
    found = slope(method, energy, gaussian, state, key).precision
    assert float(found) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("adjusted", [False, True])
def test_pcd_fixed_point(adjusted, gaussian):
    method = PersistentContrastiveDivergence(num_chains=40_000, reinit_prob=0.0, adjusted=adjusted)
    h = jnp.array(0.02)
    state = PCDState(gaussian, gaussian, h)
    fixed = 1 / VARIANCE if adjusted else (1 - math.sqrt(1 - 2 * 0.02 / VARIANCE)) / 0.02
    there, error = mean_slope(method, fixed, gaussian, state)
    assert abs(there) < 4 * error + 1e-3
    off, error = mean_slope(method, 2 * fixed, gaussian, state)
    assert off > 10 * error


class Tilted(eqx.Module):
    """Two wells 8 sd apart, and a slope from one to the other, which no chain here can cross."""

    tilt: jax.Array

    def __call__(self, x):
        wells = -jax.nn.logsumexp(jnp.array([-0.5 * (x[0] - 4) ** 2, -0.5 * (x[0] + 4) ** 2]))
        return wells + self.tilt * jnp.sign(x[0])


def test_pcd_one_sided_batch_does_not_tilt():
    """Births have the masses that their chains have: the modes' weights get no random pushes."""
    rng = np.random.default_rng(0)
    side = np.where(rng.uniform(size=(1_000, 1)) < 0.5, 4.0, -4.0)
    born = jnp.asarray(side + rng.normal(size=side.shape), jnp.float32)
    moved = jnp.asarray(side + rng.normal(size=side.shape), jnp.float32)
    one_sided = jnp.full((500, 1), 4.0)
    for reinit_prob in (0.0, 0.2):
        method = PersistentContrastiveDivergence(num_chains=1_000, reinit_prob=reinit_prob)
        state = PCDState(born, moved, jnp.array(0.05))
        at = slope(method, Tilted(jnp.array(0.0)), one_sided, state, jr.key(0))
        assert float(at.tilt) == 0  # not small: none of the signs changed
    fresh = jnp.mean(jnp.sign(one_sided)) - jnp.mean(jnp.sign(moved))
    assert float(fresh) > 0.9  # what comparing the chains with the batch would have said


@pytest.mark.parametrize(("total", "num"), [(8, 3), (50, 20), (20, 20), (1_024, 256)])
def test_draw_stratified_is_uniform(total, num):
    """A chi-squared test of the counts, which are nearly independent."""
    rounds = 4_000
    picked = jax.vmap(lambda key: draw_stratified(total, num, key))(jr.split(jr.key(0), rounds))
    counts = np.zeros((rounds, total), int)
    np.add.at(counts, (np.arange(rounds)[:, None], np.asarray(picked)), 1)
    assert counts.max() == 1 and (counts.sum(axis=1) == num).all()
    share = num / total
    far = np.sum((counts.mean(axis=0) - share) ** 2) * rounds / (share * (1 - share) or 1)
    assert far < scipy.stats.chi2.isf(1e-4, total - 1)  # fails once in some thousand seeds
    # how often a chain has its turn is a matter of its own: the next round does not know the last
    assert abs(np.mean(counts[1:] * counts[:-1]) - share**2) < 1e-2


def test_pcd_stores_chains_and_starts(gaussian):
    method = PersistentContrastiveDivergence(num_chains=50, reinit_prob=0.0)
    start = gaussian[:50]
    state = PCDState(start, start, jnp.array(0.01))
    _, new = method.loss(quadratic(1.0), gaussian[100:120], state, jr.key(0))
    moved = jnp.any(new.chains != start, axis=1)
    assert int(moved.sum()) == 20 and bool((new.starts == start).all())
    method = PersistentContrastiveDivergence(num_chains=50, reinit_prob=1.0)
    _, new = method.loss(quadratic(1.0), gaussian[100:120], state, jr.key(0))
    reborn = jnp.any(new.starts != start, axis=1)
    assert int(reborn.sum()) == 20
    assert jnp.linalg.norm((new.chains - new.starts)[reborn], axis=1).max() < 2


@pytest.mark.parametrize(("sigma", "expected"), [(0.1, 0.58480), (0.5, 0.51282), (1.0, 0.37037)])
def test_dsm_fixed_point_and_minimum(sigma, expected, gaussian):
    """lambda* = 1 / (s^2 + sigma^2); J = sigma^2 / 2 (d / sigma^2 - d / (s^2 + sigma^2))."""
    method = DenoisingScoreMatching(sigma=sigma)
    state = method.init(gaussian, jr.key(0))
    best = 1 / (VARIANCE + sigma**2)
    assert best == pytest.approx(expected, abs=1e-5)
    there, error = mean_slope(method, best, gaussian, state)
    assert abs(there) < 4 * error + 1e-3 * sigma**2
    values = [float(loss_of(method, quadratic(best), gaussian, state, jr.key(k))) for k in range(8)]
    loss = 0.5 * sigma**2 * (2 / sigma**2 - 2 / (VARIANCE + sigma**2))
    assert np.mean(values) == pytest.approx(loss, abs=4 * np.std(values) / math.sqrt(8) + 1e-3)


def ring(sd):
    return GaussianRing(2.0, sd, (1.0, 2.0, 1.0, 3.0), entropy=0.0)


def test_dsm_excess_loss_is_fisher_divergence():
    """On a mixture: J(E) = sigma^2 / 2 (d / sigma^2 - I(p_sigma) + F(p_sigma, E)),

    with I = E |grad log p_sigma|^2 and F = E |grad log p_sigma + grad E|^2 by quadrature: the cross
    term of the square is integrated by parts. Four standard errors: fails once in 8,000.
    """
    sigma, num = 0.4, 100_000
    blurred = ring(math.hypot(0.3, sigma))
    data = jax.jit(jax.vmap(ring(0.3).sample))(jr.split(jr.key(1), num))
    method = DenoisingScoreMatching(sigma=sigma)
    state = method.init(data, jr.key(0))
    grid = Grid((-5.0, -5.0), (5.0, 5.0), 200)
    points = grid.points()
    mass = np.exp(evaluate(blurred.log_prob, points)) * grid.cell
    score = evaluate(blurred.score, points)
    information = mass @ np.sum(score**2, axis=1)
    energies = {
        "the truth": lambda x: -blurred.log_prob(x),
        "the law itself": lambda x: -ring(0.3).log_prob(x),
        "a Gaussian": lambda x: 0.5 * x @ x,
    }
    losses = {}
    for name, energy in energies.items():
        slopes = evaluate(jax.grad(energy), points)
        fisher = mass @ np.sum((score + slopes) ** 2, axis=1)
        expected = sigma**2 / 2 * (2 / sigma**2 - information + fisher)
        found = [float(loss_of(method, energy, data, state, jr.key(k))) for k in range(4)]
        error = 4 * np.std(found) + 4 * expected / math.sqrt(num)
        assert np.mean(found) == pytest.approx(expected, abs=error), name
        losses[name] = np.mean(found)
    assert losses["the truth"] < losses["the law itself"] - 0.01
    assert losses["the truth"] < losses["a Gaussian"] - 0.01


@eqx.filter_jit
def loss_of(method, energy, data, state, key):
    return method.loss(energy, data, state, key)[0]


@pytest.mark.parametrize(("ratio", "scale"), [(1, 1.5), (4, 0.8)])
def test_nce_learns_precision_and_log_z(ratio, scale, gaussian):
    """At the optimum both slopes vanish: lambda* = 1 / s^2 and c* = log Z."""
    method = NoiseContrastiveEstimation(ratio=ratio, scale=scale)
    state = method.init(gaussian, jr.key(0))
    precision = 1 / VARIANCE
    log_z = gaussian_log_z(precision, 2)
    assert log_z == pytest.approx(2 * 1.184253, abs=1e-5)
    found = []
    for k in range(8):
        energy = Offset(quadratic(precision), jnp.array(log_z))
        at = slope(method, energy, gaussian, state, jr.key(k))
        found.append([float(at.energy.precision), float(at.constant)])
    errors = np.std(found, axis=0) / math.sqrt(8)
    assert (np.abs(np.mean(found, axis=0)) < 4 * errors + 5e-3).all()
    off = slope(
        method, Offset(quadratic(precision), jnp.array(log_z + 0.5)), gaussian, state, jr.key(0)
    )
    assert abs(float(off.constant)) > 0.05


def test_nce_loss_log_4_if_noise_is_target(gaussian):
    method = NoiseContrastiveEstimation(ratio=1, scale=1.0)
    state = method.init(gaussian, jr.key(0))
    log_z = gaussian_log_z(1 / VARIANCE, 2)
    energy = Offset(quadratic(1 / VARIANCE), jnp.array(log_z))
    loss, _ = method.loss(energy, gaussian, state, jr.key(0))
    assert float(loss) == pytest.approx(math.log(4), abs=1e-3)


def test_nce_network_is_self_normalized():
    """log Z of a trained network, by quadrature, is near 0: the offset has learned it."""
    law = SyntheticDataset("half_moons")
    x = law.draw(4_000, jr.key(0))
    units = Standardizer.fit(x)
    recipe = dataclasses.replace(METHODS["nce"], num_updates=1_500)
    network = Confined(FourierMLP(2, key=jr.key(1)))
    z = jnp.asarray(units.transform(x), jnp.float32)
    fit = train(recipe, network, z, key=jr.key(2))
    found = normalize_on_grid(fit.energy, law.grid(), units)
    assert abs(found.log_z) < 0.05 and found.log_z_error < 1e-3
    # and the offset itself is the log Z of the network, as quadrature has it
    of_network = normalize_on_grid(fit.energy.energy, law.grid(), units)
    assert float(fit.energy.constant) == pytest.approx(of_network.log_z, abs=0.05)
    assert abs(of_network.log_z) > 0.1  # which the network alone would not have made 0


class Bowl(eqx.Module):
    """An energy that is 0 at its bottom: it cannot learn log Z, whatever its parameter."""

    precision: jax.Array

    def __call__(self, x):
        return 0.5 * self.precision * x @ x


def test_nce_adds_offset(gaussian):
    """Without it the logit is shifted by log Z = 2.37 and the precision is wrong."""
    bowl, recipe = Bowl(jnp.array(2.0)), METHODS["nce"]
    assert isinstance(recipe.method.build_trainable(bowl, gaussian, jr.key(0)), Offset)
    short = dataclasses.replace(recipe, num_updates=500, batch_size=1_024, learning_rate=0.02)
    fit = train(short, bowl, gaussian, key=jr.key(1))
    assert float(fit.energy.energy.precision) == pytest.approx(1 / VARIANCE, rel=0.05)
    log_z = gaussian_log_z(1 / VARIANCE, 2)
    assert float(fit.energy.constant) == pytest.approx(log_z, abs=0.05)
    state = recipe.method.init(gaussian, jr.key(0))
    alone = slope(recipe.method, Bowl(jnp.array(1 / VARIANCE)), gaussian, state, jr.key(0))
    assert abs(float(alone.precision)) > 0.05  # the truth would not stand still


def test_mle_fixed_point(gaussian):
    """Its slope is E_data[|x|^2 / 2] - E_model[|x|^2 / 2], wherever the grid's shift lies."""
    method = MaximumLikelihood(margin=4.0)
    state = method.init(gaussian, jr.key(0))
    found = [
        float(slope(method, quadratic(1 / VARIANCE), gaussian, state, jr.key(k)).precision)
        for k in range(4)
    ]
    assert np.abs(found).max() < 2e-3
    off = float(slope(method, quadratic(1.0), gaussian, state, jr.key(0)).precision)
    assert off == pytest.approx(VARIANCE - 1, abs=5e-3)


def test_mle_gradient_independent_of_grid_shift(gaussian):
    """For a network: all its parameters' gradients, between 8 shifts, to a part in a thousand."""
    method = MaximumLikelihood()
    state = method.init(gaussian, jr.key(0))
    network = Confined(FourierMLP(2, key=jr.key(1)))
    gradients = [slope(method, network, gaussian[:256], state, jr.key(k)) for k in range(8)]
    flat = np.array([jax.flatten_util.ravel_pytree(arrays(g))[0] for g in gradients])
    spread = np.linalg.norm(flat - flat.mean(axis=0), axis=1).max()
    assert spread < 1e-3 * np.linalg.norm(flat.mean(axis=0))


def arrays(tree):
    return eqx.filter(tree, eqx.is_array)


def test_mle_rejects_3d_data():
    with pytest.raises(ValueError, match="1-D and 2-D data only"):
        MaximumLikelihood().init(jnp.zeros((5, 3)), jr.key(0))
