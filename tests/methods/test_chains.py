"""Chain-based methods other than CD and PCD, and LSD: weights, gradients and fixed points."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from helpers.costs import full_unless

from ebmark.energies import MLP, Confined, Quadratic
from ebmark.methods import (
    ContrastiveDivergence,
    ImprovedContrastiveDivergence,
    JarzynskiContrastiveDivergence,
    LearnedSteinDiscrepancy,
    PersistentContrastiveDivergence,
    Recipe,
    ShortRunMCMC,
)
from ebmark.methods._icd import ICDState
from ebmark.methods._lsd import new_critic
from ebmark.samplers import (
    Langevin,
    Particles,
    ess_fraction,
    jump,
    log_mean,
    log_z,
    resample,
    run_chains,
    smc_update,
)
from ebmark.training.loop import train


def quadratic(precision, dim=1):
    return Quadratic(jnp.asarray(precision), jnp.zeros(dim))


@pytest.mark.full
@pytest.mark.parametrize("target", [0.5, 0.9])
def test_cd_step_size_adapts_to_target_acceptance(target):
    """HMC on N(0, I) in 16 dimensions, from a step size with an acceptance rate near 1."""
    method = ContrastiveDivergence(
        num_steps=1, step_size=1e-3, num_leapfrogs=3, target_acceptance=target
    )
    x = jr.normal(jr.key(0), (500, 16))
    energy = quadratic(1.0, dim=16)

    def update(state, key):
        return method.loss(energy, x, state, key)[1], None

    state, _ = jax.lax.scan(update, method.init(x, jr.key(1)), jr.split(jr.key(2), 400))
    rate = method.diagnostics(energy, state, x, jr.key(3))["acceptance_rate"]
    assert abs(rate - target) < 0.1


def follow(precisions, step_size, **options):
    """Move 20,000 particles along Gaussians of these precisions, one update each."""

    @jax.jit
    def run(particles, key):
        def body(particles, precision_and_key):
            precision, key = precision_and_key
            return smc_update(particles, quadratic(precision), step_size, 1, key, **options), None

        return jax.lax.scan(body, particles, (precisions, jr.split(key, len(precisions))))[0]

    return run(Particles.of_normal(20_000, 1, jr.key(0)), jr.key(1))


@pytest.mark.slow
def test_antithetic_chains_mirror_each_other():
    """From the center of a symmetric energy, the two chains of a data point end at x and -x."""
    method = ContrastiveDivergence(num_steps=2, step_size=0.1, num_leapfrogs=3, antithetic=True)
    x = jnp.zeros((20, 4))
    state = method.init(x, jr.key(0))
    ends, _ = method.negatives(quadratic(1.0, dim=4), x, state, jr.key(1))
    assert jnp.all(jnp.any(ends[:20] != 0, axis=1))
    np.testing.assert_allclose(ends[20:], -ends[:20], rtol=1e-5)


@pytest.mark.parametrize("kind", [ContrastiveDivergence, PersistentContrastiveDivergence])
def test_unadjusted_chains_cost_no_leapfrogs(kind):
    """They are Langevin: a gradient per step, beside one of the loss at both ends."""
    options = {"num_steps": 10, "num_leapfrogs": 4, "adjusted": False}
    if kind is ContrastiveDivergence:
        options["antithetic"] = True
    assert kind(**options).network_evaluations(1, 2) == 10 * 2 + 2 * 3


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [False, True])
def test_stuck_pcd_chain_restarts_at_data(restarts):
    """A chain whose energy exceeds that of all data leaves the buffer if chains restart there."""
    x = jr.normal(jr.key(0), (16, 4))
    method = PersistentContrastiveDivergence(
        num_steps=1, num_chains=16, step_size=1e-6, reinit_at_data=restarts
    )
    state = method.init(x, jr.key(1))
    state = state._replace(chains=state.chains.at[3].set(100.0))
    loss, state = method.loss(quadratic(1.0, dim=4), x, state, jr.key(2))
    assert (jnp.max(jnp.abs(state.chains)) < 10) == restarts
    # it was raised once
    assert loss < -1000


@pytest.mark.slow
@pytest.mark.parametrize("adjusted", [pytest.param(False, marks=pytest.mark.full), True])
def test_particle_weights_give_log_z(adjusted):
    """Z = sqrt(2 pi / lambda), lambda from 1 to 5.89 in 60 steps of h = 0.05.

    The weighted second moment is 1 / lambda; without weights, that of unadjusted particles is not.
    """
    last = follow(jnp.linspace(1, 5.89, 61)[1:], 0.05, adjusted=adjusted)
    expected = 0.5 * np.log(2 * np.pi / 5.89)
    assert float(log_z(last, quadratic(5.89))) == pytest.approx(
        expected, abs=0.02
    )  # 4 standard errors
    weights = jax.nn.softmax(last.log_weights)
    squares = np.asarray(last.x[:, 0] ** 2)
    assert float(weights @ squares) == pytest.approx(1 / 5.89, rel=0.06)
    assert adjusted or squares.mean() > 1.1 / 5.89
    assert 0.7 < float(ess_fraction(last.log_weights)) < 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    full_unless({"adjusted": False}.__eq__, [{}, {"adjusted": False}, {"jump_scale": 1.0}]),
)
def test_particle_weights_correct_if_resampled(options):
    """A path too fast for its steps, lambda from 1 to 40; four standard errors or more."""
    last = follow(jnp.linspace(1, 40, 61)[1:], 0.0005, **options)
    # With jumps, particles follow so well that none is resampled.
    jumps = "jump_scale" in options
    assert (float(last.log_z) != 0.0) != jumps
    assert (float(jnp.mean(last.x**2)) > 2 / 40) != jumps
    expected = 0.5 * np.log(2 * np.pi / 40)
    assert float(log_z(last, quadratic(40.0))) == pytest.approx(expected, abs=0.03)
    weighted = float(jax.nn.softmax(last.log_weights) @ last.x[:, 0] ** 2)
    assert weighted == pytest.approx(1 / 40, rel=0.08)


@pytest.mark.full
def test_resampling_keeps_weighted_mean():
    particles = Particles.of_normal(4_000, 1, jr.key(0))
    particles = particles._replace(log_weights=3 * particles.x[:, 0])
    before = jax.nn.softmax(particles.log_weights) @ particles.x[:, 0]
    after = resample(particles, jr.key(1))
    assert float(after.x.mean()) == pytest.approx(float(before), abs=0.02)
    assert float(after.log_z) == pytest.approx(float(log_mean(particles.log_weights)))
    even = particles._replace(log_weights=jnp.zeros(4_000))
    # Equal weights are not resampled.
    np.testing.assert_array_equal(resample(even, jr.key(1)).x, even.x)


@pytest.mark.full
def test_jarzynski_log_z_of_gaussian():
    """log Z after 200 updates at a fixed energy, within four standard errors."""
    method = JarzynskiContrastiveDivergence(step_size=0.05)
    data = jr.normal(jr.key(0), (500, 2))
    state = method.init(data, jr.key(1))
    energy = quadratic(3.0, 2)
    loss = jax.jit(lambda state, key: method.loss(energy, data, state, key)[1])
    for k in range(200):
        state = loss(state, jr.key(k))
    log_z = float(method.learned_energy(energy, state)(jnp.zeros(2)))
    assert log_z == pytest.approx(np.log(2 * np.pi / 3), abs=0.15)
    assert 0 < float(method.diagnostics(energy, state, data, jr.key(2))["particle_ess"]) <= 1
    # Another energy is reweighted from the same particles.
    other = method.learned_energy(quadratic(2.5, 2), state)
    assert float(other(jnp.zeros(2))) == pytest.approx(np.log(2 * np.pi / 2.5), abs=0.15)


@pytest.mark.full
def test_jarzynski_gradient_is_that_of_likelihood():
    """d (s^2 - 1 / a) / 2 for E = a |x|^2 / 2, a from 1 to 1.3 in one update of tiny moves.

    Without weights the gradient would be d (s^2 - 1) / 2 = 0.
    """
    method = JarzynskiContrastiveDivergence(num_particles=100_000, step_size=1e-6, jump_scale=0.0)
    data = jnp.array([[1.0, 1.0], [-1.0, -1.0]])
    state = method.init(data, jr.key(1))
    loss = jax.jit(lambda a: method.loss(quadratic(a, 2), data, state, jr.key(2))[0])
    gradient = float(jax.grad(loss)(1.3))
    assert gradient == pytest.approx(1 - 1 / 1.3, abs=0.015)  # four standard errors


@pytest.mark.full
def test_jumps_reach_modes_without_particles():
    """A fifth of the mass at -2, the rest at 2, all particles at 2; four standard errors."""
    centers = jnp.array([-2.0, 2.0])
    weights = jnp.array([0.2, 0.8])

    def energy(x):
        return -jax.nn.logsumexp(-8 * (x[0] - centers) ** 2 + jnp.log(weights))

    x = 2 + 0.25 * jr.normal(jr.key(0), (4_000, 1))
    particles = Particles(x, jax.vmap(energy)(x), jnp.zeros(4_000), jnp.array(0.0))
    jump_once = jax.jit(lambda particles, key: jump(particles, energy, 3.0, key))
    for key in jr.split(jr.key(1), 200):
        particles = jump_once(particles, key)
    assert float(jnp.mean(particles.x < 0)) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 4_000))
    # The energy did not change.
    np.testing.assert_array_equal(particles.log_weights, 0.0)
    np.testing.assert_allclose(particles.energies, jax.vmap(energy)(particles.x), rtol=1e-5)


@pytest.mark.full
def test_log_z_from_eval_particles_unbiased():
    """Particles of the gradient underestimate log Z, here by more than ten times the error."""
    method = JarzynskiContrastiveDivergence(
        num_particles=16, num_eval_particles=4_000, step_size=0.02
    )
    recipe = Recipe(method=method, num_updates=300, learning_rate=0.01, batch_size=64)
    data = jr.laplace(jr.key(0), (2_000, 1)) / np.sqrt(2)
    network = Confined(MLP(1, width=16, depth=2, key=jr.key(1)))
    fit = train(recipe, network, data, key=jr.key(2))
    x = jnp.linspace(-8, 8, 4_001)[:, None]
    expected = float(
        jax.nn.logsumexp(-jax.vmap(fit.snapshots[-1].trainable)(x)) + np.log(16 / 4_000)
    )
    estimates = {
        name: float(log_z(getattr(fit.state, name), fit.snapshots[-1].trainable))
        for name in ("particles", "eval_particles")
    }
    assert estimates["eval_particles"] == pytest.approx(expected, abs=0.05)
    assert estimates["particles"] < expected - 0.5


@pytest.mark.full
def test_icd_gradient_by_finite_differences():
    """CD and KL term, by central differences in the precision with common random numbers."""
    method = ImprovedContrastiveDivergence(num_steps=4, num_seen=64)
    batch = jr.normal(jr.key(0), (300, 2))
    seen = jr.normal(jr.key(1), (64, 2))
    key = jr.key(2)
    precision = 1.3
    h = 0.1
    state = ICDState(jnp.array(h), seen)
    gradient = jax.grad(lambda a: method.loss(quadratic(a, 2), batch, state, key)[0])(precision)
    chain_key, last_key = jr.split(key)
    x = run_chains(Langevin(jnp.array(h)), quadratic(precision, 2), batch, 3, chain_key).x
    ends = run_chains(Langevin(jnp.array(h)), quadratic(precision, 2), x, 1, last_key).x
    x, ends, others = (np.asarray(z, np.float64) for z in (x, ends, seen))
    noise = ends - x + h * precision * x

    def kl(a):
        """E_sg(theta) of the end points minus their entropy, the last step taken under `a`."""
        moved = x - h * a * x + noise
        nearest = np.min(np.sum((moved[:, None] - others) ** 2, axis=-1), axis=1)
        return np.mean(0.5 * precision * np.sum(moved**2, axis=1) - np.log(nearest))

    cd_gradient = 0.5 * (float(jnp.mean(jnp.sum(batch**2, 1))) - np.mean(np.sum(ends**2, 1)))
    kl_gradient = (kl(precision + 1e-6) - kl(precision - 1e-6)) / 2e-6
    assert abs(kl_gradient) > 1e-3
    assert float(gradient) == pytest.approx(cd_gradient + kl_gradient, rel=0.01, abs=1e-3)


@pytest.mark.full
def test_icd_weight_sign():
    """-1 gives the gradient of KL(data || p) - KL(q || p) after one step on a Gaussian, 1 adds.

    v(a) = (1 - h a)^2 + 2 h; KL(N(0, v) || N(0, 1/a)) = (a v - 1 - log a v) / 2 per dimension. In
    fewer than three dimensions the gradient of the nearest neighbor has no variance.
    """
    h = 0.1
    precision = 2.0
    batch = jr.normal(jr.key(0), (20_000, 3))
    batch = (batch - batch.mean(axis=0)) / batch.std(axis=0)

    def variance(a):
        return (1 - h * a) ** 2 + 2 * h

    def objective(a):
        return sum(
            sign * (a * v - 1 - jnp.log(a * v)) / 2 for sign, v in ((1, 1.0), (-1, variance(a)))
        )

    state = ICDState(jnp.array(h), jnp.sqrt(variance(precision)) * jr.normal(jr.key(1), (2_000, 3)))
    gradients = {}
    for weight in (-1.0, 0.0, 1.0):
        method = ImprovedContrastiveDivergence(num_steps=1, weight=weight)
        loss = functools.partial(method.loss, batch=batch, state=state, key=jr.key(2))
        gradient = jax.grad(lambda a, loss=loss: loss(quadratic(a, 3))[0])(precision)
        gradients[weight] = float(gradient) / 3
    assert gradients[0.0] == pytest.approx((1 - variance(precision)) / 2, abs=0.01)
    assert gradients[-1.0] == pytest.approx(float(jax.grad(objective)(precision)), rel=0.1)
    assert gradients[1.0] < gradients[0.0] < gradients[-1.0]


@pytest.mark.full
def test_short_run_sampler_variance():
    """k Langevin steps on a Gaussian, from N(0, 1) in [-2, 2], by the recursion of the variance."""
    method = ShortRunMCMC(num_steps=5, step_size=0.1)
    state = method.init(jnp.linspace(-2.0, 2.0, 300)[:, None], jr.key(1))
    x = method.sample(quadratic(4.0), state, 40_000, jr.key(2))
    variance = scipy.stats.truncnorm(-2, 2).var()
    for _ in range(5):
        variance = (1 - 0.1 * 4) ** 2 * variance + 2 * 0.1
    assert float(x.var()) == pytest.approx(variance, rel=4 * np.sqrt(2 / 40_000))


@pytest.mark.slow
@pytest.mark.parametrize("num_steps", [pytest.param(3, marks=pytest.mark.full), 40])
def test_short_run_fixed_point(num_steps):
    """The gradient is 0 at `gaussian_precision`, and not at 1 / s^2."""
    method = ShortRunMCMC(num_steps=num_steps, step_size=0.1)
    data = jr.normal(jr.key(0), (40_000, 1))
    data = jnp.sqrt(0.6) * (data - data.mean()) / data.std()
    state = method.init(data, jr.key(1))
    fixed = method.gaussian_precision(0.6, state)
    gradient = jax.jit(jax.grad(lambda a, key: method.loss(quadratic(a), data, state, key)[0]))
    keys = jr.split(jr.key(2), 16)
    at_fixed = np.array([gradient(fixed, key) for key in keys])
    at_target = np.array([gradient(1 / 0.6, key) for key in keys])
    assert abs(at_fixed.mean()) < 4.5 * at_fixed.std(ddof=1) / 4  # fails once in 10,000
    assert abs(at_target.mean()) > 10 * at_target.std(ddof=1) / 4


@pytest.mark.full
def test_lsd_best_critic_is_score_difference():
    """On N(0, 1) against precision 2: f* = -(2 - 1) x / (2 lambda), value E x^2 / (4 lambda).

    Points are new in every update: on a fixed sample the divergence of the critic overfits.
    """
    method = LearnedSteinDiscrepancy(penalty=1.0, num_critic=1)
    energy = quadratic(2.0)

    def update(state, key):
        return method.loss(energy, jr.normal(key, (500, 1)), state, key)[::-1]

    start = method.init(jnp.zeros((1, 1)), jr.key(1))
    keys = jr.split(jr.key(0), 3_000)
    state, losses = jax.jit(lambda state: jax.lax.scan(update, state, keys))(start)
    # The loss is E s f, which at f* is E[-2x . -x / 2] = 1.
    assert float(losses[-500:].mean()) == pytest.approx(1.0, abs=0.05)
    # The critic's objective at the quantiles of N(0, 1): E[s f + f' - f^2] <= 1 - 1/2 - 1/4.
    critic = eqx.combine(
        state.critic, eqx.filter(new_critic(1, jr.key(0)), eqx.is_array, inverse=True)
    )
    x = jax.scipy.stats.norm.ppf((jnp.arange(4_000) + 0.5) / 4_000)[:, None]
    f, divergence = jax.vmap(lambda x: jax.jvp(critic, (x,), (jnp.ones(1),)))(x)
    assert 0.24 < float(jnp.mean(-2 * x * f + divergence - f**2)) < 0.2501
    assert float(jnp.mean((f + x / 2) ** 2)) < 0.01


@pytest.mark.full
def test_acceptance_rate_matches_numpy():
    """MALA on N(0, I) from N(0, I): the mean of alpha; unadjusted chains have no acceptance rate.

    A fraction of 1,000 chains, within 4.5 standard errors: fails once in 150,000.
    """
    h = 1.5
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 100_000, 2))
    y = x - h * x + math.sqrt(2 * h) * noise
    forward = (y - x + h * x) ** 2
    backward = (x - y + h * y) ** 2
    log_alpha = np.sum((x**2 - y**2) / 2 + (forward - backward) / (4 * h), axis=1)
    expected = np.mean(np.minimum(1, np.exp(log_alpha)))
    assert 0.2 < expected < 0.8

    data = jr.normal(jr.key(0), (1_000, 2))
    energy = quadratic(1.0, dim=2)
    diagnostics = {}
    for adjusted in (True, False):
        method = ContrastiveDivergence(adjusted=adjusted, step_size=h)
        state = method.init(data, jr.key(1))
        diagnostics[adjusted] = method.diagnostics(energy, state, data, jr.key(2))
    assert diagnostics[False] == {}
    error = math.sqrt(expected * (1 - expected) / 1_000)
    assert float(diagnostics[True]["acceptance_rate"]) == pytest.approx(expected, abs=4.5 * error)
