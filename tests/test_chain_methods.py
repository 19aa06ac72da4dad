"""Methods that learn from chains, beyond CD: what their weights and their gradients are."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

from ebmark.energies import Quadratic
from ebmark.methods import (
    ContrastiveDivergence,
    ImprovedContrastiveDivergence,
    JarzynskiContrastiveDivergence,
    LearnedSteinDiscrepancy,
    ShortRunMCMC,
)
from ebmark.methods._icd import ICDState
from ebmark.methods._lsd import _critic
from ebmark.samplers import Langevin, run_chains
from ebmark.walkers import Walkers, log_mean, moved, resampled, share_effective


def quadratic(precision, dim=1):
    return Quadratic(jnp.asarray(precision), jnp.zeros(dim))


@pytest.mark.parametrize("resample", [False, True])
def test_the_weights_of_walkers_give_the_ratio_of_normalisers(resample):
    """methods.md A.17: lambda from 1 to 5.89 in 60 steps of h = .05; Z ratio 1 / sqrt(5.89).

    And the weighted second moment is 1 / lambda, where the walkers' own lags behind.
    """
    num, lambdas = 20_000, jnp.linspace(1, 5.89, 61)[1:]
    walkers = Walkers.of_normal(num, 1, jr.key(0))

    @jax.jit
    def follow(walkers, key):
        def body(walkers, numbered):
            precision, key = numbered
            move_key, resample_key = jr.split(key)
            walkers = moved(walkers, quadratic(precision), 0.05, 1, move_key)
            return (resampled(walkers, resample_key) if resample else walkers), None

        return jax.lax.scan(body, walkers, (lambdas, jr.split(key, 60)))[0]

    last = follow(walkers, jr.key(1))
    log_z = float(last.log_z + log_mean(last.log_weights))
    truth = 0.5 * np.log(2 * np.pi / 5.89)
    assert log_z == pytest.approx(truth, abs=0.02)  # four standard errors
    weights = jax.nn.softmax(last.log_weights)
    squares = np.asarray(last.x[:, 0] ** 2)
    assert float(weights @ squares) == pytest.approx(1 / 5.89, rel=0.06)
    if not resample:
        assert squares.mean() > 1.1 / 5.89
        assert 0.7 < float(share_effective(last.log_weights)) < 0.95


def test_systematic_resampling_keeps_the_weighted_law():
    walkers = Walkers.of_normal(4_000, 1, jr.key(0))
    walkers = walkers._replace(log_weights=3 * walkers.x[:, 0])
    before = jax.nn.softmax(walkers.log_weights) @ walkers.x[:, 0]
    after = resampled(walkers, jr.key(1))
    assert float(after.x.mean()) == pytest.approx(float(before), abs=0.02)
    assert float(after.log_z) == pytest.approx(float(log_mean(walkers.log_weights)))
    even = walkers._replace(log_weights=jnp.zeros(4_000))
    np.testing.assert_array_equal(resampled(even, jr.key(1)).x, even.x)  # nothing to mend


def test_jarzynskis_log_z_is_the_energys():
    """After 200 calls at a fixed energy: log Z of a Gaussian, to four standard errors."""
    method = JarzynskiContrastiveDivergence(step_size=0.05)
    data = jr.normal(jr.key(0), (500, 2))
    state = method.init(data, jr.key(1))
    energy = quadratic(3.0, 2)
    loss = jax.jit(lambda state, key: method.loss(energy, data, state, key)[1])
    for k in range(200):
        state = loss(state, jr.key(k))
    assert float(state.log_z) == pytest.approx(np.log(2 * np.pi / 3), abs=0.15)
    assert float(method.density(energy, state)(jnp.zeros(2))) == pytest.approx(float(state.log_z))
    assert 0 < float(method.diagnostics(energy, state, data, jr.key(2))["ess"]) <= 1


def test_icds_gradient_is_contrastive_divergences_and_that_of_its_own_chains():
    """By central differences in the precision, with common random numbers."""
    method = ImprovedContrastiveDivergence(num_steps=4, num_seen=64)
    batch, seen = jr.normal(jr.key(0), (300, 2)), jr.normal(jr.key(1), (64, 2))
    state, key, at, h = ICDState(jnp.array(0.1), seen), jr.key(2), 1.3, 0.1
    found = jax.grad(lambda a: method.loss(quadratic(a, 2), batch, state, key)[0])(at)
    chain_key, last_key = jr.split(key)
    x = run_chains(Langevin(jnp.array(h)), quadratic(at, 2), batch, 3, chain_key).x

    ends = run_chains(Langevin(jnp.array(h)), quadratic(at, 2), x, 1, last_key).x
    x, ends, others = (np.asarray(z, np.float64) for z in (x, ends, seen))
    noise = ends - x + h * at * x

    def own(a):
        """E_sg(theta) of the ends less their entropy, the last step taken under `a`."""
        moved = x - h * a * x + noise
        nearest = np.min(np.sum((moved[:, None] - others) ** 2, axis=-1), axis=1)
        return np.mean(0.5 * at * np.sum(moved**2, axis=1) - np.log(nearest))

    plain = 0.5 * (float(jnp.mean(jnp.sum(batch**2, 1))) - np.mean(np.sum(ends**2, 1)))
    extra = (own(at + 1e-6) - own(at - 1e-6)) / 2e-6
    assert abs(extra) > 1e-3
    assert float(found) == pytest.approx(plain + extra, rel=0.01, abs=1e-3)


def test_short_runs_own_sampler_is_its_chains_from_noise():
    """k steps in a Gaussian, from N(0, 1) in [-2, 2]: the variance by Langevin's own recursion."""
    method = ShortRunMCMC(num_steps=5, step_size=0.1)
    state = method.init(jnp.linspace(-2.0, 2.0, 300)[:, None], jr.key(1))
    x = method.sample(quadratic(4.0), state, 40_000, jr.key(2))
    variance = scipy.stats.truncnorm(-2, 2).var()
    for _ in range(5):
        variance = (1 - 0.1 * 4) ** 2 * variance + 2 * 0.1
    assert float(x.var()) == pytest.approx(variance, rel=4 * np.sqrt(2 / 40_000))


@pytest.mark.full
def test_the_best_critic_is_the_scores_difference_and_its_value_their_fisher_divergence():
    """On N(0, 1) against precision 2: f* = -(2 - 1) x / (2 lambda), value E x^2 / (4 lambda).

    Fresh points at every update: on a fixed sample the critic's divergence learns its gaps.
    """
    method, energy = LearnedSteinDiscrepancy(penalty=1.0, num_critic=1), quadratic(2.0)

    def update(state, key):
        return method.loss(energy, jr.normal(key, (500, 1)), state, key)[::-1]

    start = method.init(jnp.zeros((1, 1)), jr.key(1))
    keys = jr.split(jr.key(0), 3_000)
    state, losses = jax.jit(lambda state: jax.lax.scan(update, state, keys))(start)
    # the loss is E s f, of which f* makes E[-2x . -x / 2] = 1
    assert float(losses[-500:].mean()) == pytest.approx(1.0, abs=0.05)
    # what the critic climbs, at the quantiles of N(0, 1): E[s f + f' - f^2] = 1 - 1/2 - 1/4 at most
    critic = eqx.combine(
        state.critic, eqx.filter(_critic(1, jr.key(0)), eqx.is_array, inverse=True)
    )
    x = jax.scipy.stats.norm.ppf((jnp.arange(4_000) + 0.5) / 4_000)[:, None]
    f, divergence = jax.vmap(lambda x: jax.jvp(critic, (x,), (jnp.ones(1),)))(x)
    assert 0.24 < float(jnp.mean(-2 * x * f + divergence - f**2)) < 0.2501
    assert float(jnp.mean((f + x / 2) ** 2)) < 0.01


def test_acceptance_is_that_of_langevin_proposals_where_they_are_at_home():
    """MALA on N(0, I) from N(0, I): the mean of alpha, here by numpy; of unadjusted steps none.

    A share of 1,000 chains, within 4.5 standard errors: fails once in 150,000.
    """
    h, rng = 1.5, np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 100_000, 2))
    y = x - h * x + math.sqrt(2 * h) * noise
    forth, back = ((b - a + h * a) ** 2 for a, b in ((x, y), (y, x)))
    log_alpha = np.sum((x**2 - y**2) / 2 + (forth - back) / (4 * h), axis=1)
    wanted = np.mean(np.minimum(1, np.exp(log_alpha)))
    assert 0.2 < wanted < 0.8

    data, energy = jr.normal(jr.key(0), (1_000, 2)), quadratic(1.0, dim=2)
    found = {}
    for adjusted in (True, False):
        method = ContrastiveDivergence(adjusted=adjusted, step_size=h)
        state = method.init(data, jr.key(1))
        found[adjusted] = method.diagnostics(energy, state, data, jr.key(2))
    assert found[False] == {}
    error = math.sqrt(wanted * (1 - wanted) / 1_000)
    assert float(found[True]["acceptance"]) == pytest.approx(wanted, abs=4.5 * error)
