"""CD, PCD, DSM, NCE and maximum likelihood: fixed points and gradients in closed form.

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
    PairedPersistentContrastiveDivergence,
    PersistentContrastiveDivergence,
)
from ebmark.methods._pcd import PCDState
from ebmark.methods._pcd_paired import PairedPCDState
from ebmark.methods.families._mcmc import draw_stratified
from ebmark.methods.families._user import CDState
from ebmark.partition_function import evaluate, normalize_on_grid
from ebmark.samplers import Langevin, run_chains
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
    """Gradient of the loss in the energy's parameters, all data as one batch."""
    return eqx.filter_grad(lambda e: method.loss(e, data, state, key)[0])(energy)


def quadratic(precision):
    return Quadratic(jnp.array(precision), jnp.zeros(2))


def mean_slope(method, precision, data, state, num=8):
    keys = jr.split(jr.key(3), num)
    slopes = [slope(method, quadratic(precision), data, state, k).precision for k in keys]
    return float(np.mean(slopes)), float(np.std(slopes) / math.sqrt(num))


@pytest.mark.parametrize("num_steps", [1, 5])
def test_cd_fixed_point_unadjusted(num_steps, gaussian):
    """lambda* = (1 - sqrt(1 - 2 h / s^2)) / h for every k: the discretization bias is learned."""
    h = 0.5
    method = ContrastiveDivergence(num_steps=num_steps, adjusted=False)
    state = CDState(jnp.array(h))
    fixed = (1 - math.sqrt(1 - 2 * h / VARIANCE)) / h
    assert fixed == pytest.approx(0.71662, abs=1e-5)
    mean, error = mean_slope(method, fixed, gaussian, state)
    assert abs(mean) < 4 * error + 1e-3
    # Power: at 1 / s^2 the gradient is not 0.
    mean, error = mean_slope(method, 1 / VARIANCE, gaussian, state)
    assert abs(mean) > 10 * error


@pytest.mark.slow
@pytest.mark.parametrize("num_steps", [1, pytest.param(5, marks=pytest.mark.full)])
def test_cd_fixed_point_adjusted(num_steps, gaussian):
    """MALA has no bias: lambda* = 1 / s^2 for every h and k."""
    # Without adjustment the fixed point is 0.717 instead of 0.588.
    h = 0.5
    method = ContrastiveDivergence(num_steps=num_steps)
    state = CDState(jnp.array(h))
    loss = lambda e, key: method.loss(e, gaussian, state, key)[0]
    gradient = eqx.filter_jit(eqx.filter_grad(loss))

    def mean_slope_at(precision):
        energy = quadratic(precision)
        keys = jr.split(jr.key(3), 8)
        slopes = [float(gradient(energy, key).precision) for key in keys]
        return np.mean(slopes), np.std(slopes) / math.sqrt(len(keys))

    mean, error = mean_slope_at(1 / VARIANCE)
    assert abs(mean) < 4 * error + 1e-3
    mean, error = mean_slope_at((1 - math.sqrt(1 - 2 * h / VARIANCE)) / h)
    assert abs(mean) > 10 * error


@pytest.mark.slow
def test_cd_small_step_is_score_matching(gaussian):
    """E[dE(x)] - E[dE(x')] = h * (gradient of Hyvarinen's loss) + O(h^2).

    For E = a |x|^2 / 2 that gradient is a E|x|^2 - d.
    """
    h = 1e-3
    precision = 1.1
    method = ContrastiveDivergence(num_steps=1)
    state = CDState(jnp.array(h))
    mean, error = mean_slope(method, precision, gaussian, state, num=32)
    expected = precision * 2 * VARIANCE - 2
    assert mean / h == pytest.approx(expected, abs=4 * error / h + 0.01)


class Quartic(eqx.Module):
    """E(x) = a x^2 / 2 + b x^4 / 4 in 1-D, which cannot fit the mixture below."""

    a: jax.Array
    b: jax.Array

    def __call__(self, x):
        return jnp.sum(self.a * x**2 / 2 + self.b * x**4 / 4)


MIXTURE = ((0.4, 1.3, 0.5), (0.6, -0.7, 0.8))  # weight, mean, sd


def expectation(function):
    """Mean over a point of the mixture and a standard normal, by Gauss-Hermite in float64."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    pairs = np.outer(weights, weights)
    return sum(w * np.sum(pairs * function(m + s * nodes[:, None], nodes)) for w, m, s in MIXTURE)


def slopes_of_cd(h, a=0.7, b=0.3):
    """(E[dE(x)] - E[dE(x')]) / h in a and b, by quadrature."""

    def moved(x, noise):
        return x - h * (a * x + b * x**3) + math.sqrt(2 * h) * noise

    powers = [(2, 2), (4, 4)]
    return np.array(
        [expectation(lambda x, n, p=p, q=q: (x**p - moved(x, n) ** p) / q) / h for p, q in powers]
    )


# Gradient of Hyvarinen's loss E[E'^2 / 2 - E''] in a and b, at a = 0.7, b = 0.3.
MATCHED = np.array(
    [
        expectation(lambda x, _: x * (0.7 * x + 0.3 * x**3) - 1),
        expectation(lambda x, _: x**3 * (0.7 * x + 0.3 * x**3) - 3 * x**2),
    ]
)


def test_cd_tends_to_score_matching():
    """Known values by quadrature; the error halves with the step size."""
    table = {0.1: (1.087, 2.530), 1e-2: (1.270, 3.684), 1e-3: (1.2883, 3.8239)}
    for h, values in table.items():
        np.testing.assert_allclose(slopes_of_cd(h), values, atol=6e-4)
    np.testing.assert_allclose(MATCHED, (1.2903, 3.8397), atol=6e-5)
    errors = [np.abs(slopes_of_cd(h) - MATCHED) for h in (2e-3, 1e-3)]
    np.testing.assert_allclose(errors[0] / errors[1], 2, atol=0.02)


@pytest.mark.parametrize("h", [0.1, 0.01])
def test_cd_gradient_exact_if_misspecified(h):
    """Two gradients within 4.5 standard errors of quadrature: fails once in 70,000."""
    rng = np.random.default_rng(1)
    num = 200_000
    num_draws = 16
    weights, means, sds = np.array(MIXTURE).T
    method = ContrastiveDivergence(num_steps=1, adjusted=False)
    state = CDState(jnp.array(h))
    gradients = []
    for k in range(num_draws):
        mode = rng.choice(2, num, p=weights)
        x = jnp.asarray((means[mode] + sds[mode] * rng.normal(size=num))[:, None], jnp.float32)
        gradient = slope(method, Quartic(jnp.array(0.7), jnp.array(0.3)), x, state, jr.key(k))
        gradients.append([float(gradient.a) / h, float(gradient.b) / h])
    error = np.std(gradients, axis=0, ddof=1) / math.sqrt(num_draws)
    exact = slopes_of_cd(h)
    assert (np.abs(np.mean(gradients, axis=0) - exact) < 4.5 * error).all()
    # Power: the errors are small.
    assert (error < 0.03 * exact).all()


def test_cd_gradient_skips_chain(gaussian):
    """The gradient in the precision is mean |x|^2 / 2 of the data minus that of the chains."""
    method = ContrastiveDivergence(num_steps=3, adjusted=False)
    state = CDState(jnp.array(0.3))
    energy = quadratic(0.9)
    key = jr.key(1)
    chains = run_chains(Langevin(state.step_size), energy, gaussian, 3, key).x
    expected = 0.5 * (jnp.mean(jnp.sum(gaussian**2, 1)) - jnp.mean(jnp.sum(chains**2, 1)))
    gradient = slope(method, energy, gaussian, state, key).precision
    assert float(gradient) == pytest.approx(float(expected), abs=1e-4)


def pcd_state(chains, step_size):
    box = jnp.full(chains.shape[1], 3.0)
    return PCDState(chains, jnp.array(step_size), -box, box)


def paired_state(chains, step_size):
    return PairedPCDState(chains, chains, jnp.array(step_size))


KINDS = (PersistentContrastiveDivergence, PairedPersistentContrastiveDivergence)
BOTH_PCDS = pytest.mark.parametrize("kind, state_of", list(zip(KINDS, (pcd_state, paired_state))))


@pytest.mark.slow
@BOTH_PCDS
@pytest.mark.parametrize("adjusted", [False, pytest.param(True, marks=pytest.mark.full)])
def test_pcd_fixed_point(kind, state_of, adjusted, gaussian):
    """1 / s^2 if adjusted, else (1 - sqrt(1 - 2 h / s^2)) / h."""
    method = kind(num_chains=40_000, reinit_prob=0.0, adjusted=adjusted)
    state = state_of(gaussian, 0.02)
    fixed = 1 / VARIANCE if adjusted else (1 - math.sqrt(1 - 2 * 0.02 / VARIANCE)) / 0.02
    mean, error = mean_slope(method, fixed, gaussian, state)
    assert abs(mean) < 4 * error + 1e-3
    off, error = mean_slope(method, 2 * fixed, gaussian, state)
    assert off > 10 * error


class Tilted(eqx.Module):
    """Two modes 8 sd apart, between which chains do not cross, and an energy difference."""

    tilt: jax.Array

    def __call__(self, x):
        modes = -jax.nn.logsumexp(jnp.array([-0.5 * (x[0] - 4) ** 2, -0.5 * (x[0] + 4) ** 2]))
        return modes + self.tilt * jnp.sign(x[0])


@pytest.mark.full
def test_paired_pcd_batch_does_not_tilt():
    """Starting points have the mode frequencies of their chains: the gradient of the tilt is 0."""
    rng = np.random.default_rng(0)
    side = np.where(rng.uniform(size=(1_000, 1)) < 0.5, 4.0, -4.0)
    starts = jnp.asarray(side + rng.normal(size=side.shape), jnp.float32)
    chains = jnp.asarray(side + rng.normal(size=side.shape), jnp.float32)
    one_sided = jnp.full((500, 1), 4.0)
    for reinit_prob in (0.0, 0.2):
        method = PairedPersistentContrastiveDivergence(num_chains=1_000, reinit_prob=reinit_prob)
        state = PairedPCDState(starts, chains, jnp.array(0.05))
        gradient = slope(method, Tilted(jnp.array(0.0)), one_sided, state, jr.key(0))
        # Exactly 0, as no sign changed.
        assert float(gradient.tilt) == 0
    # PCD compares the chains with the batch, whose mode frequencies are the gradient.
    method = PersistentContrastiveDivergence(num_chains=1_000)
    state = pcd_state(chains, 0.05)
    gradient = slope(method, Tilted(jnp.array(0.0)), one_sided, state, jr.key(0))
    assert float(gradient.tilt) > 0.9


@pytest.mark.full
@BOTH_PCDS
def test_pcd_gradient_noise(kind, state_of):
    """In 2-D, Var of d loss / d lambda is 2 (1 - rho^2) s^4 / n for pairs, 2 s^4 / n for PCD.

    Unadjusted chains at the fixed point are AR(1) of variance s^2 with rho = (1 - h lambda)^k. The
    relative standard error of a variance of 4,000 is 2.2%.
    """
    n, h, k = 64, 0.1, 5
    fixed = 1 - math.sqrt(1 - 2 * h)
    rho = (1 - fixed) ** k
    assert 0.3 < rho < 0.6
    method = kind(num_chains=n, num_steps=k, reinit_prob=0.0, adjusted=False)

    @jax.jit
    @jax.vmap
    def slopes(key):
        chain_key, batch_key, key = jr.split(key, 3)
        state = state_of(jr.normal(chain_key, (n, 2)), h)
        batch = jr.normal(batch_key, (n, 2))
        return slope(method, quadratic(fixed / h), batch, state, key).precision

    variance = np.var(np.asarray(slopes(jr.split(jr.key(5), 4_000))))
    is_paired = kind is PairedPersistentContrastiveDivergence
    assert variance * n / 2 == pytest.approx(1 - rho**2 if is_paired else 1.0, rel=0.1)


@pytest.mark.parametrize(("total", "num"), [(8, 3), (50, 20), (20, 20), (1_024, 256)])
def test_draw_stratified_is_uniform(total, num):
    """Different numbers, equally often and independently: a chi-squared test of the counts."""
    rounds = 4_000
    draws = jax.vmap(lambda key: draw_stratified(total, num, key))(jr.split(jr.key(0), rounds))
    counts = np.zeros((rounds, total), int)
    np.add.at(counts, (np.arange(rounds)[:, None], np.asarray(draws)), 1)
    assert counts.max() == 1 and (counts.sum(axis=1) == num).all()
    prob = num / total
    statistic = rounds * np.sum((counts.mean(axis=0) - prob) ** 2) / (prob * (1 - prob) or 1)
    assert statistic < scipy.stats.chi2.isf(1e-4, total - 1)  # fails once in 2,500 seeds
    assert abs(np.mean(counts[1:] * counts[:-1]) - prob**2) < 1e-2


@pytest.mark.full
def test_pcd_buffer(gaussian):
    """Chains persist; only drawn ones move; a restarted one starts within the box of the data."""
    start = 100.0 + gaussian[:50]
    state = pcd_state(start, 0.01)
    for reinit_prob in (0.0, 1.0):
        method = PersistentContrastiveDivergence(num_chains=50, reinit_prob=reinit_prob)
        _, new = method.loss(quadratic(1.0), gaussian[100:120], state, jr.key(0))
        moved = np.asarray(jnp.any(new.chains != start, axis=1))
        assert moved.sum() == 20
        restarted = np.abs(new.chains[moved]).max(axis=1) < 5
        assert restarted.all() if reinit_prob else not restarted.any()
    # Tieleman's PCD: with no more chains than data points all of them move.
    method = PersistentContrastiveDivergence(num_chains=50)
    _, new = method.loss(quadratic(1.0), gaussian[:256], state, jr.key(0))
    assert jnp.any(new.chains != start, axis=1).all()
    assert method.network_evaluations(256, 2) == 3 * 256 + 50 * 23


@pytest.mark.slow
def test_paired_pcd_stores_chains_and_starts(gaussian):
    paired = PairedPersistentContrastiveDivergence
    keep, restart = (paired(num_chains=50, reinit_prob=p) for p in (0.0, 1.0))
    start = gaussian[:50]
    state = PairedPCDState(start, start, jnp.array(0.01))
    _, new = keep.loss(quadratic(1.0), gaussian[100:120], state, jr.key(0))
    assert int(jnp.any(new.chains != start, axis=1).sum()) == 20 and (new.starts == start).all()
    _, new = restart.loss(quadratic(1.0), gaussian[100:120], state, jr.key(0))
    is_reinit = jnp.any(new.starts != start, axis=1)
    assert int(is_reinit.sum()) == 20
    assert jnp.linalg.norm((new.chains - new.starts)[is_reinit], axis=1).max() < 2


@pytest.mark.parametrize(("sigma", "expected"), [(0.1, 0.58480), (0.5, 0.51282), (1.0, 0.37037)])
def test_dsm_fixed_point_and_minimum(sigma, expected, gaussian):
    """lambda* = 1 / (s^2 + sigma^2); J = sigma^2 / 2 (d / sigma^2 - d / (s^2 + sigma^2))."""
    method = DenoisingScoreMatching(sigma=sigma)
    state = method.init(gaussian, jr.key(0))
    fixed = 1 / (VARIANCE + sigma**2)
    assert fixed == pytest.approx(expected, abs=1e-5)
    mean, error = mean_slope(method, fixed, gaussian, state)
    assert abs(mean) < 4 * error + 1e-3 * sigma**2
    values = [
        float(loss_of(method, quadratic(fixed), gaussian, state, jr.key(k))) for k in range(8)
    ]
    loss = 0.5 * sigma**2 * (2 / sigma**2 - 2 / (VARIANCE + sigma**2))
    assert np.mean(values) == pytest.approx(loss, abs=4 * np.std(values) / math.sqrt(8) + 1e-3)


def ring(sd):
    return GaussianRing(2.0, sd, (1.0, 2.0, 1.0, 3.0), entropy=0.0)


@pytest.mark.full
def test_dsm_excess_loss_is_fisher_divergence():
    """On a mixture: J(E) = sigma^2 / 2 (d / sigma^2 - I(p_sigma) + F(p_sigma, E)).

    I = E |grad log p_sigma|^2 and F = E |grad log p_sigma + grad E|^2 by quadrature; the cross term
    of the square is integrated by parts. Four standard errors: fails once in 8,000.
    """
    sigma = 0.4
    num = 100_000
    noisy = ring(math.hypot(0.3, sigma))
    data = jax.jit(jax.vmap(ring(0.3).sample))(jr.split(jr.key(1), num))
    method = DenoisingScoreMatching(sigma=sigma)
    state = method.init(data, jr.key(0))
    grid = Grid((-5.0, -5.0), (5.0, 5.0), 200)
    points = grid.points()
    mass = np.exp(evaluate(noisy.log_prob, points)) * grid.cell
    score = evaluate(noisy.score, points)
    information = mass @ np.sum(score**2, axis=1)
    energies = {
        "noisy density": lambda x: -noisy.log_prob(x),
        "density": lambda x: -ring(0.3).log_prob(x),
        "Gaussian": lambda x: 0.5 * x @ x,
    }
    losses = {}
    for name, energy in energies.items():
        gradients = evaluate(jax.grad(energy), points)
        fisher = mass @ np.sum((score + gradients) ** 2, axis=1)
        expected = sigma**2 / 2 * (2 / sigma**2 - information + fisher)
        values = [float(loss_of(method, energy, data, state, jr.key(k))) for k in range(4)]
        error = 4 * np.std(values) + 4 * expected / math.sqrt(num)
        assert np.mean(values) == pytest.approx(expected, abs=error), name
        losses[name] = np.mean(values)
    assert losses["noisy density"] < losses["density"] - 0.01
    assert losses["noisy density"] < losses["Gaussian"] - 0.01


@eqx.filter_jit
def loss_of(method, energy, data, state, key):
    return method.loss(energy, data, state, key)[0]


@pytest.mark.parametrize(("ratio", "scale"), [(1, 1.5), (4, 0.8)])
def test_nce_learns_precision_and_log_z(ratio, scale, gaussian):
    """Both gradients are 0 at lambda* = 1 / s^2 and c* = log Z."""
    method = NoiseContrastiveEstimation(ratio=ratio, scale=scale)
    state = method.init(gaussian, jr.key(0))
    precision = 1 / VARIANCE
    log_z = gaussian_log_z(precision, 2)
    assert log_z == pytest.approx(2 * 1.184253, abs=1e-5)
    gradients = []
    energy = Offset(quadratic(precision), jnp.array(log_z))
    for k in range(8):
        gradient = slope(method, energy, gaussian, state, jr.key(k))
        gradients.append([float(gradient.energy.precision), float(gradient.constant)])
    errors = np.std(gradients, axis=0) / math.sqrt(8)
    assert (np.abs(np.mean(gradients, axis=0)) < 4 * errors + 5e-3).all()
    wrong = Offset(quadratic(precision), jnp.array(log_z + 0.5))
    gradient = slope(method, wrong, gaussian, state, jr.key(0))
    assert abs(float(gradient.constant)) > 0.05


def test_nce_loss_log_4_if_noise_is_target(gaussian):
    method = NoiseContrastiveEstimation(ratio=1, scale=1.0)
    state = method.init(gaussian, jr.key(0))
    log_z = gaussian_log_z(1 / VARIANCE, 2)
    energy = Offset(quadratic(1 / VARIANCE), jnp.array(log_z))
    loss, _ = method.loss(energy, gaussian, state, jr.key(0))
    assert float(loss) == pytest.approx(math.log(4), abs=1e-3)


@pytest.mark.full
def test_nce_network_is_self_normalized():
    """log Z of the trained energy, by quadrature, is near 0: the offset has learned it."""
    dataset = SyntheticDataset("half_moons")
    x = dataset.draw(4_000, jr.key(0))
    standardizer = Standardizer.fit(x)
    recipe = dataclasses.replace(METHODS["nce"], num_updates=1_500)
    network = Confined(FourierMLP(2, key=jr.key(1)))
    z = jnp.asarray(standardizer.transform(x), jnp.float32)
    fit = train(recipe, network, z, key=jr.key(2))
    density = normalize_on_grid(fit.energy, dataset.grid(), standardizer)
    assert abs(density.log_z) < 0.05 and density.log_z_error < 1e-3
    # The offset is the log Z of the network alone, which is not 0.
    of_network = normalize_on_grid(fit.energy.energy, dataset.grid(), standardizer)
    assert float(fit.energy.constant) == pytest.approx(of_network.log_z, abs=0.05)
    assert abs(of_network.log_z) > 0.1


class Bowl(eqx.Module):
    """An energy whose minimum is 0, so that it cannot learn log Z."""

    precision: jax.Array

    def __call__(self, x):
        return 0.5 * self.precision * x @ x


@pytest.mark.full
def test_nce_adds_offset(gaussian):
    """Without it the logit is shifted by log Z = 2.37 and the precision is wrong."""
    bowl = Bowl(jnp.array(2.0))
    recipe = METHODS["nce"]
    assert isinstance(recipe.method.build_trainable(bowl, gaussian, jr.key(0)), Offset)
    short = dataclasses.replace(recipe, num_updates=500, batch_size=1_024, learning_rate=0.02)
    fit = train(short, bowl, gaussian, key=jr.key(1))
    assert float(fit.energy.energy.precision) == pytest.approx(1 / VARIANCE, rel=0.05)
    log_z = gaussian_log_z(1 / VARIANCE, 2)
    assert float(fit.energy.constant) == pytest.approx(log_z, abs=0.05)
    state = recipe.method.init(gaussian, jr.key(0))
    alone = slope(recipe.method, Bowl(jnp.array(1 / VARIANCE)), gaussian, state, jr.key(0))
    # Power: without the offset the target is not a fixed point.
    assert abs(float(alone.precision)) > 0.05


def test_mle_fixed_point(gaussian):
    """The gradient is E_data[|x|^2 / 2] - E_model[|x|^2 / 2] for every shift of the grid."""
    method = MaximumLikelihood(margin=4.0)
    state = method.init(gaussian, jr.key(0))
    gradients = [
        float(slope(method, quadratic(1 / VARIANCE), gaussian, state, jr.key(k)).precision)
        for k in range(4)
    ]
    assert np.abs(gradients).max() < 2e-3
    off = float(slope(method, quadratic(1.0), gaussian, state, jr.key(0)).precision)
    assert off == pytest.approx(VARIANCE - 1, abs=5e-3)


def test_mle_gradient_independent_of_grid_shift(gaussian):
    """Gradients in all parameters of a network agree to 0.1% between 8 shifts."""
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
    with pytest.raises(ValueError, match="'mle' supports 1-D and 2-D data only, got 3 columns"):
        MaximumLikelihood().init(jnp.zeros((5, 3)), jr.key(0))
